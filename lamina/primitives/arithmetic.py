"""Primitives of arithmetic: name, meaning, lowering and gradient of each at one glance.

Integers wrap around as in NumPy. A division of integers by zero gives 0, and so does its remainder.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.graph import Node, apply
from lamina.primitives.declare import FLOATS, NUMBERS, binary, unary
from lamina.primitives.logic import equal, select
from lamina.primitives.movement import full_like, zeros_like

# --- one operand -----------------------------------------------------------------------------------------------------

NEGATE = unary(
    "negate", NUMBERS,
    numpy=np.negative,
    lower=lambda b, x: b.neg(x),
    vjp=lambda node, g: (negate(g),),
)  # fmt: skip


def negate(x: Node) -> Node:
    """`-x`"""
    return apply(NEGATE, x)


ABSOLUTE = unary(
    "absolute", NUMBERS,
    numpy=np.absolute,
    lower=lambda b, x: b.abs(x),
    vjp=lambda node, g: (multiply(g, sign(node.inputs[0])),),
)  # fmt: skip


def absolute(x: Node) -> Node:
    """`|x|`; the gradient at 0 is 0."""
    return apply(ABSOLUTE, x)


def _sign_lower(b: Any, x: Any) -> Any:
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    if x.dtype.startswith("u"):
        return b.select(b.gt(x, zero), one, zero)
    unordered = b.select(b.eq(x, zero), zero, x)  # NaN stays
    return b.select(b.gt(x, zero), one, b.select(b.lt(x, zero), b.const(-1, x.dtype), unordered))


SIGN = unary("sign", NUMBERS, numpy=np.sign, lower=_sign_lower)


def sign(x: Node) -> Node:
    """-1, 0 or 1; NaN where `x` is NaN. Without gradient."""
    return apply(SIGN, x)


FLOOR = unary("floor", FLOATS, numpy=np.floor, lower=lambda b, x: b.floor(x))


def floor(x: Node) -> Node:
    """The largest whole number up to `x`. Without gradient."""
    return apply(FLOOR, x)


CEIL = unary("ceil", FLOATS, numpy=np.ceil, lower=lambda b, x: b.ceil(x))


def ceil(x: Node) -> Node:
    """The smallest whole number from `x` on. Without gradient."""
    return apply(CEIL, x)


ROUND = unary("round", FLOATS, numpy=np.rint, lower=lambda b, x: b.round(x))


def round(x: Node) -> Node:
    """The nearest whole number, the even one of two. Without gradient."""
    return apply(ROUND, x)


STOP_GRADIENT = unary("stop_gradient", NUMBERS, numpy=np.positive, lower=lambda b, x: x)


def stop_gradient(x: Node) -> Node:
    """`x`, through which no gradient flows."""
    return apply(STOP_GRADIENT, x)


# --- two operands ----------------------------------------------------------------------------------------------------

ADD = binary(
    "add", NUMBERS,
    numpy=np.add,
    lower=lambda b, x, y: b.add(x, y),
    vjp=lambda node, g: (g, g),
)  # fmt: skip


def add(x: Node, y: Node) -> Node:
    """`x + y`"""
    return apply(ADD, x, y)


SUBTRACT = binary(
    "subtract", NUMBERS,
    numpy=np.subtract,
    lower=lambda b, x, y: b.sub(x, y),
    vjp=lambda node, g: (g, negate(g)),
)  # fmt: skip


def subtract(x: Node, y: Node) -> Node:
    """`x - y`"""
    return apply(SUBTRACT, x, y)


MULTIPLY = binary(
    "multiply", NUMBERS,
    numpy=np.multiply,
    lower=lambda b, x, y: b.mul(x, y),
    vjp=lambda node, g: (multiply(g, node.inputs[1]), multiply(g, node.inputs[0])),
)  # fmt: skip


def multiply(x: Node, y: Node) -> Node:
    """`x * y`"""
    return apply(MULTIPLY, x, y)


def _divide_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    share = divide(g, node.inputs[1])
    return share, negate(multiply(share, node))


DIVIDE = binary(
    "divide", FLOATS, expensive=True,
    numpy=np.divide,
    lower=lambda b, x, y: b.div(x, y),
    vjp=_divide_vjp,
)  # fmt: skip


def divide(x: Node, y: Node) -> Node:
    """`x / y` of floats."""
    return apply(DIVIDE, x, y)


def _is_float(scalar: Any) -> bool:
    return scalar.dtype.startswith("float")


def _safe_divisor(b: Any, y: Any) -> Any:
    """`y`, or 1 where a machine would trap: at 0, and at -1, as the lowest integer has no negative."""
    one = b.const(1, y.dtype)
    safe = b.select(b.eq(y, b.const(0, y.dtype)), one, y)
    return safe if y.dtype.startswith("u") else b.select(b.eq(y, b.const(-1, y.dtype)), one, safe)


def _floor_divide_lower(b: Any, x: Any, y: Any) -> Any:
    if _is_float(x):
        return b.floordiv(x, y)
    quotient = b.floordiv(x, _safe_divisor(b, y))
    if not x.dtype.startswith("u"):
        quotient = b.select(b.eq(y, b.const(-1, y.dtype)), b.neg(x), quotient)
    zero = b.const(0, y.dtype)
    return b.select(b.eq(y, zero), zero, quotient)


FLOOR_DIVIDE = binary("floor_divide", NUMBERS, expensive=True, numpy=np.floor_divide, lower=_floor_divide_lower)


def floor_divide(x: Node, y: Node) -> Node:
    """The largest whole number up to `x / y`. Without gradient."""
    return apply(FLOOR_DIVIDE, x, y)


def _remainder_lower(b: Any, x: Any, y: Any) -> Any:
    if _is_float(x):
        return b.rem(x, y)
    return b.rem(x, _safe_divisor(b, y))  # by 1 it is 0, as it is by -1, and as NumPy has it for 0


REMAINDER = binary(
    "remainder", NUMBERS, expensive=True,
    numpy=np.remainder,
    lower=_remainder_lower,
    vjp=lambda node, g: (g, negate(multiply(g, floor_divide(*node.inputs)))),
)  # fmt: skip


def remainder(x: Node, y: Node) -> Node:
    """`x - y * floor_divide(x, y)`, which has the sign of `y`, as Python's `%`."""
    return apply(REMAINDER, x, y)


def _extreme_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    """The operand that is the result takes the gradient; two equal ones take half each."""
    x, y = node.inputs
    half = multiply(g, full_like(g, 0.5))
    zeros = zeros_like(g)
    to_x = select(equal(x, y), half, select(equal(x, node), g, zeros))
    return to_x, subtract(g, to_x)


MAXIMUM = binary(
    "maximum", NUMBERS,
    numpy=np.maximum,
    lower=lambda b, x, y: b.max(x, y),
    vjp=_extreme_vjp,
)  # fmt: skip


def maximum(x: Node, y: Node) -> Node:
    """The larger; NaN where either is NaN. Equal operands take half of the gradient each."""
    return apply(MAXIMUM, x, y)


MINIMUM = binary(
    "minimum", NUMBERS,
    numpy=np.minimum,
    lower=lambda b, x, y: b.min(x, y),
    vjp=_extreme_vjp,
)  # fmt: skip


def minimum(x: Node, y: Node) -> Node:
    """The smaller; NaN where either is NaN. Equal operands take half of the gradient each."""
    return apply(MINIMUM, x, y)
