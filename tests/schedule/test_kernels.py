"""What graphs become: how many kernels, as which text, with barriers where data crosses threads."""

from __future__ import annotations

import itertools
import re

import pytest

from lamina import primitives as p
from lamina.autodiff import gradients
from lamina.base.dims import Dim
from lamina.graph import Graph, input_node
from lamina.schedule.printer import format_kernel
from tests.compiler.agreement import MATMUL, layer_norm, plan, softmax, spread
from tests.compiler.random_graphs import GraphMaker

BATCH = Dim("batch")


def kernels(*outputs, updates=()):
    roots = [*outputs, *(new for _, new in updates)]
    inputs = [n for n in Graph((), tuple(roots)).nodes() if n.primitive.name == "input"]
    return plan(Graph(tuple(inputs), tuple(outputs), tuple(updates))).kernels


def matrix(rows=BATCH, columns=10):
    return input_node((rows, columns), "float32")


X = matrix()


# How many


def test_one_kernel_for_a_row_at_a_time():
    assert len(kernels(softmax(X, 1))) == 1
    assert len(kernels(layer_norm(X, 1, 10))) == 1
    assert len(kernels(layer_norm(softmax(X, 1), 1, 10))) == 1
    assert len(kernels(p.reduce_max(p.exp(X), (1,)))) == 1


def test_one_kernel_for_a_chain():
    node = X
    for _ in range(5):
        node = p.tanh(p.add(node, p.full(X.shape, 0.5, "float32")))
    assert len(kernels(p.reshape(p.reverse(node, (1,)), (BATCH * 10,)))) == 1


def test_movement_takes_no_kernel_of_its_own():
    heads = p.transpose(p.reshape(X, (BATCH, 2, 5)), (1, 0, 2))
    assert len(kernels(p.reduce_sum(p.exp(heads), (2,)))) == 1


def test_one_kernel_for_outputs_of_the_same_loops():
    assert len(kernels(p.exp(X), p.negate(X), p.add(X, X))) == 1


def test_one_kernel_for_a_layer():
    w, c = input_node((10, 32), "float32"), input_node((32,), "float32")
    product = p.add(p.contract(X, w, MATMUL), p.broadcast(c, (BATCH, 32)))
    assert len(kernels(p.maximum(product, p.full(product.shape, 0.0, "float32")))) == 1


def test_one_kernel_for_an_update():
    w, m, v, g = (matrix(50) for _ in range(4))
    first = p.add(p.multiply(m, p.full(m.shape, 0.9, "float32")), p.multiply(g, p.full(m.shape, 0.1, "float32")))
    second = p.add(v, p.multiply(g, g))
    step = p.divide(first, p.sqrt(second))
    assert len(kernels(updates=((w, p.subtract(w, step)), (m, first), (v, second)))) == 1


def test_fold_over_rows_takes_one_to_bring_tasks_together():
    assert len(kernels(p.reduce_sum(p.exp(X), (0,)))) == 2


def test_equal_nodes_are_computed_once():
    text = "\n".join(format_kernel(k) for k in kernels(p.add(p.exp(X), p.negate(p.exp(X)))))
    assert text.count("exp(") == 1


def test_expensive_values_are_not_computed_twice():
    """A value that two kernels read is stored, if computing it again costs more than reading it."""
    e = p.exp(p.tanh(X))
    made = kernels(p.reduce_sum(e, (0,)), p.contract(e, e, ("km", "kn", "mn")))
    assert sum("tanh(" in format_kernel(k) for k in made) == 1


def training_step() -> Graph:
    """A classifier of two layers: loss, gradients and an update with momentum of four weights."""
    x, labels = input_node((BATCH, 784), "float32"), input_node((BATCH,), "int64")
    shapes = ((784, 64), (64,), (64, 10), (10,))
    weights = [input_node(s, "float32") for s in shapes]
    momenta = [input_node(s, "float32") for s in shapes]
    w, c, v, d = weights
    zero = p.full((BATCH, 64), 0.0, "float32")
    hidden = p.maximum(p.add(p.contract(x, w, MATMUL), p.broadcast(c, (BATCH, 64))), zero)
    scores = p.add(p.contract(hidden, v, MATMUL), p.broadcast(d, (BATCH, 10)))
    shifted = p.subtract(scores, spread(p.reduce_max(scores, (1,)), scores.shape, 1))
    total = p.log(p.reduce_sum(p.exp(shifted), (1,)))
    likely = p.reduce_sum(p.multiply(shifted, p.one_hot(labels, 10, "float32")), (1,))
    size = p.cast(p.dimension(BATCH), "float32")
    loss = p.divide(p.reduce_sum(p.subtract(total, likely), (0,)), size)
    updates = []
    for weight, momentum, gradient in zip(weights, momenta, gradients([loss], weights)):
        new = p.add(p.multiply(momentum, p.full(weight.shape, 0.9, "float32")), gradient)
        step = p.multiply(new, p.full(weight.shape, 0.01, "float32"))
        updates += [(momentum, new), (weight, p.subtract(weight, step))]
    return Graph((x, labels, *weights, *momenta), (loss,), tuple(updates))


def test_a_training_step_takes_few_kernels_and_barriers():
    schedule = plan(training_step())
    assert len(schedule.kernels) <= 18
    assert schedule.phases[-1] <= 9
    assert sum(old.role == "state" for old in schedule.aliases.values()) == 8, (
        "every weight and momentum is updated in place"
    )


# As which text


def text(*outputs):
    return "\n".join("\n".join(format_kernel(k).split("\n")[1:]) for k in kernels(*outputs))


def test_golden_chain():
    """Sizes that are known: the loops of both axes are one."""
    x = matrix(3)
    found = text(p.tanh(p.add(x, p.full(x.shape, 2.0, "float32"))))
    assert re.sub(r"in \[.*\):", "in [...):", found) == (
        "  b0: float32(3, 10)\n"
        "  b1: float32(3, 10)\n"
        "  for v0 in tasks 1:\n"
        "    vector v1 in [...):\n"
        "      b1[v1] = tanh(add(b0[v1], 2.0))"
    )


def test_golden_softmax_rows():
    """Maximum, sum and quotient; exponentials are computed once and wait in scratch memory."""
    found = "\n".join(line.strip() for line in text(softmax(matrix(4, 100), 1)).split("\n"))
    assert found.startswith("b0: float32(4, 100)\nb1: float32(4, 100)\ns0: float32(100,) local\n")
    words = [line.split(" ")[0] for line in found.split("\n")]
    assert [w for w in words if w in ("var", "vector", "collapse")] == [
        "var", "vector", "collapse", "var", "vector", "collapse", "vector",
    ]  # fmt: skip
    assert "= -inf  merge max(" in found and "= 0.0  merge add(" in found and "div(s0[" in found


def test_equal_kernels_print_equally():
    first, second = (format_kernel(kernels(softmax(matrix(5), 1))[0]) for _ in range(2))
    assert first.split("\n")[1:] == second.split("\n")[1:]


def test_different_kernels_print_differently():
    folds = [lambda x: p.reduce_sum(x, (0,)), lambda x: p.reduce_sum(x, (1,))]
    bodies = [text(f(matrix(5))) for f in (p.exp, p.tanh, *folds)]
    bodies += [text(p.add(matrix(5), p.full((5, 10), value, "float32"))) for value in (1.0, -1.0, float("nan"))]
    bodies += [text(p.cast(matrix(5), dtype)) for dtype in ("int32", "int64", "uint8")]
    assert len(set(bodies)) == len(bodies)


# Barriers and lifetimes


@pytest.mark.parametrize("seed", range(300, 330))
def test_a_barrier_wherever_data_crosses_threads(seed):
    schedule = plan(GraphMaker(seed, symbolic=seed % 2 == 0).graph(14))
    steps = list(zip(schedule.kernels, schedule.phases))
    assert [phase for _, phase in steps] == sorted(phase for _, phase in steps)
    for (before, first), (after, second) in itertools.combinations(steps, 2):
        alone = all(k.tasks.op == "const" and k.tasks.attr == 1 for k in (before, after))
        reads, writes = ({schedule.resolved(b) for b in found} for found in (before.read(), before.written()))
        later = {schedule.resolved(b) for b in after.read()}, {schedule.resolved(b) for b in after.written()}
        if not alone and (writes & (later[0] | later[1]) or reads & later[1]):
            assert second > first, f"{after.name} after {before.name}"


@pytest.mark.parametrize("seed", range(330, 340))
def test_lifetimes_cover_every_use(seed):
    schedule = plan(GraphMaker(seed).graph(14))
    lives = {life.buffer: life for life in schedule.lifetimes()}
    for kernel, phase in zip(schedule.kernels, schedule.phases):
        for buffer in map(schedule.resolved, kernel.buffers()):
            if buffer.role == "temporary":
                assert lives[buffer].first <= phase <= lives[buffer].last


def test_single_tasks_need_no_barrier():
    x = matrix(3)
    total = p.reduce_sum(p.cumulative_sum(x, 0), (0, 1))
    schedule = plan(Graph((x,), (p.add(p.cumulative_sum(x, 1), p.broadcast(total, x.shape)),)))
    assert len(schedule.kernels) > 1 and set(schedule.phases) == {0}
