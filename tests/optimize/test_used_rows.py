"""Updates that touch only the rows in use: where they may, that they do, and the same numbers as without."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import IndexRangeError
from lamina.compiler import compile_graph
from lamina.graph import Graph, Node, input_node, interpret
from lamina.optimize import optimize
from lamina.optimize.used_rows import LEAST_GAIN
from tests.compiler.agreement import assert_agrees, assert_close, assert_same_bits, loop_ir, machine_code, plan, run

ROWS, WIDTH, BATCH = 2000, 20, Dim("batch")
W = input_node((ROWS, WIDTH), "float32", name="w")
S = input_node((ROWS, WIDTH), "float32", name="state")
RATE = input_node((), "float32", name="rate")
WORDS = input_node((BATCH, 3), "int32", name="indices")
U = input_node((BATCH, 3, WIDTH), "float32", name="updates")
MORE_WORDS = input_node((BATCH,), "int64", name="more indices")
V = input_node((BATCH, WIDTH), "float32", name="more updates")


def number(value: float) -> Node:
    return p.full(W.shape, value, "float32")


G = p.scatter_add(number(0), WORDS, U, 0)
MORE = p.scatter_add(number(0), MORE_WORDS, V, 0)
STEP = p.multiply(G, p.broadcast(RATE, W.shape))


def graph(*updates: tuple[Node, Node], outputs: tuple[Node, ...] = ()) -> Graph:
    return Graph((W, S, RATE, WORDS, U, MORE_WORDS, V), outputs, updates)


def descent() -> Graph:
    return graph((W, p.subtract(W, STEP)))


def adagrad(gradient: Node = G) -> Graph:
    total = p.add(S, p.multiply(gradient, gradient))
    root = p.sqrt(p.add(total, number(1e-7)))
    return graph((S, total), (W, p.subtract(W, p.divide(p.multiply(gradient, p.broadcast(RATE, W.shape)), root))))


def clipped() -> Graph:
    return graph((W, p.subtract(W, p.minimum(p.maximum(STEP, number(-0.01)), number(0.01)))))


def with_a_rate_for_each_column() -> Graph:
    rates = p.broadcast(p.reduce_sum(S, (0,)), W.shape)
    return graph((W, p.subtract(W, p.multiply(G, rates))))


def with_a_rate_for_each_row() -> Graph:
    rates = p.broadcast(p.reshape(p.reduce_sum(S, (1,)), (ROWS, 1)), W.shape)
    return graph((W, p.subtract(W, p.multiply(G, rates))))


def by_rows_of_another_table() -> Graph:
    return graph((W, p.subtract(W, p.multiply(G, p.tanh(S)))))


def then_averaged() -> Graph:
    new = p.subtract(W, STEP)
    return graph((W, new), (S, p.add(p.multiply(S, number(0.5)), p.multiply(new, number(0.5)))))


def two_lookups() -> Graph:
    return adagrad(p.add(G, MORE))


def of_what_is_read_meanwhile() -> Graph:
    """The new rows are made of the old ones, which the step reads as a whole besides."""
    return graph((W, p.subtract(W, STEP)), outputs=(p.reduce_max(W, (0,)), p.take(W, MORE_WORDS, 0)))


SPARSE = [
    descent, adagrad, clipped, with_a_rate_for_each_column, with_a_rate_for_each_row, by_rows_of_another_table,
    then_averaged, two_lookups, of_what_is_read_meanwhile,
]  # fmt: skip


def momentum() -> Graph:
    velocity = p.subtract(p.multiply(S, number(0.9)), STEP)
    return graph((S, velocity), (W, p.add(W, velocity)))


def decay() -> Graph:
    return graph((W, p.subtract(p.multiply(W, number(0.99)), STEP)))


def projection() -> Graph:
    return graph((W, p.maximum(p.subtract(W, STEP), number(0.0))))


def gradient_is_wanted() -> Graph:
    return graph((W, p.subtract(W, STEP)), outputs=(G,))


def scaled_by_its_norm() -> Graph:
    norm = p.sqrt(p.reduce_sum(p.multiply(G, G), (0, 1)))
    return graph((W, p.subtract(W, p.divide(G, p.broadcast(norm, W.shape)))))


def tied() -> Graph:
    product = p.contract(V, V, ("bk", "bn", "kn"))
    dense = p.pad(product, (0, 0), (ROWS - WIDTH, 0))
    return graph((W, p.subtract(W, p.add(STEP, dense))))


def in_a_circle() -> Graph:
    return graph((W, p.subtract(W, p.multiply(G, S))), (S, p.subtract(S, p.multiply(G, W))))


def not_of_zeros() -> Graph:
    return graph((W, p.scatter_add(W, WORDS, U, 0)))


def columns() -> Graph:
    i, u = input_node((2,), "int32"), input_node((ROWS, 2), "float32")
    new = p.subtract(W, p.scatter_add(number(0), i, u, 1))
    return Graph((W, i, u), (), ((W, new),))


def more_rows_than_there_are() -> Graph:
    many = input_node((BATCH, ROWS), "int32")
    updates = p.broadcast(RATE, (BATCH, ROWS, WIDTH))
    new = p.subtract(W, p.scatter_add(number(0), many, updates, 0))
    return Graph((W, RATE, many), (), ((W, new),))


DENSE = [
    momentum, decay, projection, gradient_is_wanted, scaled_by_its_norm, tied, in_a_circle, not_of_zeros, columns,
    more_rows_than_there_are,
]  # fmt: skip


def names(optimized: Graph) -> set[str]:
    return {n.primitive.name for n in optimized.nodes()}


@pytest.mark.parametrize("make", SPARSE, ids=lambda make: make.__name__)
def test_only_rows_in_use(make: Callable[[], Graph]) -> None:
    found = names(optimize(make()))
    assert "replace_rows" in found and "scatter_add" not in found


@pytest.mark.parametrize("make", DENSE, ids=lambda make: make.__name__)
def test_all_rows(make: Callable[[], Graph]) -> None:
    found = names(optimize(make()))
    assert "replace_rows" not in found and "scatter_add" in found


def arrays(batch: int, kind: str) -> list[np.ndarray]:
    rng = np.random.default_rng(batch)
    high = {"apart": ROWS, "often": 5, "one": 1}[kind]
    indices, more = (
        rng.integers(0, high, shape).astype(d) for shape, d in (((batch, 3), "int32"), ((batch,), "int64"))
    )
    floats = [rng.normal(size=n).astype("float32") for n in ((ROWS, WIDTH), (batch, 3, WIDTH), (batch, WIDTH))]
    table, updates, others = floats
    return [table, np.abs(table) + np.float32(0.1), np.array(0.01, "float32"), indices, updates, more, others]


@pytest.mark.parametrize("kind", ["apart", "often", "one"])
@pytest.mark.parametrize("batch", [0, 1, 40])
@pytest.mark.parametrize("make", SPARSE, ids=lambda make: make.__name__)
def test_the_same_numbers(make: Callable[[], Graph], batch: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arrays(batch, kind)
    found = run(machine_code, make(), given)
    monkeypatch.setattr("lamina.optimize.touch_used_rows", lambda graph: graph)
    monkeypatch.setattr(config, "cache", False)
    assert_same_bits(found, run(machine_code, make(), given), make.__name__)


@pytest.mark.parametrize("make", SPARSE, ids=lambda make: make.__name__)
def test_as_interpreted(make: Callable[[], Graph]) -> None:
    assert_agrees(make(), arrays(7, "often"), (loop_ir, machine_code))


@pytest.mark.parametrize("planner", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("make", [descent, adagrad, two_lookups], ids=lambda make: make.__name__)
def test_any_number_of_threads(make: Callable[[], Graph], threads: int, planner: bool) -> None:
    given = arrays(600, "apart")
    expected = run(machine_code, make(), given)
    config.threads, config.memory_planner, config.poison = threads, planner, True
    assert_same_bits(run(machine_code, make(), given), expected, make.__name__)


LOOKED_UP = [momentum, decay, projection, scaled_by_its_norm, tied, in_a_circle]


@pytest.mark.parametrize("batch", [0, 1, 40])
@pytest.mark.parametrize("make", LOOKED_UP, ids=lambda make: make.__name__)
def test_gradients_of_large_tables_are_not_spread(
    make: Callable[[], Graph], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arrays(batch, "often")
    expected = run(machine_code, make(), given)
    monkeypatch.setattr("lamina.optimize.used_rows.LEAST_BYTES", ROWS * WIDTH * 4)
    monkeypatch.setattr(config, "cache", False)
    assert {"first_uses", "sum_at_first"} < names(optimize(make())) and "scatter_add" not in names(optimize(make()))
    for threads in (1, 2):
        config.threads = threads
        found = run(machine_code, make(), given)
        (assert_close if make is scaled_by_its_norm else assert_same_bits)(found, expected, make.__name__)
    if batch == 1:  # scalar by scalar, which is slow
        assert_agrees(make(), given, (loop_ir,))


def test_one_kernel_reads_the_gradients_of_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.optimize.used_rows.LEAST_BYTES", 0)
    slow = p.add(p.multiply(S, number(0.9)), p.multiply(G, number(0.1)))
    made = plan(graph((S, slow), (W, p.subtract(W, p.divide(STEP, p.sqrt(slow))))))
    assert len([k for k in made.kernels if made.inputs[S] in {made.resolved(b) for b in k.written()}]) == 1
    assert not any(b.shape == W.shape and b.role == "temporary" for b in map(made.whole, made.buffers()))
    readers = [k for k in made.kernels if {made.inputs[W], made.inputs[S]} <= {made.resolved(b) for b in k.written()}]
    assert len(readers) == 1, "both new values are made in one pass"


@pytest.mark.parametrize("make", [descent, adagrad, two_lookups, of_what_is_read_meanwhile], ids=lambda m: m.__name__)
def test_no_kernel_goes_over_the_table(make: Callable[[], Graph]) -> None:
    made = plan(make())
    tables = {made.inputs[n] for n in (W, S)}
    assert not any(k.name.endswith("_copy") or k.label == "new state" for k in made.kernels)
    written = {made.resolved(b) for k in made.kernels for b in k.written()}
    assert not any(b.shape == W.shape for b in written - tables)


@pytest.mark.parametrize("wrong", [-1, ROWS, 2**31 - 1])
def test_indices_out_of_range(wrong: int) -> None:
    given = arrays(40, "apart")
    given[3][11, 1] = wrong
    before = [given[0].copy(), given[1].copy()]
    with pytest.raises(IndexRangeError):
        compile_graph(adagrad(), interpret=False)(given)
    assert_same_bits(given[:2], before)


@pytest.mark.parametrize(("dtype", "kind"), [("bfloat16", "uint8"), ("float16", "int64"), ("float64", "int8")])
def test_other_dtypes(dtype: str, kind: str, rng: np.random.Generator) -> None:
    w, i, u = input_node((300, 8), dtype), input_node((BATCH,), kind), input_node((BATCH, 8), dtype)
    g = p.scatter_add(p.full(w.shape, 0, dtype), i, u, 0)
    step = Graph((w, i, u), (), ((w, p.subtract(w, p.multiply(g, p.full(w.shape, 0.5, dtype)))),))
    assert "replace_rows" in names(optimize(step))
    given = [rng.normal(size=(300, 8)), rng.integers(0, 9, 30), rng.normal(size=(30, 8))]
    given = [a.astype(dtypes.to_numpy(n.dtype)) for a, n in zip(given, step.inputs, strict=True)]
    assert_close(run(machine_code, step, given), run(interpret, step, given))


def test_the_size_of_the_table_decides() -> None:
    for rows, expected in ((LEAST_GAIN * 10, True), (LEAST_GAIN * 10 - 1, False)):
        w, i, u = input_node((rows, 8), "float32"), input_node((10,), "int32"), input_node((10, 8), "float32")
        g = p.scatter_add(p.full(w.shape, 0, "float32"), i, u, 0)
        optimized = optimize(Graph((w, i, u), (), ((w, p.subtract(w, g)),)))
        assert ("replace_rows" in names(optimized)) is expected
