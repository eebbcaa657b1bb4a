"""Temporary results are written over what they are made of, where that is not needed any more."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.graph import Graph, Node, input_node
from tests.compiler.agreement import MATMUL, floats, plan

BATCH = Dim("batch")


def spread(x: Node, columns: int) -> Node:
    return p.broadcast(p.reshape(x, (BATCH, 1)), (BATCH, columns))


def softmax(x: Node) -> Node:
    columns = x.shape[1]
    powers = p.exp(p.subtract(x, spread(p.reduce_max(x, (1,)), columns)))
    return p.divide(powers, spread(p.reduce_sum(powers, (1,)), columns))


def attention(*others: Node) -> tuple[Graph, list[Node]]:
    """Scores, their softmax, and a product of it; `others` are results beside it."""
    x, w = input_node((BATCH, 40), "float32"), input_node((40, 70), "float32")
    scores = p.contract(x, w, MATMUL)
    weights = softmax(scores)
    return Graph((x, w), (p.contract(weights, w, ("bn", "kn", "bk")), *others)), [scores, weights]


def temporaries(graph: Graph) -> dict[str, str]:
    return {new.name: old.name for new, old in plan(graph).aliases.items() if old.role == "temporary"}


def test_a_softmax_is_written_over_the_scores():
    graph, _ = attention()
    assert len(temporaries(graph)) == 1


def test_a_chain_lies_in_one_place():
    x, w = input_node((BATCH, 64), "float32"), input_node((64, 64), "float32")
    value = x
    for _ in range(3):
        value = softmax(p.contract(value, w, MATMUL))
        value = p.contract(value, w, MATMUL)
    found = temporaries(Graph((x, w), (value,)))
    assert len(found) == 3 and not set(found) & set(found.values())


def test_not_where_something_else_reads_the_old_values_later():
    x, w = input_node((BATCH, 40), "float32"), input_node((40, 70), "float32")
    scores = p.contract(x, w, MATMUL)
    first = p.contract(softmax(scores), w, ("bn", "kn", "bk"))
    both = p.contract(p.exp(scores), p.contract(first, w, MATMUL), ("bn", "bm", "nm"))
    graph = Graph((x, w), (both,))
    found = plan(graph)
    for new, old in found.aliases.items():
        uses = [k for k in found.kernels if old in k.read()]
        assert new in uses[-1].written()


def test_not_where_elements_move():
    x, w = input_node((BATCH, 40), "float32"), input_node((40, 40), "float32")
    scores = p.contract(x, w, MATMUL)
    turned = p.multiply(scores, p.reverse(scores, (1,)))
    total = p.reduce_sum(softmax(turned), (0,))
    assert not temporaries(Graph((x, w), (p.contract(turned, w, MATMUL), total)))


@pytest.mark.parametrize("batch", [0, 1, 5, 130])
def test_results(batch, rng):
    graph, _ = attention()
    x, w = floats(rng, batch, 40), floats(rng, 40, 70)
    (result,) = compile_graph(graph, interpret=False)([x, w])
    scores = x @ w
    powers = np.exp(scores - scores.max(1, keepdims=True, initial=-np.inf))
    np.testing.assert_allclose(result, powers / powers.sum(1, keepdims=True) @ w.T, rtol=2e-5, atol=2e-5)


def test_not_without_the_planner():
    config.memory_planner = False
    graph, _ = attention()
    assert not temporaries(graph)
