"""Calls become part of the graph, once forwards and once more for their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.autodiff import gradients
from lamina.graph import Graph, body_graph, input_node
from lamina.optimize import optimize
from lamina.optimize.calls import take_in_calls
from tests.compiler.agreement import assert_agrees, floats, loop_ir, machine_code

MATMUL = ("mk", "kn", "mn")


def layer(x, w):
    """A call of a dense layer."""
    y = p.gelu(p.contract(x, w, MATMUL))
    return p.call(body_graph([x, w], [y, p.exp(y)]), [x, w])[0]


def primitives_of(graph: Graph):
    return [n.primitive for n in graph.nodes()]


@pytest.fixture
def nodes():
    return [input_node((3, 4), "float32"), *(input_node((4, 4), "float32") for _ in range(3))]


def test_a_call_is_what_it_runs(nodes):
    x, w, *_ = nodes
    graph = take_in_calls(Graph((x, w), (layer(x, w),)))
    assert graph.outputs == (p.gelu(p.contract(x, w, MATMUL)),)
    assert take_in_calls(graph) is graph


def test_calls_in_calls_and_loops_too(nodes):
    x, w, *_ = nodes
    inner = p.call(body_graph([x, w], [layer(x, w)]), [x, w])[0]
    loop = p.scan(body_graph([x, w], [layer(x, w)]), [inner], [], [w], 3)[0]
    graph = take_in_calls(Graph((x, w), (loop,)))
    assert p.CALL not in primitives_of(graph)
    assert p.CALL not in primitives_of(graph.outputs[0].inputs[0].attrs["body"])


def test_gradient_computes_again_after_what_arrives(rng, nodes):
    x, *kernels = nodes
    y = x
    for w in kernels:
        y = layer(y, w)
    graph = Graph(tuple(nodes), (y, *gradients([p.multiply(y, y)], nodes)))
    found = primitives_of(optimize(graph))
    assert p.CALL not in found and p.AFTER in found
    assert found.count(p.CONTRACT) == 3 + 3 + 6
    assert_agrees(graph, [floats(rng, *n.shape) for n in nodes], [loop_ir, machine_code])


def test_gradients_are_those_of_what_it_runs(rng, nodes):
    from lamina.graph import interpret

    x, w, *_ = nodes
    arrays = [floats(rng, *n.shape) for n in (x, w)]
    found = [
        interpret(Graph((x, w), tuple(gradients([p.sin(y)], [x, w]))), arrays)
        for y in (layer(x, w), p.gelu(p.contract(x, w, MATMUL)))
    ]
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_kernels_are_named_by_the_layer_that_they_are_of(nodes):
    """Calls that do the same have one body; where it came from is told by each of them."""
    from lamina.graph.source import source_scope

    x, w, v, _ = nodes
    with source_scope("first"):
        y = layer(x, w)
    with source_scope("second"):
        y = layer(y, v)
    graph = take_in_calls(Graph((x, w, v), (y,)))
    assert [n.source.scope for n in graph.nodes() if n.primitive is p.CONTRACT] == ["first", "second"]
