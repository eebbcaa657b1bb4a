"""Graphs: text, the checks of the verifier, and the reference executor."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.base.errors import ShapeError, VerificationError
from lamina.graph import INPUT, Graph, Node, constant, format_graph, input_node, interpret, verify
from lamina.graph.interpreter import bind_symbols, evaluate_nodes
from lamina.graph.node import Attributes
from lamina.graph.primitive import Primitive, Spec
from lamina.graph.source import Source

BATCH = Dim("batch")


def layer() -> Graph:
    x, w = input_node((BATCH, 3), "float32", name="x"), input_node((3, 2), "float32", name="w")
    y = p.contract(x, w, ("mk", "kn", "mn"))
    return Graph((x, w), (p.tanh(p.add(y, p.full((BATCH, 2), 1.0, "float32"))),), ((w, p.negate(w)),), name="layer")


def test_golden_text():
    assert format_graph(layer()) == (
        "graph layer {\n"
        "  %0 = input 'x' : float32(batch, 3)\n"
        "  %1 = input 'w' : float32(3, 2)\n"
        "  %2 = contract(%0, %1, labels=('mk', 'kn', 'mn')) : float32(batch, 2)\n"
        "  %3 = constant 1. : float32()\n"
        "  %4 = broadcast(%3, shape=(batch, 2)) : float32(batch, 2)\n"
        "  %5 = add(%2, %4) : float32(batch, 2)\n"
        "  %6 = tanh(%5) : float32(batch, 2)\n"
        "  %7 = negate(%1) : float32(3, 2)\n"
        "  return %6\n"
        "  update %1 := %7\n"
        "}"
    )
    assert "# test_graph.py:" in format_graph(layer(), sources=True)


# The verifier


def forged(shape, dtype, operand):
    """A node that says of itself what its primitive does not."""
    return Node(p.NEGATE, (operand,), Attributes({}), Spec(shape, dtype), Source("user.py", 7))


X = input_node((3,), "float32", name="x")
Y = input_node((3,), "float32", name="y")

BROKEN = {
    "lists an input twice": Graph((X, X), (X,)),
    "not listed": Graph((X,), (p.add(X, Y),)),
    "should be float32": Graph((X,), (forged((4,), "float32", X),)),
    "(user.py:7) should be": Graph((X,), (forged((3,), "int8", X),)),
    "not an input of the graph": Graph((X,), (), ((p.negate(X), X),)),
    "replaced twice": Graph((X,), (), ((X, p.negate(X)), (X, p.tanh(X)))),
    "shape or dtype differ": Graph((X,), (), ((X, p.cast(X, "float64")),)),
    "update of": Graph((X,), (), ((Y, X),)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_verifier(message):
    with pytest.raises(VerificationError) as raised:
        verify(BROKEN[message], "some stage")
    assert message in str(raised.value) and "after stage 'some stage'" in str(raised.value)


def test_verifier_takes_what_is_right():
    verify(layer())
    verify(Graph((), (constant([1, 2]),)))
    verify(Graph((X, Y), (X,), ((X, Y), (Y, X))))


def test_kinds_are_known():
    from lamina.base.errors import ArgumentError

    with pytest.raises(ArgumentError, match="kind must be one of"):
        Primitive("strange", "no kind", infer=lambda: None, numpy=lambda: None)


# The interpreter


def test_state_is_replaced_after_all_is_computed():
    graph = Graph((X, Y), (X, p.add(X, Y)), ((X, Y), (Y, p.add(X, Y))))
    x, y = np.array([1, 2, 3], np.float32), np.array([10, 20, 30], np.float32)
    old, total = interpret(graph, [x, y])
    np.testing.assert_array_equal(old, [1, 2, 3])
    np.testing.assert_array_equal(total, [11, 22, 33])
    np.testing.assert_array_equal(x, [10, 20, 30])
    np.testing.assert_array_equal(y, [11, 22, 33])


def test_outputs_share_no_memory():
    x = np.zeros(3, np.float32)
    first, second = interpret(Graph((X,), (X, p.reshape(X, (3,)))), [x])
    first += 1
    second += 2
    assert (x == 0).all() and (first == 1).all()


def test_results_have_exactly_the_nodes_dtype():
    for dtype in ("float16", "int8", "bool"):
        node = p.cast(X, dtype)
        assert interpret(Graph((X,), (node,)), [np.ones(3, np.float32)])[0].dtype == dtype


def test_watcher_sees_every_node_in_order():
    seen = []
    graph = Graph((X,), (p.tanh(p.negate(X)),))
    interpret(graph, [np.zeros(3, np.float32)], lambda node, value: seen.append((node.primitive.name, value.shape)))
    assert seen == [("negate", (3,)), ("tanh", (3,))]


def test_only_what_is_needed_is_computed():
    node = p.negate(X)
    (value,) = evaluate_nodes([p.tanh(node)], {node: np.zeros(3, np.float32)}, {})
    assert (value == 0).all()


def test_an_input_without_a_value():
    with pytest.raises(VerificationError, match="no value of its own"):
        evaluate_nodes([p.negate(X)], {}, {})


def test_symbols_in_attributes_become_numbers():
    x = input_node((BATCH, 2), "float32")
    graph = Graph((x,), (p.reshape(x, (BATCH * 2,)), p.dimension(BATCH * 2 + 1)))
    flat, number = interpret(graph, [np.zeros((5, 2), np.float32)])
    assert flat.shape == (10,) and number == 11


# Binding of symbols


def test_symbols_are_found_from_shapes():
    time = Dim("time")
    assert bind_symbols([((BATCH, time, 2), (5, 0, 2))]) == {"batch": 5, "time": 0}
    assert bind_symbols([((BATCH * 2 + 1,), (7,))]) == {"batch": 3}
    assert bind_symbols([((BATCH + time,), (9,)), ((BATCH,), (4,)), ((time,), (5,))]) == {"batch": 4, "time": 5}


@pytest.mark.parametrize(
    ("declared", "actual"),
    [((3,), (4,)), ((3,), (3, 1)), ((BATCH, BATCH), (2, 3)), ((BATCH * 2, BATCH), (4, 3))],
)
def test_shapes_that_do_not_fit(declared, actual):
    with pytest.raises(ShapeError, match="Received"):
        bind_symbols([(declared, actual)])


def test_sums_of_symbols_are_checked_whenever_their_symbols_become_known():
    time = Dim("time")
    with pytest.raises(ShapeError, match="share a symbol"):
        bind_symbols([((BATCH + time,), (9,)), ((BATCH,), (4,)), ((time,), (4,))])


def test_sizes_that_no_symbol_gives():
    """Twice a batch is never odd, and one more than a batch never 0."""
    for declared, actual in (((BATCH * 2,), (5,)), ((BATCH + 1,), (0,))):
        with pytest.raises(ShapeError):
            bind_symbols([(declared, actual)])


def test_input_kind():
    assert X.primitive is INPUT and X.kind == "leaf" and X.rank == 1
