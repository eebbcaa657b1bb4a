"""Smooth curves that networks use as activations: softplus, SiLU and both forms of GELU.

They are primitives, and so are their slopes, because a gradient then needs nothing but `x`: what the curve was made of
(an error function, a sigmoid) would take longer to store and to read than to compute again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.graph import Node, Primitive, apply
from lamina.primitives import error_function
from lamina.primitives.arithmetic import add, multiply, subtract
from lamina.primitives.declare import FLOATS, unary
from lamina.primitives.movement import full_like
from lamina.primitives.samples import elementwise_samples
from lamina.primitives.transcendental import SIGMOID, exp, sigmoid

# Beyond these sizes of x SiLU and GELU are 0 or x, and their slopes 0 or 1, in float64 too. What is multiplied by a 0
# is cut there: it could be infinite, and a 0 that was rounded is none.
_SILU_STRAIGHT = 800.0
_GELU_STRAIGHT = 40.0

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
# tanh(t) is 2 sigmoid(2 t) - 1.
_STEEP = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def _curve(
    name: str, numpy: Callable[[Any], Any], lower: Callable[..., Any], slope: Callable[[Node], Node]
) -> Primitive:
    return unary(
        name, FLOATS, expensive=True, numpy=numpy, lower=lower,
        vjp=lambda node, g: (multiply(g, slope(node.inputs[0])),),
        samples=lambda: elementwise_samples(1, FLOATS.names, -4, 4),
    )  # fmt: skip


def _at_least(b: Any, x: Any, limit: float) -> Any:
    low = b.const(limit, x.dtype)
    return b.select(b.lt(x, low), low, x)


def _within(b: Any, x: Any, limit: float) -> Any:
    """`x` cut to lie between `-limit` and `limit`; NaN stays."""
    high = b.const(limit, x.dtype)
    return _at_least(b, b.select(b.gt(x, high), high, x), -limit)


def _sigmoid_slope(x: Node) -> tuple[Node, Node]:
    """The sigmoid, and its slope."""
    s = sigmoid(x)
    return s, multiply(s, _one_less(s))


def _one_less(x: Node) -> Node:
    return subtract(full_like(x, 1), x)


def _twice(x: Node) -> Node:
    return add(x, x)


# --- softplus --------------------------------------------------------------------------------------------------------


def _softplus_lower(b: Any, x: Any) -> Any:
    zero = b.const(0.0, x.dtype)
    return b.add(b.select(b.le(x, zero), zero, x), b.log1p(b.exp(b.neg(b.abs(x)))))


SOFTPLUS = _curve(
    "softplus",
    numpy=lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    lower=_softplus_lower,
    slope=sigmoid,
)


def softplus(x: Node) -> Node:
    """`log(1 + exp(x))`"""
    return apply(SOFTPLUS, x)


# --- SiLU ------------------------------------------------------------------------------------------------------------


def _silu_slope_numpy(x: Any) -> Any:
    x = np.clip(x, -_SILU_STRAIGHT, _SILU_STRAIGHT)
    s = SIGMOID.numpy(x)
    return s * (1 + x * (1 - s))


def _silu_slope_lower(b: Any, x: Any) -> Any:
    x = _within(b, x, _SILU_STRAIGHT)
    one = b.const(1.0, x.dtype)
    s = SIGMOID.lower(b, x)
    return b.mul(s, b.fma(x, b.sub(one, s), one))


def _silu_bend(x: Node) -> Node:
    """s' (2 + x (1 - 2 s)), with the sigmoid s."""
    s, slope = _sigmoid_slope(x)
    return multiply(slope, add(full_like(x, 2), multiply(x, _one_less(_twice(s)))))


SILU_SLOPE = _curve("silu_slope", numpy=_silu_slope_numpy, lower=_silu_slope_lower, slope=_silu_bend)
SILU = _curve(
    "silu",
    numpy=lambda x: np.maximum(x, -_SILU_STRAIGHT) * SIGMOID.numpy(x),
    lower=lambda b, x: b.mul(_at_least(b, x, -_SILU_STRAIGHT), SIGMOID.lower(b, x)),
    slope=lambda x: apply(SILU_SLOPE, x),
)


def silu(x: Node) -> Node:
    """`x * sigmoid(x)`"""
    return apply(SILU, x)


# --- GELU by the error function --------------------------------------------------------------------------------------


def _below_numpy(x: Any) -> Any:
    """The probability that a normal number is below x."""
    half = x.dtype.type(0.5)
    return half + half * error_function.erf(x * x.dtype.type(_ROOT_HALF))


def _below_lower(b: Any, x: Any) -> Any:
    half = b.const(0.5, x.dtype)
    return b.fma(b.erf(b.mul(x, b.const(_ROOT_HALF, x.dtype))), half, half)


def _gelu_slope_numpy(x: Any) -> Any:
    x = np.clip(x, -_GELU_STRAIGHT, _GELU_STRAIGHT)
    return _below_numpy(x) + x * x.dtype.type(_DENSITY) * np.exp(x * x * x.dtype.type(-0.5))


def _gelu_slope_lower(b: Any, x: Any) -> Any:
    near = _within(b, x, _GELU_STRAIGHT)
    density = b.exp(b.mul(b.mul(near, near), b.const(-0.5, x.dtype)))
    return b.fma(b.mul(near, b.const(_DENSITY, x.dtype)), density, _below_lower(b, x))


def _gelu_bend(x: Node) -> Node:
    """The normal density times 2 - x^2."""
    square = multiply(x, x)
    density = multiply(exp(multiply(square, full_like(x, -0.5))), full_like(x, _DENSITY))
    return multiply(density, subtract(full_like(x, 2), square))


GELU_SLOPE = _curve("gelu_slope", numpy=_gelu_slope_numpy, lower=_gelu_slope_lower, slope=_gelu_bend)
GELU = _curve(
    "gelu",
    numpy=lambda x: np.maximum(x, -_GELU_STRAIGHT) * _below_numpy(x),
    lower=lambda b, x: b.mul(_at_least(b, x, -_GELU_STRAIGHT), _below_lower(b, x)),
    slope=lambda x: apply(GELU_SLOPE, x),
)


def gelu(x: Node) -> Node:
    """`x` times the probability that a normal number is below `x`."""
    return apply(GELU, x)


# --- GELU by tanh ----------------------------------------------------------------------------------------------------
# x sigmoid(v) with v = 2 sqrt(2 / pi) (x + 0.044715 x^3).


def _gelu_tanh_numpy(x: Any) -> Any:
    kind = x.dtype.type
    x = np.maximum(x, -_GELU_STRAIGHT)
    return x * SIGMOID.numpy(x * kind(_STEEP) * (1 + kind(_CUBIC) * x * x))


def _gelu_tanh_lower(b: Any, x: Any) -> Any:
    x = _at_least(b, x, -_GELU_STRAIGHT)
    return b.mul(x, SIGMOID.lower(b, _stretched(b, x, b.mul(x, x))))


def _stretched(b: Any, x: Any, square: Any) -> Any:
    steep, cubic = b.const(_STEEP, x.dtype), b.const(_STEEP * _CUBIC, x.dtype)
    return b.mul(x, b.fma(square, cubic, steep))


def _gelu_tanh_slope_numpy(x: Any) -> Any:
    kind = x.dtype.type
    x = np.clip(x, -_GELU_STRAIGHT, _GELU_STRAIGHT)
    s = SIGMOID.numpy(x * kind(_STEEP) * (1 + kind(_CUBIC) * x * x))
    return s + x * s * (1 - s) * (kind(_STEEP) * (1 + kind(3 * _CUBIC) * x * x))


def _gelu_tanh_slope_lower(b: Any, x: Any) -> Any:
    x = _within(b, x, _GELU_STRAIGHT)
    square = b.mul(x, x)
    s = SIGMOID.lower(b, _stretched(b, x, square))
    steep = b.fma(square, b.const(3 * _STEEP * _CUBIC, x.dtype), b.const(_STEEP, x.dtype))
    return b.fma(b.mul(b.mul(x, s), b.sub(b.const(1.0, x.dtype), s)), steep, s)


def _gelu_tanh_bend(x: Node) -> Node:
    """s' (2 v' + x ((1 - 2 s) v'^2 + v''))"""
    square = multiply(x, x)
    v = multiply(x, add(full_like(x, _STEEP), multiply(square, full_like(x, _STEEP * _CUBIC))))
    s, slope = _sigmoid_slope(v)
    rise = add(full_like(x, _STEEP), multiply(square, full_like(x, 3 * _STEEP * _CUBIC)))
    bend = multiply(x, full_like(x, 6 * _STEEP * _CUBIC))
    turned = add(multiply(_one_less(_twice(s)), multiply(rise, rise)), bend)
    return multiply(slope, add(_twice(rise), multiply(x, turned)))


GELU_TANH_SLOPE = _curve(
    "gelu_tanh_slope", numpy=_gelu_tanh_slope_numpy, lower=_gelu_tanh_slope_lower, slope=_gelu_tanh_bend
)
GELU_TANH = _curve(
    "gelu_tanh",
    numpy=_gelu_tanh_numpy,
    lower=_gelu_tanh_lower,
    slope=lambda x: apply(GELU_TANH_SLOPE, x),
)


def gelu_tanh(x: Node) -> Node:
    """`gelu` by a tanh in place of the error function, which differs by less than 0.0005."""
    return apply(GELU_TANH, x)
