"""Nodes say the same once, never change, and know where they come from."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.graph import Graph, constant, input_node
from lamina.graph.graph import topological
from lamina.graph.node import Array, Attributes, _interned
from lamina.graph.source import source_scope

X = input_node((2, 3), "float32", name="x")


def test_equal_parts_give_one_node():
    assert p.add(X, X) is p.add(X, X)
    assert p.reduce_sum(X, (0,)) is not p.reduce_sum(X, (1,))
    assert p.reshape(X, (6,)) is p.reshape(X, (6,))


def test_inputs_are_never_the_same():
    assert input_node((2,), "float32", name="a") is not input_node((2,), "float32", name="a")


def test_numbers_of_different_kinds_stay_apart():
    keys = {Attributes({"value": v}).key for v in (1, 1.0, True, 0.0, -0.0, "1")}
    assert len(keys) == 6
    assert Attributes({"shape": (Dim("batch"), 2)}).key == Attributes({"shape": (Dim("batch"), 2)}).key


def test_small_constants_are_equal_by_content():
    assert constant([1.0, 2.0]) is constant([1.0, 2.0])
    assert constant([0.0]) is not constant([-0.0])
    assert constant([1], "int32") is not constant([1], "int64")
    large = np.zeros(Array.LARGEST_BY_CONTENT)
    assert constant(large) is not constant(large.copy())


def test_a_constant_does_not_follow_its_array():
    array = np.array([1.0, 2.0])
    node = constant(array)
    array[0] = 5
    np.testing.assert_array_equal(node.attrs["value"].value, [1.0, 2.0])


def test_a_node_does_not_change():
    with pytest.raises(AttributeError, match="does not change"):
        X.shape = (1,)
    with pytest.raises(TypeError):
        X.attrs["name"] = "y"


def test_nodes_go_when_nobody_needs_them():
    gc.collect()
    before = len(_interned)
    node = p.add(X, p.tanh(p.negate(X)))
    assert len(_interned) > before
    del node
    gc.collect()
    assert len(_interned) == before


def test_source_is_the_users_line():
    with source_scope("dense"), source_scope("kernel"):
        node = p.exp(p.add(X, p.cos(X)))
    assert node.source.file == __file__ and node.source.scope == "dense/kernel"
    assert str(node.source).startswith("test_node.py:") and str(node.source).endswith(" dense/kernel")
    assert X.source.scope == ""


def test_order_depends_on_the_graph_alone():
    late, early = p.sin(X), p.log(X)
    graph = Graph((X,), (p.add(early, late),))
    assert [n.primitive.name for n in graph.nodes()] == ["input", "log", "sin", "add"]


def test_known_nodes_and_what_is_only_below_them_are_left_out():
    middle = p.sqrt(p.absolute(X))
    end = p.negate(middle)
    assert topological([end], [middle]) == [end]


def test_depth_is_not_limited():
    node = X
    for _ in range(20000):
        node = p.tanh(p.negate(node))
    assert len(Graph((X,), (node,)).nodes()) == 40001
    while node is not X:  # taken apart from the end, as letting go of it at once would go as deep
        node = node.inputs[0]
