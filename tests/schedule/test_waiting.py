"""`after` takes no memory, keeps equal work apart, and puts kernels in order."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.graph import Graph, constant, input_node, interpret
from lamina.optimize import optimize
from lamina.schedule.schedule import schedule
from lamina.schedule.target import host_target
from lamina.schedule.waiting import without_waiting
from tests.compiler.agreement import assert_agrees, floats, loop_ir, machine_code

MATMUL = ("mk", "kn", "mn")


@pytest.fixture
def nodes():
    return [input_node((8, 8), "float32") for _ in range(2)]


def product(x, y):
    return p.contract(x, y, MATMUL)


def test_what_waits_is_computed_apart(nodes):
    x, w = nodes
    first = product(x, w)
    other = product(first, w)
    again = product(p.after(x, [other]), w)
    graph, waits = without_waiting(Graph((x, w), (p.add(again, other),)))
    again = graph.outputs[0].inputs[0]
    assert again.inputs == (x, w) and again is not first
    assert waits == {again: [other]}
    assert not any(n.primitive is p.AFTER for n in graph.nodes())


def test_graph_without_waiting_stays_as_it_is(nodes):
    graph = Graph(tuple(nodes), (product(*nodes),))
    assert without_waiting(graph) == (graph, {})


def test_nobody_waits_for_what_is_not_computed(nodes):
    """For what is not computed, what it would have been computed from stands in; for inputs nobody waits at all."""
    x, w = nodes
    made = product(x, w)
    again = product(p.after(x, [p.transpose(made, (1, 0)), p.transpose(w, (1, 0))]), w)
    graph, waits = without_waiting(Graph((x, w), (again, made)))
    assert waits == {graph.outputs[0]: [w, made]} or waits == {graph.outputs[0]: [made, w]}
    for known in (x, constant(np.zeros((8, 8), "float32"))):
        graph = optimize(Graph((x, w), (product(p.after(x, [known]), w),)))
        assert graph.outputs == (made,)


def test_kernels_come_in_turn(nodes):
    x, w = nodes
    slow = x
    for _ in range(4):
        slow = product(slow, w)
    early, late = product(x, x), product(p.after(x, [slow]), x)
    plan = schedule(Graph((x, w), (late, early, slow)), host_target())
    place = [next(i for i, k in enumerate(plan.kernels) if out in k.written()) for out in plan.outputs]
    assert place[0] > place[2]
    # An elementwise kernel would run with the one that reads the same, but may not.
    sums = p.exp(p.add(x, w)), p.exp(p.add(p.after(x, [slow]), w))
    plan = schedule(Graph((x, w), (*sums, slow)), host_target())
    first, second = (next(k for k in plan.kernels if out in k.written()) for out in plan.outputs[:2])
    assert first is not second


def test_values_are_the_same(rng, nodes):
    x, w = nodes
    made = product(p.tanh(x), w)
    again = product(p.tanh(p.after(x, [made])), p.after(w, [made]))
    root = p.after(p.multiply(again, made), [again])
    graph = Graph((x, w), (root, p.after(x, [made])))
    arrays = [floats(rng, 8, 8) for _ in range(2)]
    assert_agrees(graph, arrays, [loop_ir, machine_code])
    expected = (np.tanh(arrays[0]) @ arrays[1]) ** 2
    np.testing.assert_allclose(interpret(graph, arrays)[0], expected, rtol=1e-4, atol=1e-5)


def test_state_is_still_changed_in_place(nodes):
    """A weight is changed once all have read it, those that waited included."""
    x, w = nodes
    made = product(x, w)
    again = product(p.after(x, [made]), p.after(w, [made]))
    new = p.subtract(w, product(again, made))
    plan = schedule(Graph((x, w), (p.reduce_sum(made, (0, 1)),), ((w, new),)), host_target())
    assert plan.inputs[w] in plan.aliases.values()
