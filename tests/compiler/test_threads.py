"""Results have the same bits at any number of threads, and the compiled ones are right at sizes of many tasks."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.graph import Graph, input_node, interpret
from tests.compiler.agreement import MATMUL, assert_close, assert_same_bits, floats, layer_norm, plan, run, softmax

ROWS, COLUMNS = 5000, 37
BATCH = Dim("batch")


def folds(rows):
    """Folds in every direction, some over rows that different tasks own."""
    x = input_node((rows, COLUMNS), "float32")
    outputs = [p.reduce_sum(x, axes) for axes in ((0,), (1,), (0, 1))]
    outputs += [p.reduce_max(x, (0,)), p.reduce_min(x, (0, 1)), p.reduce_prod(p.tanh(x), (0,))]
    outputs += [p.argmax(x, 1), p.reduce_sum(p.cast(x, "float64"), (0,)), p.reduce_any(p.is_nan(x), (0,))]
    return Graph((x,), tuple(outputs), name="folds")


def rows_at_a_time(rows):
    x = input_node((rows, COLUMNS), "float32")
    normal = layer_norm(x, 1, COLUMNS)
    return Graph((x,), (softmax(x, 1), normal, p.reduce_sum(normal, (0,))), name="rows")


def adam(rows):
    """Moments and weights, replaced in place."""
    w, m, v, g = (input_node((rows, COLUMNS), "float32") for _ in range(4))
    first = p.add(p.multiply(m, p.full(m.shape, 0.9, "float32")), p.multiply(g, p.full(m.shape, 0.1, "float32")))
    square = p.multiply(p.multiply(g, g), p.full(m.shape, 0.001, "float32"))
    second = p.add(p.multiply(v, p.full(m.shape, 0.999, "float32")), square)
    root = p.add(p.sqrt(p.absolute(second)), p.full(m.shape, 1e-7, "float32"))
    step = p.multiply(p.divide(first, root), p.full(m.shape, 1e-3, "float32"))
    norm = p.reduce_sum(p.multiply(g, g), (0, 1))
    return Graph((w, m, v, g), (norm,), ((w, p.subtract(w, step)), (m, first), (v, second)), name="adam")


def products(rows):
    """A layer forwards and backwards: epilogues, transposed operands, a sum over the batch."""
    x, w, c = input_node((rows, COLUMNS), "float32"), input_node((COLUMNS, 64), "float32"), input_node((64,), "float32")
    hidden = p.tanh(p.add(p.contract(x, w, MATMUL), p.broadcast(c, (rows, 64))))
    small = p.multiply(hidden, p.full(hidden.shape, 1e-3, "float32"))
    gradient = p.contract(x, small, ("km", "kn", "mn"))
    back = p.contract(small, w, ("mk", "nk", "mn"))
    return Graph((x, w, c), (back, p.reduce_sum(small, (0,))), ((w, p.subtract(w, gradient)),), name="products")


def scattered(rows):
    x, i = input_node((rows, COLUMNS), "float32"), input_node((rows,), "int64")
    table = input_node((50, COLUMNS), "float32")
    taken = p.take(table, i, 0)
    sums = p.scatter_add(table, i, p.multiply(x, p.full(x.shape, 0.01, "float32")), 0)
    return Graph((x, i, table), (p.tanh(taken), p.cumulative_sum(x, 1)), ((table, sums),), name="scattered")


def scattered_in_stretches(rows):
    """Rows long enough for several tasks to own a part of each; and a scatter on a later axis."""
    x, i = input_node((rows, 3, 200), "float32"), input_node((rows,), "int64")
    table, wide = input_node((50, 3, 200), "float32"), input_node((40, 50), "float32")
    across = p.scatter_add(wide, i, p.transpose(p.reduce_sum(p.reshape(x, (rows, 40, 15)), (2,)), (1, 0)), 1)
    return Graph((x, i, table, wide), (p.scatter_add(table, i, x, 0), across), name="scattered in stretches")


def shuffled(rows):
    key = input_node((2,), "uint32")
    bits = p.random_bits(key, (rows, COLUMNS))
    kept = p.less(bits, p.full(bits.shape, 1 << 31, "uint32"))
    order = p.random_permutation(key, rows)
    return Graph((key,), (kept, bits, order), name="shuffled")


GRAPHS = [folds, rows_at_a_time, adam, products, scattered, scattered_in_stretches, shuffled]


def given(graph: Graph, rng: np.random.Generator) -> list[np.ndarray]:
    arrays = []
    for node in graph.inputs:
        shape = tuple(d if isinstance(d, int) else ROWS for d in node.shape)
        if node.dtype == "float32":
            arrays.append(floats(rng, *shape))
        else:
            arrays.append(rng.integers(0, 50, shape).astype(node.dtype))
    return arrays


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("rows", [ROWS, BATCH], ids=["known", "symbolic"])
def test_same_bits_at_any_number_of_threads(make, rows, rng):
    graph = make(rows)
    if graph.symbols() != (["batch"] if rows is BATCH else []):
        graph = make(1001)  # none of its inputs would tell how large the batch is
    compiled = compile_graph(graph, interpret=False)
    arrays = given(graph, rng)
    results = []
    for threads in (1, 2, 4, 1):
        config.threads = threads
        results.append(run(lambda _, own: compiled(own), graph, arrays))
    assert_close(results[0], run(interpret, graph, arrays), graph.name)
    for other in results[1:]:
        assert_same_bits(other, results[0], graph.name)


@pytest.mark.parametrize(
    "make", [folds, rows_at_a_time, adam, products, scattered_in_stretches], ids=lambda make: make.__name__
)
def test_large_kernels_have_many_tasks(make):
    tasks = [k.tasks for k in plan(make(ROWS)).kernels]
    assert max(t.attr for t in tasks if t.op == "const") >= 4


def test_cutting_into_tasks_depends_on_sizes_alone():
    before = [k.tasks.attr for k in plan(folds(ROWS)).kernels]
    config.threads = 7
    assert [k.tasks.attr for k in plan(folds(ROWS)).kernels] == before
