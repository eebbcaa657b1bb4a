from __future__ import annotations

import math

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import DTypeError, ShapeError
from lamina.tensor import Tensor

X = np.array([[-2.5, -1.0, -0.5], [0.0, 0.75, 3.0]], np.float32)
Y = np.array([[1.5, -2.0, 0.5]], np.float32)
SMALL = np.array([-0.9, -0.3, 0.0, 0.4, 0.8], np.float32)
POSITIVE = np.array([0.1, 1.0, 2.5, 30.0], np.float32)

BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "mod", "fmod", "floor_divide",
          "arctan2", "hypot", "logaddexp", "logaddexp2", "heaviside", "equal", "not_equal", "less", "less_equal",
          "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "isclose"]  # fmt: skip
UNARY = ["absolute", "negative", "sign", "floor", "ceil", "trunc", "square", "reciprocal", "exp", "exp2", "expm1",
         "sin",
         "cos", "tan", "tanh", "sinh", "cosh", "arctan", "arcsinh", "cbrt", "sinc", "deg2rad", "rad2deg", "isnan",
         "isfinite", "isinf", "isposinf", "isneginf", "signbit", "logical_not", "round"]  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_follow_numpy_and_broadcast(name, agrees):
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(X, Y)
    agrees(getattr(ops, name), [X, Y], expected)


@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_follow_numpy(name, agrees):
    x = X[X != 0] if name == "reciprocal" else X
    agrees(getattr(ops, name), [x], getattr(np, name)(x))


@pytest.mark.parametrize("name", ["sqrt", "log", "log2", "log10", "log1p", "arccosh"])
def test_functions_of_positive_numbers_follow_numpy(name, agrees):
    x = POSITIVE + 1 if name == "arccosh" else POSITIVE
    agrees(getattr(ops, name), [x], getattr(np, name)(x))


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctanh"])
def test_inverse_functions_follow_numpy(name, agrees):
    agrees(getattr(ops, name), [SMALL], getattr(np, name)(SMALL))


def test_erf_family(agrees):
    exact = np.array([math.erf(v) for v in X.ravel()], np.float32)
    agrees(ops.erf, [X.ravel()], exact)
    agrees(ops.erfc, [X.ravel()], 1 - exact)
    agrees(ops.rsqrt, [POSITIVE], 1 / np.sqrt(POSITIVE))


@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-6), ("float64", 1e-12)])
def test_erfinv_undoes_erf(dtype, rtol):
    x = np.linspace(-0.99, 0.99, 199).astype(dtype)
    back = [math.erf(v) for v in ops.erfinv(x).numpy()]
    np.testing.assert_allclose(back, x, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(ops.erfinv(np.array([-1.0, 1.0], dtype)).numpy(), [-np.inf, np.inf])


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"])
def test_bits_follow_numpy(name, agrees):
    x, y = np.array([12, 7, -3], np.int32), np.array([1, 2, 3], np.int32)
    agrees(getattr(ops, name), [x, y], getattr(np, name)(x, y), dtype="int32")


def test_bits_of_floats_are_refused():
    with pytest.raises(DTypeError, match="expected integers or bools"):
        ops.bitwise_and(X, X)


@pytest.mark.parametrize("value", [2, 2.5, True])
def test_python_scalars_take_the_dtype_of_floats(value):
    for dtype in ("float16", "float32", "float64"):
        assert (Tensor(np.ones(2, dtype)) * value).dtype == dtype


def test_promotion():
    assert ops.add(np.int32(1), np.ones(2, np.int8)).dtype == "int8"
    assert ops.add(np.ones(2, np.int32), 0.5).dtype == "float32"
    assert ops.add(np.ones(2, np.int64), np.ones(2, np.float16)).dtype == "float16"
    assert ops.divide(np.ones(2, np.int64), 2).dtype == "float32"
    assert ops.exp(np.arange(3)).dtype == "float32"
    assert ops.add(True, np.array([True])).dtype == "bool"
    assert ops.multiply(np.ones(2, np.float32), np.float64(2)).dtype == "float32"


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(DTypeError, match="300 does not fit into int8"):
        ops.add(np.ones(2, np.int8), 300)


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ShapeError, match=r"add: the shapes \(2, 3\) and \(4,\) cannot be broadcast"):
        ops.add(np.ones((2, 3)), np.ones(4))


@pytest.mark.parametrize("exponent", [1, 2, 3, 0.5, -1, 2.5, -2.0])
def test_power(exponent, agrees):
    agrees(lambda x: x**exponent if isinstance(x, Tensor) else ops.power(x, exponent), [POSITIVE], POSITIVE**exponent)


def test_integer_power_stays_integer(agrees):
    agrees(lambda x: ops.power(x, 2), [np.array([3, -4], np.int32)], [9, 16], dtype="int32")


def test_clip_and_nan_to_num(agrees):
    bad = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    agrees(lambda x: ops.clip(x, -1, 1), [X], np.clip(X, -1, 1))
    agrees(lambda x: ops.clip(x, None, 1), [X], np.minimum(X, 1))
    agrees(ops.nan_to_num, [bad], np.nan_to_num(bad))
    agrees(lambda x: ops.nan_to_num(x, 1.0, 2.0, 3.0), [bad], [1, 2, 3, 1])


def test_maximum_and_relu_pass_nan_on():
    bad = np.array([np.nan, 1.0], np.float32)
    assert np.isnan(ops.maximum(bad, 0.0).numpy()[0])
    assert np.isnan(ops.relu(bad).numpy()[0])
    np.testing.assert_array_equal(ops.fmax(bad, 0.0).numpy(), [0, 1])


def test_divide_no_nan(agrees):
    agrees(ops.divide_no_nan, [np.array([1.0, 2.0]), np.array([0.0, 4.0])], [0.0, 0.5])


def test_round_to_decimals(agrees):
    x = np.array([1.2345, -2.5, 1250.0], np.float32)
    agrees(lambda v: ops.round(v, 2), [x], np.round(x, 2))
    agrees(lambda v: ops.round(v, -2), [x], np.round(x, -2))


def test_where_and_select(agrees):
    agrees(lambda c, x, y: ops.where(c, x, y), [X > 0, X, Y], np.where(X > 0, X, Y))
    agrees(lambda x: ops.select([x > 1, x > -1], [x, -x], 5.0), [X], np.select([X > 1, X > -1], [X, -X], 5.0))
    assert ops.where(X > 0, 1, 0.5).dtype == "float32"
    rows, columns = ops.nonzero(X > 0)
    np.testing.assert_array_equal(np.stack([rows, columns]), np.nonzero(X > 0))


def test_closeness(agrees):
    assert bool(ops.allclose(X, X + 1e-9))
    assert not bool(ops.allclose(X, X + 1))
    agrees(ops.isin, [np.array([1, 5, 2]), np.array([2, 1])], [True, False, True])


def test_saturate_cast():
    np.testing.assert_array_equal(ops.saturate_cast([-5, 300, 7], "uint8").numpy(), [0, 255, 7])
    np.testing.assert_array_equal(ops.saturate_cast([-5.5, 300.0, 7.9], "uint8").numpy(), [0, 255, 7])
