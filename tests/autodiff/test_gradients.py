"""Reverse mode: what it gives, what it leaves out, and of what order."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lamina.autodiff import check_gradients, gradients
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, GradientError
from lamina.graph import Graph, Node, Primitive, Spec, apply, constant, input_node, interpret, topological, verify
from lamina.primitives import (
    MULTIPLY,
    add,
    broadcast_in_dim,
    cast,
    contract,
    divide,
    exp,
    floor,
    full_like,
    log,
    maximum,
    multiply,
    negate,
    one_hot,
    ones_like,
    power,
    reduce_max,
    reduce_prod,
    reduce_sum,
    rsqrt,
    select,
    sin,
    stop_gradient,
    subtract,
    take,
    tanh,
    zeros_like,
)


def leaf(*shape: object, dtype: str = "float64") -> Node:
    return input_node(tuple(shape), dtype)


def evaluate(nodes: list[Node], outputs: list[Node | None], *arrays: object) -> list[np.ndarray]:
    assert all(output is not None for output in outputs)
    graph = Graph(tuple(nodes), tuple(outputs))  # type: ignore[arg-type]
    verify(graph)
    return interpret(graph, [np.asarray(a, np.float64) for a in arrays])


def row_sum(x: Node) -> Node:
    return broadcast_in_dim(reduce_sum(x, (1,)), x.shape, (0,))


def row_max(x: Node) -> Node:
    return broadcast_in_dim(reduce_max(x, (1,)), x.shape, (0,))


def bias(x: Node, b: Node) -> Node:
    return add(x, broadcast_in_dim(b, x.shape, (1,)))


def log_softmax(x: Node) -> Node:
    shifted = subtract(x, stop_gradient(row_max(x)))
    return subtract(shifted, log(row_sum(exp(shifted))))


def network(x: Node, w1: Node, b1: Node, w2: Node, b2: Node, labels: Node) -> Node:
    """Two dense layers and the cross-entropy of their softmax."""
    hidden = tanh(bias(contract(x, w1, ("bi", "ih", "bh")), b1))
    logits = bias(contract(hidden, w2, ("bh", "ho", "bo")), b2)
    hot = one_hot(labels, w2.shape[1], x.dtype)
    return negate(reduce_sum(multiply(hot, log_softmax(logits)), (0, 1)))


def network_arrays(rng: np.random.Generator, batch: int = 4) -> list[np.ndarray]:
    shapes = [(batch, 3), (3, 5), (5,), (5, 2), (2,)]
    return [*(rng.normal(size=shape) for shape in shapes), rng.integers(0, 2, batch)]


# --- composites against differences ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_network_with_cross_entropy(order: int, rng: np.random.Generator) -> None:
    check_gradients(network, network_arrays(rng), order=order, tolerance=1e-5)


def test_network_with_unknown_batch(rng: np.random.Generator) -> None:
    arrays = network_arrays(rng, batch=3)
    results = []
    for batch in (3, Dim("batch")):
        nodes = [input_node((batch, *a.shape[1:]) if k in (0, 5) else a.shape, a.dtype.name)
                 for k, a in enumerate(arrays)]  # fmt: skip
        found = gradients([network(*nodes)], nodes[:5])
        results.append(interpret(Graph(tuple(nodes), tuple(found)), arrays))  # type: ignore[arg-type]
    for known, unknown in zip(*results, strict=True):
        np.testing.assert_allclose(unknown, known, rtol=1e-12)


def layer_norm(x: Node, scale: Node) -> Node:
    size = full_like(x, x.shape[1])
    centred = subtract(x, divide(row_sum(x), size))
    variance = divide(row_sum(multiply(centred, centred)), size)
    return multiply(multiply(centred, rsqrt(add(variance, full_like(x, 1e-3)))), broadcast_in_dim(scale, x.shape, (1,)))


@pytest.mark.parametrize("order", [1, 2])
def test_layer_norm(order: int, rng: np.random.Generator) -> None:
    check_gradients(layer_norm, [rng.normal(size=(3, 4)), rng.normal(size=4)], order=order, tolerance=1e-5)


def attention(q: Node, k: Node, v: Node) -> Node:
    scores = contract(q, k, ("qd", "kd", "qk"))
    return contract(exp(log_softmax(scores)), v, ("qk", "kd", "qd"))


@pytest.mark.parametrize("order", [1, 2])
def test_attention(order: int, rng: np.random.Generator) -> None:
    check_gradients(attention, [rng.normal(size=(3, 2)) for _ in range(3)], order=order, tolerance=1e-5)


def test_embedding_with_repeated_rows(rng: np.random.Generator) -> None:
    arrays = [rng.normal(size=(5, 3)), np.array([[0, 4], [4, 4]])]
    check_gradients(lambda table, rows: sin(take(table, rows, 0)), arrays, order=2, tolerance=1e-5)


def test_third_order(rng: np.random.Generator) -> None:
    check_gradients(lambda x: multiply(sin(x), exp(x)), [rng.normal(size=4)], order=3, tolerance=1e-5)


# --- higher orders and kinks, exactly --------------------------------------------------------------------------------


def test_orders_of_a_power() -> None:
    x = leaf()
    orders: list[Node] = [power(x, full_like(x, 4.0))]
    for _ in range(4):
        (following,) = gradients([orders[-1]], [x])
        assert following is not None
        orders.append(following)
    assert [float(v) for v in evaluate([x], list(orders), 2.0)] == [16, 32, 48, 48, 24]
    assert [float(v) for v in evaluate([x], list(orders), 0.0)] == [0, 0, 0, 0, 24]


@pytest.mark.parametrize(
    ("base", "exponent", "to_base", "to_exponent"),
    [
        (0.0, 2.0, 0.0, 0.0), (0.0, 1.0, 1.0, 0.0), (0.0, 0.0, 0.0, 0.0), (-2.0, 3.0, 12.0, 0.0),
        (-2.0, -1.0, -0.25, 0.0), (5.0, 0.0, 0.0, np.log(5.0)), (0.0, 0.5, np.inf, 0.0),
    ],
)  # fmt: skip
def test_power_where_a_factor_is_infinite(base: float, exponent: float, to_base: float, to_exponent: float) -> None:
    x, y = leaf(), leaf()
    found = evaluate([x, y], gradients([power(x, y)], [x, y]), base, exponent)
    assert [float(v) for v in found] == pytest.approx([to_base, to_exponent])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("values", [[1.0, 2, 3], [0.0, 2, 3], [0.0, 0, 3], [0.0, 0, 0]])
def test_product_with_zeros(values: list[float], order: int) -> None:
    check_gradients(lambda x: reduce_prod(x, (0,)), [np.array(values)], order=order)


@pytest.mark.parametrize("values", [[1.0, 2, 3], [0.0, 2, 3], [0.0, 0, 3]])
def test_product_of_unknown_length_with_zeros(values: list[float]) -> None:
    x = leaf(Dim("n"))
    (found,) = evaluate([x], gradients([reduce_prod(x, (0,))], [x]), values)
    expected = [np.prod(values[:k] + values[k + 1 :]) for k in range(3)]
    assert found.tolist() == pytest.approx(expected)


def test_ties_share() -> None:
    x, y = leaf(3), leaf(3)
    found = evaluate([x, y], gradients([maximum(x, y)], [x, y]), [1.0, 2, 3], [1.0, 5, 0])
    assert [v.tolist() for v in found] == [[0.5, 0, 1], [0.5, 1, 0]]
    (found,) = evaluate([x], gradients([reduce_max(x, (0,))], [x]), [2.0, 1, 2])
    assert found.tolist() == [0.5, 0, 0.5]


def test_a_branch_not_taken_adds_nothing() -> None:
    x = leaf(2)
    safe = select(constant(np.array([True, False])), log(x), zeros_like(x))
    (found,) = evaluate([x], gradients([safe], [x]), [2.0, 1.0])
    assert found.tolist() == [0.5, 0]


# --- structure -------------------------------------------------------------------------------------------------------


def test_contributions_add_up() -> None:
    x = leaf()
    y = multiply(x, x)
    (found,) = evaluate([x], gradients([add(y, y), y, x], [x]), 3.0)
    assert found == 6 + 6 + 6 + 1


def test_seeds_weigh_the_outputs() -> None:
    x = leaf(2)
    seed = constant(np.array([10.0, 100.0]))
    (found,) = evaluate([x], gradients([multiply(x, x)], [x], [seed]), [1.0, 2.0])
    assert found.tolist() == [20, 400]


def test_none_where_not_connected() -> None:
    x, y, z = leaf(), leaf(), leaf()
    assert gradients([multiply(x, x)], [y]) == [None]
    assert gradients([floor(x)], [x]) == [None]
    assert gradients([stop_gradient(x)], [x]) == [None]
    assert gradients([cast(cast(x, "int32"), "float64")], [x]) == [None]
    found = gradients([add(multiply(x, x), stop_gradient(z))], [x, y, z])
    assert found[0] is not None
    assert found[1:] == [None, None]


def test_integer_outputs_have_no_part() -> None:
    x = leaf()
    assert gradients([cast(x, "int32")], [x]) == [None]


def test_an_input_may_lie_within_the_graph() -> None:
    x = leaf()
    middle = sin(x)
    to_middle, to_x = gradients([multiply(middle, middle)], [middle, x])
    found = evaluate([x], [to_middle, to_x], 0.3)
    assert found == [pytest.approx(2 * np.sin(0.3)), pytest.approx(2 * np.sin(0.3) * np.cos(0.3))]


def test_gradient_of_an_output_by_itself_is_its_seed() -> None:
    x = leaf(3)
    assert gradients([x], [x]) == [ones_like(x)]


def test_work_is_done_only_towards_the_inputs() -> None:
    x, frozen = leaf(4, 4), leaf(4, 4)
    y = multiply(exp(multiply(frozen, frozen)), x)
    (found,) = gradients([y], [x])
    assert found is not None
    assert sum(n.primitive is MULTIPLY for n in topological([found], topological([y]))) == 1


def test_depth_is_not_limited() -> None:
    x = leaf()
    y = x
    for _ in range(20_000):
        y = add(y, x)
    (found,) = evaluate([x], gradients([y], [x]), 1.0)
    assert found == 20_001


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_gradient_has_the_dtype_of_its_input(dtype: str) -> None:
    x, w = leaf(2, 3, dtype=dtype), leaf(3, dtype=dtype)
    wide = cast(contract(x, w, ("mk", "k", "m")), "float32")
    for node, found in zip((x, w), gradients([exp(wide)], [x, w])):
        assert found is not None
        assert (found.shape, found.dtype) == (node.shape, node.dtype)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_seed_that_does_not_fit() -> None:
    x = leaf(3)
    text = "gradients: seeds[0] must have the shape and dtype of outputs[0], float64(3,). Received: float64()."
    with pytest.raises(GradientError, match=re.escape(text)):
        gradients([x], [x], [leaf()])
    with pytest.raises(ArgumentError, match=re.escape("a seed for each of 1 outputs. Received: 2.")):
        gradients([x], [x], [x, x])


def test_a_vjp_that_is_wrong_is_named() -> None:
    bad = Primitive("bad", "elementwise", infer=lambda x: Spec(x.shape, x.dtype), numpy=lambda x: x,
                    vjp=lambda node, g: (reduce_sum(g, (0,)),))  # fmt: skip
    x = leaf(3)
    with pytest.raises(GradientError, match=r"gradient of bad \(test_gradients.py:\d+\).*float64\(3,\) came out as"):
        gradients([apply(bad, x)], [x])
