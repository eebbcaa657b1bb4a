"""Compiled activations against the same in a wider float: within 2 ulp, and with the right limits."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as P
from lamina.compiler import compile_graph
from lamina.graph import Graph, Primitive, apply, input_node
from lamina.primitives.error_function import erf

CURVES = [P.SIGMOID, P.SOFTPLUS, P.SILU, P.GELU, P.GELU_TANH]
SLOPES = [P.SIGMOID, P.SILU_SLOPE, P.GELU_SLOPE, P.GELU_TANH_SLOPE]


def compiled(primitive: Primitive, x: np.ndarray) -> np.ndarray:
    node = input_node(x.shape, x.dtype.name)
    return compile_graph(Graph((node,), (apply(primitive, node),)))([x])[0]


def wide_sigmoid(x: np.ndarray) -> np.ndarray:
    powers = np.exp(-np.abs(x))
    return np.where(x < 0, powers, 1) / (1 + powers)


def wide_gelu_tanh(x: np.ndarray) -> np.ndarray:
    return x * wide_sigmoid(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def spread(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.concatenate([rng.uniform(-span, span, 5000) for span in (1e-3, 1, 6, 30, 110)]).astype(dtype)


def worst_ulp(got: np.ndarray, want: np.ndarray) -> float:
    unit = np.spacing(np.abs(want).astype(got.dtype)).astype(want.dtype)
    return float(np.max(np.abs(got.astype(want.dtype) - want) / unit))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_is_precise_at_both_ends(dtype):
    wide = np.dtype("float64" if dtype == "float32" else np.longdouble)
    if np.finfo(wide).nmant <= np.finfo(dtype).nmant:
        pytest.skip("no float type wider than float64 to compare with")
    x = spread(dtype)
    got = compiled(P.SIGMOID, x)
    assert worst_ulp(got, wide_sigmoid(x.astype(wide))) <= 2
    assert ((got > 0) & (got < np.finfo(dtype).tiny)).any() == (dtype == "float32")  # subnormal results too


def test_softplus_and_silu_are_precise():
    x = spread("float32")
    wide = x.astype("float64")
    assert worst_ulp(compiled(P.SOFTPLUS, x), np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))) <= 2
    ordinary = x > -87  # below, the sigmoid is subnormal and has fewer digits
    silu = compiled(P.SILU, x)[ordinary]
    assert worst_ulp(silu, (wide * wide_sigmoid(wide))[ordinary]) <= 3  # one more rounding


def test_gelu_is_precise_to_the_last_digits_of_its_argument():
    """Far below 0, where almost nothing is left of `x`, digits are lost as in its definition."""
    x = spread("float32")
    wide = x.astype("float64")
    unit = np.spacing(np.abs(x)).astype("float64")
    exact = wide * (0.5 + 0.5 * erf(wide * np.sqrt(0.5)))
    assert np.max(np.abs(compiled(P.GELU, x) - exact) / unit) <= 2
    assert np.max(np.abs(compiled(P.GELU_TANH, x) - wide_gelu_tanh(wide)) / unit) <= 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("primitive", CURVES, ids=lambda p: p.name)
def test_limits(primitive, dtype):
    """0 at the lower end, 1 or `x` at the upper; NaN stays."""
    x = np.array([-np.inf, -3e4, 3e4, np.inf, np.nan], "float32").astype(P.CAST.numpy(np.zeros(1), dtype).dtype)
    node = input_node(x.shape, dtype)
    got = compile_graph(Graph((node,), (apply(primitive, node),)))([x])[0].astype("float64")
    top = np.ones(2) if primitive is P.SIGMOID else x[2:4].astype("float64")
    np.testing.assert_allclose(got, [0, 0, *top, np.nan], atol=1e-10)


@pytest.mark.parametrize("primitive", SLOPES, ids=lambda p: p.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_are_straight_far_out(primitive, dtype):
    most = np.finfo(dtype).max
    x = np.array([-np.inf, -most, -1e20, -900, 900, 1e20, most, np.inf, np.nan], dtype)
    np.testing.assert_allclose(compiled(primitive, x), [0, 0, 0, 0, 1, 1, 1, 1, np.nan], atol=1e-16)
