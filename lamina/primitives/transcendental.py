"""Primitives that are powers, exponentials, logarithms, and what follows from them; all but `power` on floats only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.graph import Node, Primitive, Sample, apply
from lamina.primitives import error_function
from lamina.primitives.arithmetic import add, divide, multiply, negate, subtract
from lamina.primitives.declare import FLOATS, INTEGERS, NUMBERS, binary, unary
from lamina.primitives.logic import equal, greater, select
from lamina.primitives.movement import full_like, ones_like, zeros_like
from lamina.primitives.samples import elementwise_samples


def _scaled(x: Node, factor: float) -> Node:
    return multiply(x, full_like(x, factor))


def _function(name: str, *, low: float = -2, high: float = 2, **fields: Any) -> Primitive:
    """Declares a function of one float; `low` and `high` bound its typical samples."""
    return unary(
        name, FLOATS, expensive=True, samples=lambda: elementwise_samples(1, FLOATS.names, low, high), **fields
    )


# --- exponentials and logarithms -------------------------------------------------------------------------------------

EXP = _function("exp", numpy=np.exp, lower=lambda b, x: b.exp(x), vjp=lambda node, g: (multiply(g, node),))


def exp(x: Node) -> Node:
    """e to the power `x`."""
    return apply(EXP, x)


EXPM1 = _function(
    "expm1",
    numpy=np.expm1,
    lower=lambda b, x: b.expm1(x),
    vjp=lambda node, g: (multiply(g, exp(node.inputs[0])),),
)


def expm1(x: Node) -> Node:
    """`exp(x) - 1`, exact near 0."""
    return apply(EXPM1, x)


LOG = _function(
    "log", low=0.1, high=4,
    numpy=np.log,
    lower=lambda b, x: b.log(x),
    vjp=lambda node, g: (divide(g, node.inputs[0]),),
)  # fmt: skip


def log(x: Node) -> Node:
    """The natural logarithm; -inf at 0, NaN below."""
    return apply(LOG, x)


LOG1P = _function(
    "log1p", low=-0.8, high=3,
    numpy=np.log1p,
    lower=lambda b, x: b.log1p(x),
    vjp=lambda node, g: (divide(g, add(ones_like(g), node.inputs[0])),),
)  # fmt: skip


def log1p(x: Node) -> Node:
    """`log(1 + x)`, exact near 0."""
    return apply(LOG1P, x)


# --- roots and powers ------------------------------------------------------------------------------------------------

SQRT = _function(
    "sqrt", low=0.1, high=4,
    numpy=np.sqrt,
    lower=lambda b, x: b.sqrt(x),
    vjp=lambda node, g: (divide(_scaled(g, 0.5), node),),
)  # fmt: skip


def sqrt(x: Node) -> Node:
    """The square root; NaN below 0. The gradient at 0 is infinite."""
    return apply(SQRT, x)


RSQRT = _function(
    "rsqrt", low=0.1, high=4,
    numpy=lambda x: 1 / np.sqrt(x),
    lower=lambda b, x: b.rsqrt(x),
    vjp=lambda node, g: (multiply(_scaled(g, -0.5), multiply(node, multiply(node, node))),),
)  # fmt: skip


def rsqrt(x: Node) -> Node:
    """`1 / sqrt(x)`"""
    return apply(RSQRT, x)


def _power_numpy(x: Any, y: Any) -> Any:
    if not np.issubdtype(x.dtype, np.signedinteger):
        return np.power(x, y)
    odd = (y & 1).astype(bool)
    below = np.where(x == 1, x, np.where(x == -1, np.where(odd, x, -x), np.zeros_like(x)))
    return np.where(y < 0, below, np.power(x, np.maximum(y, 0)))


def _power_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    """y x^(y-1) and log(x) x^y, with the values that they tend to where a factor is infinite at x = 0."""
    x, y = node.inputs
    zeros, ones = zeros_like(g), ones_like(g)
    constant = equal(y, zeros)
    slope = multiply(y, power(x, select(constant, ones, subtract(y, ones))))
    positive = greater(x, zeros)
    logarithm = select(positive, log(select(positive, x, ones)), zeros)
    return multiply(g, select(constant, zeros, slope)), multiply(g, multiply(node, logarithm))


def _power_lower(b: Any, x: Any, y: Any) -> Any:
    """Floats: the builder's. Integers: by squaring, one step for each bit of the exponent."""
    if x.dtype not in INTEGERS.names:
        return b.pow(x, y)
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    signed = x.dtype in dtypes.SIGNED
    result, square = one, x
    for bit in range(8 * dtypes.size(x.dtype) - signed):
        is_set = b.ne(b.bit_and(y, b.const(1 << bit, x.dtype)), zero)
        result = b.select(is_set, b.mul(result, square), result)
        square = b.mul(square, square)
    if not signed:
        return result
    odd = b.ne(b.bit_and(y, one), zero)
    below = b.select(b.eq(x, b.const(-1, x.dtype)), b.select(odd, x, b.neg(x)), zero)
    return b.select(b.lt(y, zero), b.select(b.eq(x, one), one, below), result)


def _power_samples() -> Iterable[Sample]:
    yield from elementwise_samples(2, NUMBERS.names, 0.1, 3)
    x = np.array([0.0, -2.0, -1.5, 0.0, 3.0, -0.5])
    whole = np.array([2.0, 3.0, -2.0, 1.0, 0.0, 1.0])
    yield Sample((x, whole), {}, False)  # the exponent may not leave the whole numbers, as the numeric gradient would


POWER = binary(
    "power", NUMBERS, expensive=True,
    numpy=_power_numpy,
    lower=_power_lower,
    vjp=_power_vjp,
    samples=_power_samples,
)  # fmt: skip


def power(x: Node, y: Node) -> Node:
    """`x` to the power `y`. A negative power of an integer is rounded towards 0.

    The gradient with respect to `y` is taken as 0 where `x` is not positive.
    """
    return apply(POWER, x, y)


# --- trigonometric, hyperbolic, error function -----------------------------------------------------------------------

TANH = _function(
    "tanh",
    numpy=np.tanh,
    lower=lambda b, x: b.tanh(x),
    vjp=lambda node, g: (multiply(g, subtract(ones_like(g), multiply(node, node))),),
)


def tanh(x: Node) -> Node:
    """The hyperbolic tangent."""
    return apply(TANH, x)


# Beyond this the result is 1, and e to its power is still far from infinite.
_SIGMOID_ONE = {"float32": 20.0, "float64": 40.0}


def _sigmoid_numpy(x: Any) -> Any:
    powers = np.exp(np.minimum(x, x.dtype.type(_SIGMOID_ONE[x.dtype.name])))
    return powers / (1 + powers)


def _sigmoid_lower(b: Any, x: Any) -> Any:
    """e^x / (1 + e^x): small results keep all their digits, and NaN stays."""
    top = b.const(_SIGMOID_ONE[x.dtype], x.dtype)
    powers = b.exp(b.select(b.gt(x, top), top, x))
    return b.div(powers, b.add(powers, b.const(1.0, x.dtype)))


SIGMOID = _function(
    "sigmoid", low=-6, high=6,
    numpy=_sigmoid_numpy,
    lower=_sigmoid_lower,
    vjp=lambda node, g: (multiply(g, multiply(node, subtract(ones_like(g), node))),),
)  # fmt: skip


def sigmoid(x: Node) -> Node:
    """`1 / (1 + exp(-x))`, precise at both ends."""
    return apply(SIGMOID, x)


SIN = _function(
    "sin", low=-9, high=9,
    numpy=np.sin,
    lower=lambda b, x: b.sin(x),
    vjp=lambda node, g: (multiply(g, cos(node.inputs[0])),),
)  # fmt: skip


def sin(x: Node) -> Node:
    """The sine of an angle in radians."""
    return apply(SIN, x)


COS = _function(
    "cos", low=-9, high=9,
    numpy=np.cos,
    lower=lambda b, x: b.cos(x),
    vjp=lambda node, g: (negate(multiply(g, sin(node.inputs[0]))),),
)  # fmt: skip


def cos(x: Node) -> Node:
    """The cosine of an angle in radians."""
    return apply(COS, x)


def _arctan2_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    y, x = node.inputs
    share = divide(g, add(multiply(x, x), multiply(y, y)))
    return multiply(share, x), negate(multiply(share, y))


ARCTAN2 = binary(
    "arctan2", FLOATS, expensive=True,
    numpy=np.arctan2,
    lower=lambda b, y, x: b.arctan2(y, x),
    vjp=_arctan2_vjp,
)  # fmt: skip


def arctan2(y: Node, x: Node) -> Node:
    """The angle of the point (`x`, `y`), from -pi to pi."""
    return apply(ARCTAN2, y, x)


def _erf_vjp(node: Node, g: Node) -> tuple[Node]:
    x = node.inputs[0]
    return (multiply(_scaled(g, 2 / math.sqrt(math.pi)), exp(negate(multiply(x, x)))),)


ERF = _function("erf", low=-6, high=6, numpy=error_function.erf, lower=lambda b, x: b.erf(x), vjp=_erf_vjp)


def erf(x: Node) -> Node:
    """The error function, the share of a normal distribution within `x * sqrt(2)` deviations."""
    return apply(ERF, x)
