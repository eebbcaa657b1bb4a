"""Functions of one or two numbers, applied to every element: arithmetic beyond Python's operators."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.packages import required
from lamina.graph import Primitive
from lamina.ops.core import (
    apply,
    binary,
    cast,
    convert,
    float_operands,
    operands,
    positive,
    to_float,
    unary,
)
from lamina.ops.logic import where
from lamina.tensor.arithmetic import absolute, add, divide, floor_divide, mod, multiply, negative, power, subtract
from lamina.tensor.tensor import Tensor

true_divide = divide
abs = absolute
fabs = absolute
remainder = mod


def _numbers(x1: Any, x2: Any) -> list[Any]:
    x, y = operands(x1, x2)
    return [cast(x, "int32"), cast(y, "int32")] if x.dtype == "bool" else [x, y]


def maximum(x1: Any, x2: Any) -> Tensor:
    """The larger of two; NaN where either is NaN."""
    x, y = operands(x1, x2)
    return binary(P.LOGICAL_OR if x.dtype == "bool" else P.MAXIMUM, x, y)


def minimum(x1: Any, x2: Any) -> Tensor:
    """The smaller of two; NaN where either is NaN."""
    x, y = operands(x1, x2)
    return binary(P.LOGICAL_AND if x.dtype == "bool" else P.MINIMUM, x, y)


def fmax(x1: Any, x2: Any) -> Tensor:
    """The larger of two; where one is NaN, the other."""
    x, y = operands(x1, x2)
    if not dtypes.is_float(x.dtype):
        return maximum(x, y)
    return where(_is_nan(x), y, where(_is_nan(y), x, maximum(x, y)))


def fmin(x1: Any, x2: Any) -> Tensor:
    """The smaller of two; where one is NaN, the other."""
    x, y = operands(x1, x2)
    if not dtypes.is_float(x.dtype):
        return minimum(x, y)
    return where(_is_nan(x), y, where(_is_nan(y), x, minimum(x, y)))


def _is_nan(x: Any) -> Tensor:
    return unary(P.IS_NAN, x)


def fmod(x1: Any, x2: Any) -> Tensor:
    """The remainder of a division rounded towards zero; it has the sign of `x1`."""
    x, y = _numbers(x1, x2)
    rest = mod(absolute(x), absolute(y))
    return where(x < 0, negative(rest), rest)


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """`x1 / x2`, and 0 where `x2` is 0; with gradient 0 there."""
    x, y = float_operands(x1, x2)
    zero = y == 0
    return where(zero, 0.0, divide(x, where(zero, 1.0, y)))


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """`x` cut to lie between `x_min` and `x_max`; None for no bound."""
    x = convert(x)
    x = cast(x, "int32") if x.dtype == "bool" else x
    if x_min is not None:
        x = maximum(x, x_min)
    return positive(x) if x_max is None else minimum(x, x_max)


def sign(x: Any) -> Tensor:
    """-1, 0 or 1."""
    x = convert(x)
    return unary(P.SIGN, cast(x, "int32") if x.dtype == "bool" else x)


def signbit(x: Any) -> Tensor:
    """Whether the sign is negative; true of -0.0."""
    x = convert(x)
    if not dtypes.is_float(x.dtype):
        return x < 0 if x.dtype != "bool" else x != x
    wide = cast(x, "float32") if dtypes.size(x.dtype) < 4 else x
    return apply(P.BITCAST, wide, dtype="int64" if wide.dtype == "float64" else "int32") < 0


def _rounding(primitive: Primitive, x: Any) -> Tensor:
    x = convert(x)
    return unary(primitive, x) if dtypes.is_float(x.dtype) else positive(cast(x, config.floatx))


def floor(x: Any) -> Tensor:
    """The largest whole number up to `x`, as a float."""
    return _rounding(P.FLOOR, x)


def ceil(x: Any) -> Tensor:
    """The smallest whole number from `x` on, as a float."""
    return _rounding(P.CEIL, x)


def trunc(x: Any) -> Tensor:
    """`x` without its fraction, as a float; integers as they are."""
    x = convert(x)
    if not dtypes.is_float(x.dtype):
        return positive(x)
    return where(x < 0, unary(P.CEIL, x), unary(P.FLOOR, x))


def round(x: Any, decimals: int = 0) -> Tensor:
    """`x` rounded to so many decimals; halves go to the even neighbour. Integers as they are, if `decimals` >= 0."""
    x = convert(x)
    if not dtypes.is_float(x.dtype) and decimals >= 0:
        return positive(x)
    if decimals == 0:
        return unary(P.ROUND, x)
    name = x.dtype
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    wide = to_float(x)
    if decimals > 0:
        result = divide(unary(P.ROUND, multiply(wide, scale)), scale)
    else:
        result = multiply(unary(P.ROUND, divide(wide, scale)), scale)
    return positive(cast(result, name))


def square(x: Any) -> Tensor:
    """`x * x`"""
    x = convert(x)
    x = cast(x, "int32") if x.dtype == "bool" else x
    return binary(P.MULTIPLY, x, x)


def reciprocal(x: Any) -> Tensor:
    """`1 / x`"""
    return divide(1, x)


def hypot(x1: Any, x2: Any) -> Tensor:
    """`sqrt(x1**2 + x2**2)`, without overflow."""
    x, y = (absolute(t) for t in float_operands(x1, x2))
    large = maximum(x, y)
    safe = where(large == 0, 1.0, large)
    a, b = divide(x, safe), divide(y, safe)
    return multiply(large, unary(P.SQRT, add(multiply(a, a), multiply(b, b))))


def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 where `x1` is negative, 1 where positive, and `x2` where it is 0."""
    x, y = float_operands(x1, x2)
    return where(x == 0, y, where(x < 0, 0.0, where(x > 0, 1.0, x)))


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """`x` with NaN and infinities replaced; None for the largest and the smallest number of the dtype."""
    x = convert(x)
    if not dtypes.is_float(x.dtype):
        return positive(x)
    info = finfo(x.dtype)
    high = float(info.max) if posinf is None else posinf
    low = float(info.min) if neginf is None else neginf
    infinity = float("inf")
    x = where(_is_nan(x), nan, x)
    return where(x == infinity, high, where(x == -infinity, low, x))


def finfo(name: str) -> Any:
    """Limits of a float dtype, as of `numpy.finfo`."""
    import numpy as np

    if name != "bfloat16":
        return np.finfo(name)
    ml_dtypes = required("ml_dtypes")
    return ml_dtypes.finfo(ml_dtypes.bfloat16)


__all__ = [
    "abs", "absolute", "add", "ceil", "clip", "divide", "divide_no_nan", "fabs", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "heaviside", "hypot", "maximum", "minimum", "mod", "multiply", "nan_to_num", "negative",
    "power", "reciprocal", "round", "sign", "signbit", "square", "subtract", "true_divide", "trunc",
]  # fmt: skip
