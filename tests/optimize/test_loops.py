"""What is taken out of loops, and what is left in them."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.autodiff import gradients
from lamina.base.dims import Dim
from lamina.graph import Graph, Node, body_graph, input_node, result
from lamina.graph.body import bodies
from lamina.optimize import optimize
from tests.compiler.agreement import assert_agrees, floats, loop_ir, machine_code

MATMUL = ("mk", "kn", "mn")


def rnn(h: Node, xs: Node, w: Node, u: Node, reverse: bool = False) -> list[Node]:
    """A recurrent layer that gives its last state and all of them."""
    units = [input_node(s, "float32") for s in (h.shape, xs.shape[1:], w.shape, u.shape)]
    state, x, w_in, u_in = units
    new = p.tanh(p.add(p.contract(x, w_in, MATMUL), p.contract(state, u_in, MATMUL)))
    return p.scan(body_graph(units, [new, new]), [h], [xs], [w, u], xs.shape[0], reverse)


def example(rng, length=5, batch=3, inputs=2, units=4):
    shapes = [(batch, units), (length, batch, inputs), (inputs, units), (units, units)]
    arrays = [floats(rng, *shape) for shape in shapes]
    return arrays, [input_node(a.shape, "float32") for a in arrays]


def scans(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes() if n.primitive is p.SCAN]


def products(nodes) -> int:
    return sum(n.primitive is p.CONTRACT for n in nodes)


def body_of(node: Node) -> Graph:
    (body,) = bodies(node).values()
    return body


@pytest.mark.parametrize("reverse", [False, True])
def test_product_of_inputs_is_made_before_the_loop(rng, reverse):
    arrays, nodes = example(rng)
    graph = Graph(tuple(nodes), tuple(rnn(*nodes, reverse)))
    (loop,) = scans(optimize(graph))
    assert products(body_of(loop).nodes()) == 1 and products(optimize(graph).nodes()) == 1
    assert loop.attrs["kept"] == (True,) and len(loop.results) == 1
    assert_agrees(graph, arrays, [loop_ir, machine_code])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("units, inside, outside", [(4, 2, 2), (200, 1, 4)])
def test_gradient_is_one_loop_each_way_with_few_products_in_it(rng, reverse, units, inside, outside):
    arrays, nodes = example(rng, 5, 3, units, units)
    arrays[2:] = [a / units for a in arrays[2:]]
    outputs = rnn(*nodes, reverse)
    graph = Graph(tuple(nodes), (*outputs, *gradients(outputs, nodes)))
    better = optimize(graph)
    loops = scans(better)
    assert [products(body_of(n).nodes()) for n in loops] == [inside, inside]
    # The gradients of both weights and, where the weights are large, the projection and its gradient for the inputs.
    assert products(better.nodes()) == outside
    # Carried backwards is the gradient of the state alone.
    assert loops[1].attrs["carries"] == 1
    assert_agrees(graph, arrays, [machine_code] if units > 4 else [loop_ir, machine_code])


def test_results_that_nobody_reads_are_not_computed(rng):
    arrays, nodes = example(rng)
    final, _ = rnn(*nodes)
    graph = Graph(tuple(nodes), (final,))
    (loop,) = scans(optimize(graph))
    assert loop.attrs["kept"] == (False,) and len(loop.results) == 1
    assert_agrees(graph, arrays, [machine_code])
    carries = [input_node((), "float32") for _ in range(3)]
    a, b, c = carries
    found = p.scan(body_graph(carries, [p.add(a, b), p.multiply(b, b), p.add(c, a)]), carries, [], [], 4)
    (loop,) = scans(optimize(Graph(tuple(carries), (found[0],))))
    assert loop.attrs["carries"] == 2


def test_product_that_goes_into_an_output_is_made_after_the_loop(rng):
    arrays, nodes = example(rng)
    h, xs, _, u = nodes
    v = input_node((4, 3), "float32")
    units = [input_node(s, "float32") for s in (h.shape, xs.shape[1:], u.shape, v.shape)]
    state, _, u_in, v_in = units
    new = p.tanh(p.contract(state, u_in, MATMUL))
    shown = p.exp(p.contract(new, v_in, MATMUL))
    _, outputs = p.scan(body_graph(units, [new, shown]), [h], [xs], [u, v], 5)
    graph = Graph((h, xs, u, v), (outputs,))
    better = optimize(graph)
    (loop,) = scans(better)
    assert products(body_of(loop).nodes()) == 1 and products(better.nodes()) == 1
    assert_agrees(graph, [arrays[0], arrays[1], arrays[3], floats(rng, 4, 3)], [loop_ir, machine_code])


def test_loop_without_anything_left_is_gone(rng):
    x, w = input_node((6, 3, 2), "float32"), input_node((2, 4), "float32")
    entry, weight = input_node((3, 2), "float32"), input_node((2, 4), "float32")
    (outputs,) = p.scan(body_graph([entry, weight], [p.tanh(p.contract(entry, weight, MATMUL))]), [], [x], [w], 6)
    graph = Graph((x, w), (outputs,))
    assert not scans(optimize(graph))
    assert_agrees(graph, [floats(rng, 6, 3, 2), floats(rng, 2, 4)], [machine_code])


def test_running_sums_stay_in_the_loop(rng):
    total, entry = input_node((3,), "float32"), input_node((3,), "float32")
    start, x = input_node((3,), "float32"), input_node((5, 3), "float32")
    new = p.add(total, p.multiply(entry, entry))
    graph = Graph((start, x), tuple(p.scan(body_graph([total, entry], [new, p.exp(new)]), [start], [x], [], 5)))
    (loop,) = scans(optimize(graph))
    assert loop.attrs["carries"] == 1
    assert_agrees(graph, [floats(rng, 3), floats(rng, 5, 3)], [loop_ir, machine_code])


def test_gradient_of_what_was_split_is_one_concatenation(rng):
    x = input_node((3, 8), "float32")
    parts = [p.slice(x, (0, k), (3, k + 2)) for k in (6, 0, 4, 2)]
    outputs = [p.tanh(part) for part in parts]
    graph = Graph((x,), tuple(gradients(outputs, [x])))
    names = [n.primitive for n in optimize(graph).nodes()]
    assert p.CONCATENATE in names and p.PAD not in names and p.ADD not in names
    assert_agrees(graph, [floats(rng, 3, 8)], [loop_ir, machine_code])


def test_open_length_and_batch(rng):
    batch, length = Dim("batch"), Dim("length")
    nodes = [input_node(s, "float32") for s in ((batch, 4), (length, batch, 2), (2, 4), (4, 4))]
    outputs = rnn(*nodes)
    graph = Graph(tuple(nodes), (*outputs, *gradients(outputs, nodes)))
    for steps, rows in ((0, 3), (1, 1), (7, 5)):
        assert_agrees(graph, example(rng, steps, rows)[0], [loop_ir, machine_code] if steps else [machine_code])


def test_equal_loops_are_one_node(rng):
    _, nodes = example(rng)
    assert rnn(*nodes)[0] is rnn(*nodes)[0]
    assert result(rnn(*nodes)[0].inputs[0], 1) is rnn(*nodes)[1]


def test_optimising_twice_changes_nothing_more(rng):
    arrays, nodes = example(rng)
    outputs = rnn(*nodes)
    once = optimize(Graph(tuple(nodes), (*outputs, *gradients(outputs, nodes))))
    assert len(optimize(once).nodes()) <= len(once.nodes())
    assert_agrees(once, arrays, [machine_code])
    np.testing.assert_equal(len(scans(optimize(once))), 2)
