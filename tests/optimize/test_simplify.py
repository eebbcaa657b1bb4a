"""Every rule of the optimiser: what it turns a graph into, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.base.errors import CompileError
from lamina.graph import CONSTANT, Graph, Node, apply, constant, input_node, interpret
from lamina.graph.primitive import Primitive
from lamina.optimize import optimize
from lamina.optimize.rewrite import rewrite
from lamina.optimize.simplify import LARGEST_FOLDED, scalar_value

X = input_node((2, 3), "float32", name="x")
BATCH = Dim("batch")


def simplified(node: Node) -> Node:
    inputs = [n for n in Graph((), (node,)).nodes() if n.primitive.name == "input"]
    return optimize(Graph(tuple(inputs), (node,))).outputs[0]


def number(value, like=X):
    return p.full(like.shape, value, like.dtype)


SAME = {
    "x + 0": p.add(X, number(-0.0)),
    "0 + x": p.add(number(-0.0), X),
    "x - 0": p.subtract(X, number(0.0)),
    "x * 1": p.multiply(X, number(1.0)),
    "1 * x": p.multiply(number(1.0), X),
    "x / 1": p.divide(X, number(1.0)),
    "x ** 1": p.power(X, number(1.0)),
    "- - x": p.negate(p.negate(X)),
    "cast to its own dtype": p.cast(X, "float32"),
    "reshape to its own shape": p.reshape(X, (2, 3)),
    "reshape there and back": p.reshape(p.reshape(X, (6,)), (2, 3)),
    "transpose that moves nothing": p.transpose(X, (0, 1)),
    "transpose there and back": p.transpose(p.transpose(X, (1, 0)), (1, 0)),
    "broadcast to its own shape": p.broadcast(X, (2, 3)),
    "a fold of no axes": p.reduce_sum(X, ()),
    "choice of two equals": p.select(p.greater(X, p.negate(X)), X, X),
    "known choice": p.select(p.full(X.shape, True, "bool"), X, p.exp(X)),
    "stopped gradient": p.stop_gradient(X),
    "several at once": p.multiply(p.add(p.negate(p.negate(X)), number(-0.0)), number(1.0)),
}


@pytest.mark.parametrize("name", SAME)
def test_nothing_is_left_of_what_does_nothing(name):
    assert simplified(SAME[name]) is X


KEPT = {
    "0 - x": p.subtract(number(0.0), X),
    "1 / x": p.divide(number(1.0), X),
    "x * 0": p.multiply(X, number(0.0)),
    "x - x": p.subtract(X, X),
    "x / x": p.divide(X, X),
    "x / 3": p.divide(X, number(3.0)),
    "x / 0": p.divide(X, number(0.0)),
    "x / infinity": p.divide(X, number(np.inf)),
    "x / nan": p.divide(X, number(np.nan)),
    "1 ** x": p.power(number(1.0), X),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_nan_and_infinity_would_tell_apart_is_kept(name):
    assert simplified(KEPT[name]) is KEPT[name]


def test_powers():
    assert simplified(p.power(X, number(2.0))) is p.multiply(X, X)
    assert simplified(p.power(X, number(3.0))) is p.multiply(p.multiply(X, X), X)


@pytest.mark.parametrize("divisor", [2.0, -0.25, 2.0**60])
def test_division_by_a_power_of_two(divisor):
    assert simplified(p.divide(X, number(divisor))) is p.multiply(X, number(1 / divisor))


@pytest.mark.parametrize("divisor", [2.0**-20, 2.0**15])
def test_division_of_halves_whose_reciprocal_does_not_exist(divisor):
    x = input_node((3,), "float16")
    node = p.divide(x, p.full((3,), divisor, "float16"))
    graph = Graph((x,), (node,))
    given = np.array([0.001, 3.0, -60000.0], np.float16)
    np.testing.assert_array_equal(interpret(optimize(graph), [given]), interpret(graph, [given]))


HALF = input_node((3,), "bfloat16")


def test_a_half_that_was_widened_is_itself():
    assert simplified(p.cast(p.cast(HALF, "float32"), "bfloat16")) is HALF
    assert simplified(p.cast(p.cast(HALF, "float64"), "bfloat16")) is HALF


@pytest.mark.parametrize("chain", [("float32", "float16"), ("float16", "bfloat16"), ("int32", "bfloat16")])
def test_casts_that_round_are_kept(chain):
    node = HALF
    for dtype in chain:
        node = p.cast(node, dtype)
    assert simplified(node) is node


def test_halves_are_contracted_wide():
    node = simplified(p.contract(HALF, HALF, ("a", "a", "")))
    assert node.primitive is p.CAST and node.dtype == "bfloat16"
    assert [n.dtype for n in node.inputs[0].inputs] == ["float32", "float32"]


def test_chains_of_movement_become_one():
    assert simplified(p.reshape(p.reshape(X, (6,)), (3, 2))) is p.reshape(X, (3, 2))
    y = input_node((2, 3, 4), "float32")
    assert simplified(p.transpose(p.transpose(y, (2, 0, 1)), (2, 0, 1))) is p.transpose(y, (1, 2, 0))
    assert simplified(p.broadcast(p.broadcast(X, (4, 2, 3)), (5, 4, 2, 3))) is p.broadcast(X, (5, 4, 2, 3))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)])
def test_fold_of_a_transposed_array(axes):
    y = input_node((2, 3, 4), "float64")
    graph = Graph((y,), (p.reduce_sum(p.transpose(y, (2, 0, 1)), axes),))
    better = optimize(graph)
    folds = [n for n in better.nodes() if n.kind == "reduce"]
    assert [n.inputs for n in folds] == [(y,)]
    array = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(interpret(better, [array])[0], interpret(graph, [array])[0])


def test_constants_are_folded():
    node = simplified(p.add(constant([1.0, 2.0]), constant([3.0, 5.0])))
    assert node.primitive is CONSTANT
    np.testing.assert_array_equal(node.attrs["value"].value, [4.0, 7.0])


def test_large_constants_are_not_folded():
    values = constant(np.arange(LARGEST_FOLDED + 1.0))
    assert simplified(p.exp(values)) is p.exp(values)


def test_one_number_takes_no_memory():
    node = simplified(p.add(input_node((1000,), "float32"), constant(np.full(1000, 2.5, np.float32))))
    assert [n.shape for n in node.inputs[1].inputs] == [()] and scalar_value(node.inputs[1]) == 2.5


@pytest.mark.parametrize("values", [[0.0, -0.0], [-0.0, 0.0], [np.nan, np.nan], [1.0, 2.0]])
def test_numbers_that_differ_stay_an_array(values):
    node = constant(np.array(values))
    assert simplified(node) is node


def test_scalar_value():
    assert scalar_value(p.reshape(number(3.0), (6,))) == 3.0
    assert scalar_value(p.full((BATCH,), True, "bool")) is True
    assert scalar_value(X) is None and scalar_value(constant([1.0, 1.0])) is None


def test_updates_and_names_survive():
    graph = Graph((X,), (p.negate(p.negate(X)),), ((X, p.add(X, number(-0.0))),), name="named")
    better = optimize(graph)
    assert (better.inputs, better.outputs, better.updates, better.name) == ((X,), (X,), ((X, X),), "named")


def test_composites_are_expanded():
    node = p.argmax(X, 1)
    better = optimize(Graph((X,), (node,)))
    assert not any(n.primitive.expand for n in better.nodes())
    array = np.array([[1, 3, 2], [5, 5, 4]], np.float32)
    np.testing.assert_array_equal(interpret(better, [array])[0], [1, 0])


def test_new_nodes_remember_the_users_line():
    better = simplified(p.power(X, number(2.0)))
    assert better.source.file == __file__


def test_rules_that_go_in_circles_are_found():
    there = Primitive("there", "elementwise", infer=lambda x: x, numpy=lambda x: x)
    back = Primitive("back", "elementwise", infer=lambda x: x, numpy=lambda x: x)
    rules = {there: [lambda n: apply(back, n.inputs[0])], back: [lambda n: apply(there, n.inputs[0])]}
    with pytest.raises(CompileError, match="do not settle"):
        rewrite(Graph((X,), (apply(there, X),)), rules)
