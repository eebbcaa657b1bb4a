"""Roots, exponentials, logarithms, trigonometric and hyperbolic functions, and inverses. Integers become `floatx`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.graph import Primitive
from lamina.ops.core import binary, cast, float_operands, to_float, unary
from lamina.ops.elementwise import absolute, maximum, sign
from lamina.ops.logic import where
from lamina.tensor.arithmetic import add, divide, multiply, negative, subtract
from lamina.tensor.tensor import Tensor


def _function(primitive: Primitive, name: str, doc: str) -> Callable[[Any], Tensor]:
    def function(x: Any) -> Tensor:
        return unary(primitive, to_float(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


sqrt = _function(P.SQRT, "sqrt", "The square root; NaN of negative numbers.")
rsqrt = _function(P.RSQRT, "rsqrt", "`1 / sqrt(x)`")
exp = _function(P.EXP, "exp", "`e ** x`")
expm1 = _function(P.EXPM1, "expm1", "`exp(x) - 1`, precise near 0.")
log = _function(P.LOG, "log", "The natural logarithm; -inf of 0, NaN of negative numbers.")
log1p = _function(P.LOG1P, "log1p", "`log(1 + x)`, precise near 0.")
sin = _function(P.SIN, "sin", "The sine of an angle in radians.")
cos = _function(P.COS, "cos", "The cosine of an angle in radians.")
tanh = _function(P.TANH, "tanh", "The hyperbolic tangent.")
erf = _function(P.ERF, "erf", "The error function, `2/sqrt(pi) * integral of exp(-t**2) from 0 to x`.")


def erfc(x: Any) -> Tensor:
    """`1 - erf(x)`"""
    return subtract(1, erf(x))


def exp2(x: Any) -> Tensor:
    """`2 ** x`"""
    return unary(P.EXP, multiply(to_float(x), math.log(2)))


def log2(x: Any) -> Tensor:
    """The logarithm to base 2."""
    return multiply(log(x), 1 / math.log(2))


def log10(x: Any) -> Tensor:
    """The logarithm to base 10."""
    return multiply(log(x), 1 / math.log(10))


def cbrt(x: Any) -> Tensor:
    """The cube root, also of negative numbers."""
    x = to_float(x)
    size = absolute(x)
    zero = size == 0
    root = unary(P.EXP, multiply(unary(P.LOG, where(zero, 1.0, size)), 1 / 3))
    return where(zero, 0.0, multiply(sign(x), root))


def tan(x: Any) -> Tensor:
    """The tangent of an angle in radians."""
    x = to_float(x)
    return divide(unary(P.SIN, x), unary(P.COS, x))


def sinh(x: Any) -> Tensor:
    """The hyperbolic sine."""
    x = to_float(x)
    return multiply(subtract(unary(P.EXPM1, x), unary(P.EXPM1, negative(x))), 0.5)


def cosh(x: Any) -> Tensor:
    """The hyperbolic cosine."""
    x = to_float(x)
    return multiply(add(unary(P.EXP, x), unary(P.EXP, negative(x))), 0.5)


def arctan2(x1: Any, x2: Any) -> Tensor:
    """The angle of the point (`x2`, `x1`), from -pi to pi."""
    return binary(P.ARCTAN2, *float_operands(x1, x2))


def arctan(x: Any) -> Tensor:
    """The angle from -pi/2 to pi/2 whose tangent is `x`."""
    return arctan2(to_float(x), 1.0)


def arcsin(x: Any) -> Tensor:
    """The angle from -pi/2 to pi/2 whose sine is `x`."""
    x = to_float(x)
    return arctan2(x, _other_leg(x))


def arccos(x: Any) -> Tensor:
    """The angle from 0 to pi whose cosine is `x`."""
    x = to_float(x)
    return arctan2(_other_leg(x), x)


def _other_leg(x: Any) -> Tensor:
    return unary(P.SQRT, multiply(subtract(1, x), add(1, x)))


def arcsinh(x: Any) -> Tensor:
    """The inverse of `sinh`."""
    x = to_float(x)
    size = absolute(x)
    square = multiply(size, size)
    return multiply(sign(x), log1p(add(size, divide(square, add(1, sqrt(add(square, 1)))))))


def arccosh(x: Any) -> Tensor:
    """The inverse of `cosh`, from 0 on; NaN below 1."""
    x = to_float(x)
    return log(add(x, multiply(sqrt(subtract(x, 1)), sqrt(add(x, 1)))))


def arctanh(x: Any) -> Tensor:
    """The inverse of `tanh`; infinite at -1 and 1."""
    x = to_float(x)
    return multiply(subtract(log1p(x), log1p(negative(x))), 0.5)


def sinc(x: Any) -> Tensor:
    """`sin(pi x) / (pi x)`, and 1 at 0."""
    angle = multiply(to_float(x), math.pi)
    zero = angle == 0
    safe = where(zero, 1.0, angle)
    return where(zero, 1.0, divide(unary(P.SIN, safe), safe))


def deg2rad(x: Any) -> Tensor:
    """Degrees as radians."""
    return multiply(to_float(x), math.pi / 180)


def rad2deg(x: Any) -> Tensor:
    """Radians as degrees."""
    return multiply(to_float(x), 180 / math.pi)


def logaddexp(x1: Any, x2: Any) -> Tensor:
    """`log(exp(x1) + exp(x2))`, without overflow."""
    x, y = float_operands(x1, x2)
    apart = negative(absolute(subtract(x, y)))
    same = x == y  # also where both are the same infinity, whose difference is NaN
    return add(maximum(x, y), where(same, math.log(2), log1p(exp(where(same, 0.0, apart)))))


def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """`log2(2 ** x1 + 2 ** x2)`, without overflow."""
    x, y = float_operands(x1, x2)
    return multiply(logaddexp(multiply(x, math.log(2)), multiply(y, math.log(2))), 1 / math.log(2))


_NEAR = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
         0.246640727, 1.50140941)  # fmt: skip
_FAR = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
        1.00167406, 2.83297682)  # fmt: skip


def erfinv(x: Any) -> Tensor:
    """The inverse of `erf`, between -1 and 1.

    Two polynomials in `log(1 - x**2)`, after Mike Giles, "Approximating the erfinv function", GPU Computing Gems, 2012;
    in float64 two steps of Newton's method follow.
    """
    x = to_float(x)
    name = x.dtype
    wide = cast(x, dtypes.compute_dtype(name))
    w = negative(unary(P.LOG, multiply(subtract(1, wide), add(1, wide))))
    near = _polynomial(_NEAR, subtract(w, 2.5))
    far = _polynomial(_FAR, subtract(unary(P.SQRT, maximum(w, 5.0)), 3.0))
    y = multiply(where(w < 5, near, far), wide)
    edge = multiply(sign(wide), float("inf"))
    if name == "float64":
        for _ in range(2):
            slope = multiply(exp(negative(multiply(y, y))), 2 / math.sqrt(math.pi))
            y = subtract(y, divide(subtract(erf(y), wide), maximum(slope, 1e-300)))
    return cast(where(absolute(wide) == 1, edge, y), name)  # type: ignore[return-value]


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    result: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        result = add(multiply(result, x), coefficient)
    return result


__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos", "cosh", "deg2rad",
    "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
    "rad2deg", "rsqrt", "sin", "sinc", "sinh", "sqrt", "tan", "tanh",
]  # fmt: skip
