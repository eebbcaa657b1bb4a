"""Meanings that were chosen, where another choice would have been possible."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamina.base import dtypes
from lamina.graph import CONSTANT, KINDS, Graph, Node, constant, input_node, interpret
from lamina.primitives import (
    REGISTRY,
    absolute,
    add,
    argmax,
    bitcast,
    broadcast,
    broadcast_in_dim,
    cast,
    concatenate,
    contract,
    cumulative_sum,
    dimension,
    divide,
    erf,
    floor_divide,
    full,
    full_like,
    maximum,
    one_hot,
    ones_like,
    pad,
    power,
    reduce_max,
    reduce_sum,
    remainder,
    reshape,
    reverse,
    round,
    scatter_add,
    select,
    shift_left,
    shift_right,
    sign,
    slice,
    transpose,
    zeros_like,
)


def value(node: Node) -> np.ndarray:
    return interpret(Graph((), (node,)), [])[0]


def array(items: object, dtype: str = "float64") -> Node:
    return constant(np.array(items, dtypes.to_numpy(dtype)))


def test_registry_holds_every_record_by_name() -> None:
    assert len(REGISTRY) >= 74
    for name, record in REGISTRY.items():
        assert record.name == name
        assert record.kind in KINDS


def test_erf_is_that_of_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-7, 7, 4001), [0.0, 1e-300, 0.46875, 4.0, np.inf, -np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(value(erf(constant(x))), expected, rtol=1e-15)
    assert np.signbit(value(erf(array(-0.0))))
    assert np.isnan(value(erf(array(np.nan))))


def test_half_floats_round_after_every_operation() -> None:
    x = array([1.0, 2048.0], "float16")
    small = array([2**-12, 1.0], "float16")
    assert value(add(add(x, small), small)).tolist() == [1.0, 2048.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats_are_summed_in_float32(dtype: str) -> None:
    ones = full((5000,), 1.0, dtype)
    expected = np.float32(5000).astype(dtypes.to_numpy(dtype))
    assert value(reduce_sum(ones, (0,))) == expected
    assert value(contract(ones, ones, ("k", "k", ""))) == expected
    assert value(cumulative_sum(ones, 0))[-1] == expected
    places = full((5000,), 0, "int64")
    assert value(scatter_add(full((1,), 0, dtype), places, ones, 0))[0] == expected


def test_casting_a_float_to_an_integer_saturates() -> None:
    x = array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.9, -2.9, 200.0, 2.0**63])
    assert value(cast(x, "int8")).tolist() == [0, 127, -128, 127, -128, 2, -2, 127, 127]
    assert value(cast(x, "uint8")).tolist() == [0, 255, 0, 255, 0, 2, 0, 200, 255]
    lowest, highest = -(2**63), 2**63 - 1
    assert value(cast(x, "int64")).tolist() == [0, highest, lowest, highest, lowest, 2, -2, 200, highest]
    assert value(cast(x, "bool")).tolist() == [True] * 9


def test_casting_an_integer_wraps() -> None:
    assert value(cast(array([300, -1], "int64"), "uint8")).tolist() == [44, 255]


def test_bitcast_keeps_bits() -> None:
    assert value(bitcast(array([1.0, -0.0], "float32"), "uint32")).tolist() == [0x3F800000, 0x80000000]


def test_integer_arithmetic_wraps_and_never_traps() -> None:
    x, y = array([7, -7, 5, -128], "int8"), array([2, 2, 0, -1], "int8")
    assert value(floor_divide(x, y)).tolist() == [3, -4, 0, -128]
    assert value(remainder(x, y)).tolist() == [1, 1, 0, 0]
    assert value(absolute(array([-128], "int8"))).tolist() == [-128]


def test_integer_power() -> None:
    x, y = array([2, -3, 1, -1, -1, 5, 0], "int32"), array([10, 3, -4, -3, -2, -1, 0], "int32")
    assert value(power(x, y)).tolist() == [1024, -27, 1, -1, 1, 0, 1]


def test_shifts_beyond_the_width() -> None:
    x, y = array([1, -1, -5, 64], "int8"), array([8, 100, 9, -1], "int8")
    assert value(shift_left(x, y)).tolist() == [0, 0, 0, 0]
    assert value(shift_right(x, y)).tolist() == [0, -1, -1, 0]


def test_extremes_let_nan_through() -> None:
    assert np.isnan(value(maximum(array([1.0, np.nan]), array([np.nan, 1.0])))).all()
    assert np.isnan(value(reduce_max(array([1.0, np.nan, 3.0]), (0,))))


def test_extreme_of_infinities_alone() -> None:
    assert value(reduce_max(array([-np.inf, -np.inf]), (0,))) == -np.inf


def test_argmax_takes_the_first_and_counts_nan_as_largest() -> None:
    assert value(argmax(array([[1.0, 3, 3], [np.nan, 5, np.nan]]), 1)).tolist() == [1, 0]


def test_select_hides_what_is_not_chosen() -> None:
    chosen = select(array([True, False], "bool"), array([1.0, np.nan]), array([np.inf, 2.0]))
    assert value(chosen).tolist() == [1.0, 2.0]


def test_round_goes_to_even_and_sign_keeps_nan() -> None:
    assert value(round(array([0.5, 1.5, 2.5, -0.5]))).tolist() == [0, 2, 2, 0]
    assert np.isnan(value(sign(array([np.nan])))[0])


def test_division_by_zero_is_that_of_ieee() -> None:
    assert value(divide(array([1.0, -1.0]), array([0.0, 0.0]))).tolist() == [np.inf, -np.inf]


def test_one_hot_of_an_index_outside_is_zero() -> None:
    assert value(one_hot(array([1, -1, 2], "int64"), 2, "float32")).tolist() == [[0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("reversed_", "exclusive", "expected"),
    [(False, False, [1, 3, 6]), (False, True, [0, 1, 3]), (True, False, [6, 5, 3]), (True, True, [5, 3, 0])],
)
def test_cumulative_sum(reversed_: bool, exclusive: bool, expected: list[int]) -> None:
    assert value(cumulative_sum(array([1.0, 2, 3]), 0, reversed_, exclusive)).tolist() == expected


@pytest.mark.parametrize(
    "labels", [("mk", "kn", "mn"), ("km", "kn", "nm"), ("bmk", "bkn", "bnm"), ("bm", "bm", "b"), ("a", "b", "ba")]
)
def test_contract_is_einsum(labels: tuple[str, str, str], rng: np.random.Generator) -> None:
    size = {"m": 3, "k": 4, "n": 5, "b": 2, "a": 6}
    a, b = (rng.normal(size=[size[letter] for letter in part]) for part in labels[:2])
    expected = np.einsum(f"{labels[0]},{labels[1]}->{labels[2]}", a, b)
    np.testing.assert_allclose(value(contract(constant(a), constant(b), labels)), expected, rtol=1e-12)


def test_filling() -> None:
    x = input_node((2, 3), "int8")
    assert value(full((2, 2), 7, "int8")).tolist() == [[7, 7], [7, 7]]
    assert full((), 7, "int8").primitive is CONSTANT
    for node, expected in [(zeros_like(x), 0), (ones_like(x), 1), (full_like(x, 5), 5)]:
        assert (node.shape, node.dtype) == ((2, 3), "int8")
        assert np.all(value(node) == expected)


def test_broadcast_in_dim_places_axes() -> None:
    spread = broadcast_in_dim(array([1.0, 2.0]), (2, 3), (0,))
    assert value(spread).tolist() == [[1, 1, 1], [2, 2, 2]]


def test_known_dimension_is_a_constant() -> None:
    assert dimension(5).primitive is CONSTANT
    assert value(dimension(5)) == 5


def test_functions_that_change_nothing_build_nothing() -> None:
    x = input_node((2, 3), "float32")
    assert reshape(x, (2, 3)) is x
    assert transpose(x, (0, 1)) is x
    assert broadcast(x, (2, 3)) is x
    assert slice(x, (0, 0), (2, 3)) is x
    assert pad(x, (0, 0), (0, 0)) is x
    assert concatenate(x, axis=0) is x
    assert reverse(x, ()) is x
    assert reduce_sum(x, ()) is x
    assert cast(x, "float32") is x


def test_equal_applications_are_one_node() -> None:
    x = input_node((2, 3), "float32")
    assert reduce_sum(x, [1, 0]) is reduce_sum(x, (0, 1))
    assert full((2,), 1.0, "float32") is full((2,), 1.0, "float32")
