"""One compiled program serves every size of its symbols; sizes that do not fit are refused."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import ShapeError
from lamina.compiler import Compilation, compile_graph
from lamina.graph import Graph, input_node, interpret
from lamina.runtime import native
from tests.compiler.agreement import MATMUL, assert_agrees, assert_close, floats, machine_code, run, softmax

BATCH = Dim("batch")


def network() -> Graph:
    """Two layers, a softmax, a loss over the batch and the first layer's gradient."""
    x, y = input_node((BATCH, 13), "float32"), input_node((BATCH,), "int64")
    w, v, scale = input_node((13, 24), "float32"), input_node((24, 5), "float32"), input_node((), "float32")
    hidden = p.maximum(p.contract(x, w, MATMUL), p.full((BATCH, 24), 0.0, "float32"))
    odds = softmax(p.contract(hidden, v, MATMUL), 1)
    wrong = p.subtract(odds, p.one_hot(y, 5, "float32"))
    size = p.cast(p.dimension(BATCH), "float32")
    loss = p.divide(p.reduce_sum(p.multiply(wrong, wrong), (0, 1)), p.maximum(size, p.full((), 1.0, "float32")))
    gradient = p.contract(hidden, wrong, ("km", "kn", "mn"))
    step = p.multiply(gradient, p.broadcast(scale, (24, 5)))
    return Graph((x, y, w, v, scale), (odds, loss), ((v, p.subtract(v, step)),))


def test_no_size_compiles_again(rng, monkeypatch):
    built = []
    monkeypatch.setattr(Compilation, "build", lambda self, build=Compilation.build: built.append(1) or build(self))
    graph = network()
    compiled = compile_graph(graph, interpret=False)
    assert len(built) == 1
    for batch in (32, 1, 7, 0, 300, 32, 5000):
        arrays = [floats(rng, batch, 13), rng.integers(0, 5, batch), floats(rng, 13, 24), floats(rng, 24, 5)]
        arrays.append(np.array(0.01 / max(batch, 1), np.float32))
        assert_close(run(lambda _, own: compiled(own), graph, arrays), run(interpret, graph, arrays), f"batch {batch}")
    assert len(built) == 1


def test_equal_graphs_share_machine_code(monkeypatch, tmp_path):
    config.cache, config.cache_dir, compiled = True, tmp_path, []
    monkeypatch.setattr(native, "compile_object", lambda *a, f=native.compile_object: compiled.append(1) or f(*a))
    x = input_node((7, 11), "float32")
    for _ in range(2):
        y = input_node((7, 11), "float32")
        compile_graph(Graph((y,), (p.sin(p.cos(y)),)), interpret=False)
    assert len(compiled) <= 1
    compile_graph(Graph((x,), (p.cos(p.sin(x)),)), interpret=False)
    assert len(compiled) <= 2


@pytest.mark.parametrize("batch", [0, 1, 2, 13])
def test_affine_dimensions(batch, rng):
    """Shapes that are computed from a symbol: doubled, padded, flattened, cut."""
    x = input_node((BATCH, 6), "float32")
    twice = p.concatenate(x, p.reverse(x, (0,)), axis=0)
    padded = p.pad(x, (2, 0), (1, 1), 0.5)
    flat = p.reshape(x, (BATCH * 6,))
    folded = p.reshape(flat, (BATCH * 2, 3))
    inner = p.slice(padded, (1, 0), (BATCH + 2, 7), (1, 2))
    outputs = (twice, padded, flat, p.reduce_sum(folded, (0,)), inner, p.iota((BATCH, 3), "int32", 0))
    assert_agrees(Graph((x,), outputs), [floats(rng, batch, 6)])


def test_two_symbols(rng):
    m, n = Dim("m"), Dim("n")
    x, y, w = input_node((m, 4), "float32"), input_node((n, 4), "float32"), input_node((4, 3), "float32")
    graph = Graph((x, y, w), (p.contract(x, w, MATMUL), p.reduce_sum(y, (0,)), p.concatenate(x, y, axis=0)))
    compiled = compile_graph(graph, interpret=False)
    for rows in ((3, 5), (5, 3), (1, 0), (0, 17)):
        arrays = [floats(rng, rows[0], 4), floats(rng, rows[1], 4), floats(rng, 4, 3)]
        assert_close(compiled(arrays), interpret(graph, arrays), str(rows))


def test_wrong_sizes_are_refused():
    x, y = input_node((BATCH, 4), "float32"), input_node((BATCH,), "float32")
    compiled = compile_graph(Graph((x, y), (p.reduce_sum(x, (0,)), y)), interpret=False)
    with pytest.raises(ShapeError, match="Received: \\(3, 5\\)"):
        compiled([np.zeros((3, 5), np.float32), np.zeros(3, np.float32)])
    with pytest.raises(ShapeError, match="share a symbol"):
        compiled([np.zeros((3, 4), np.float32), np.zeros(2, np.float32)])
    with pytest.raises(ShapeError, match="rank 1"):
        compiled([np.zeros((3, 4), np.float32), np.zeros((3, 1), np.float32)])


MATRICES = [(1, 1, 1), (1, 64, 10), (3, 7, 5), (17, 33, 9), (6, 16, 16), (13, 1, 40), (64, 784, 10), (33, 130, 70),
            (70, 3000, 10), (200, 1100, 45), (5, 600, 600)]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_products_of_many_shapes(dtype, rng):
    """Every edge of the tiles, long sums in blocks, each operand transposed, with and without an epilogue."""
    inputs, outputs, arrays = [], [], []
    for m, k, n in MATRICES if dtype == "float32" else MATRICES[::2]:
        a, b = input_node((m, k), dtype), input_node((k, n), dtype)
        c, d = input_node((k, m), dtype), input_node((n, k), dtype)
        shapes = [(m, k), (k, n), (k, m), (n, k)]
        inputs += [a, b, c, d]
        arrays += [(floats(rng, *s) / k**0.5 * (1 if dtype != "int32" else 50)).astype(dtype) for s in shapes]
        outputs += [p.contract(a, b, MATMUL), p.contract(c, b, ("km", "kn", "mn"))]
        plain = p.contract(a, d, ("mk", "nk", "mn"))
        outputs.append(p.add(plain, p.full(plain.shape, 1, dtype)))
        product = p.contract(c, d, ("km", "nk", "mn"))
        outputs += [p.maximum(product, p.full(product.shape, 0, dtype)), product]
    graph = Graph(tuple(inputs), tuple(outputs))
    assert_close(machine_code(graph, arrays), interpret(graph, arrays))


def test_batched_products(rng):
    """Labels of both operands, attention's scores and values, sums over several axes."""
    q, k = input_node((2, 3, 9, 8), "float32"), input_node((2, 3, 11, 8), "float32")
    scores = p.contract(q, k, ("bhqd", "bhkd", "bhqk"))
    values = p.contract(softmax(scores, 3), k, ("bhqk", "bhkd", "bqhd"))
    merged = p.contract(q, input_node((3, 8, 5), "float32"), ("bhqd", "hdn", "bqn"))
    weights = merged.inputs[1]
    graph = Graph((q, k, weights), (values, merged, p.contract(q, k, ("bhqd", "bhkd", "qk"))))
    assert_agrees(graph, [floats(rng, *n.shape) for n in graph.inputs])
