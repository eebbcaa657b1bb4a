"""Primitives on the bits of integers, all without gradient. A shift by the width or more shifts everything out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.graph import Node, apply
from lamina.primitives.declare import INTEGERS, binary, unary

BIT_NOT = unary("bit_not", INTEGERS, numpy=np.invert, lower=lambda b, x: b.bit_not(x))


def bit_not(x: Node) -> Node:
    """Every bit turned round."""
    return apply(BIT_NOT, x)


BIT_AND = binary("bit_and", INTEGERS, numpy=np.bitwise_and, lower=lambda b, x, y: b.bit_and(x, y))


def bit_and(x: Node, y: Node) -> Node:
    """Bits that both have."""
    return apply(BIT_AND, x, y)


BIT_OR = binary("bit_or", INTEGERS, numpy=np.bitwise_or, lower=lambda b, x, y: b.bit_or(x, y))


def bit_or(x: Node, y: Node) -> Node:
    """Bits that at least one has."""
    return apply(BIT_OR, x, y)


BIT_XOR = binary("bit_xor", INTEGERS, numpy=np.bitwise_xor, lower=lambda b, x, y: b.bit_xor(x, y))


def bit_xor(x: Node, y: Node) -> Node:
    """Bits that exactly one has."""
    return apply(BIT_XOR, x, y)


def _shift(b: Any, shift: Callable[[Any, Any], Any], x: Any, count: Any, beyond: Any) -> Any:
    """Shifts where the count is in range, and gives `beyond` elsewhere; the machine is never asked for more."""
    zero, width = b.const(0, x.dtype), b.const(8 * dtypes.size(x.dtype), x.dtype)
    valid = b.lt(count, width)
    if x.dtype in dtypes.SIGNED:
        valid = b.bit_and(valid, b.ge(count, zero))
    return b.select(valid, shift(x, b.select(valid, count, zero)), beyond)


def _shift_right_lower(b: Any, x: Any, y: Any) -> Any:
    zero = b.const(0, x.dtype)
    signed = x.dtype in dtypes.SIGNED
    beyond = b.select(b.lt(x, zero), b.const(-1, x.dtype), zero) if signed else zero
    return _shift(b, b.shift_right, x, y, beyond)


SHIFT_LEFT = binary(
    "shift_left", INTEGERS,
    numpy=np.left_shift,
    lower=lambda b, x, y: _shift(b, b.shift_left, x, y, b.const(0, x.dtype)),
)  # fmt: skip


def shift_left(x: Node, y: Node) -> Node:
    """`x << y`"""
    return apply(SHIFT_LEFT, x, y)


SHIFT_RIGHT = binary("shift_right", INTEGERS, numpy=np.right_shift, lower=_shift_right_lower)


def shift_right(x: Node, y: Node) -> Node:
    """`x >> y`, which keeps the sign of signed integers."""
    return apply(SHIFT_RIGHT, x, y)
