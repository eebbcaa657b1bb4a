"""Divisions that round and roundings, with NumPy's meaning at every edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.base import dtypes

if TYPE_CHECKING:
    from lamina.codegen.values import Value, Values


def by_hand(v: Values, how: str, x: Value) -> Value:
    """Rounding without an instruction for it: adding and taking away 2**23 (2**52) drops the fraction."""
    magic = v.const(2.0**23 if x.dtype == "float32" else 2.0**52, x.dtype)
    size = v.abs(x)
    near = v.sub(v.add(size, magic), magic)
    one, zero = v.const(1.0, x.dtype), v.const(0.0, x.dtype)
    if how == "trunc":
        near = v.sub(near, v.select(v.gt(near, size), one, zero))
    near = v.call("copysign", near, x)
    if how == "floor":
        near = v.sub(near, v.select(v.gt(near, x), one, zero))
    if how == "ceil":
        near = v.call("copysign", v.add(near, v.select(v.lt(near, x), one, zero)), x)
    return v.select(v.lt(size, magic), near, x)


def remainder(v: Values, x: Value, y: Value) -> Value:
    """Remainder with the sign of the divisor, as Python has it."""
    if dtypes.is_float(x.dtype):
        return _float_remainder(v, x, y)
    if not dtypes.is_signed(x.dtype):
        return v.two("urem", x, _not_zero(v, y))
    if _power_of_two(y):
        return v.bit_and(x, v.const(int(y.text) - 1, x.dtype))
    y = _not_zero(v, y)
    r = v.two("srem", x, y)
    zero = v.const(0, x.dtype)
    wrong = v.bit_and(v.ne(r, zero), v.lt(v.bit_xor(r, y), zero))
    return v.select(wrong, v.add(r, y), r)


def _float_remainder(v: Values, x: Value, y: Value) -> Value:
    """The exact remainder of truncated division, moved to the sign of the divisor."""
    zero = v.const(0.0, x.dtype)
    r = v.two("frem", x, y)
    wrong = v.bit_and(v.ne(r, zero), v.two("xor", v.lt(r, zero), v.lt(y, zero)))
    return v.select(v.eq(r, zero), v.call("copysign", zero, y), v.select(wrong, v.add(r, y), r))


def floor_division(v: Values, x: Value, y: Value) -> Value:
    if dtypes.is_float(x.dtype):
        return _float_floor_division(v, x, y)
    if _power_of_two(y):
        shift = v.const(int(y.text).bit_length() - 1, x.dtype)
        return v.two("ashr" if dtypes.is_signed(x.dtype) else "lshr", x, shift)
    divisor = _not_zero(v, y)
    if not dtypes.is_signed(x.dtype):
        return v.two("udiv", x, divisor)
    q = v.two("sdiv", x, divisor)
    r = v.sub(x, v.mul(q, divisor))
    zero = v.const(0, x.dtype)
    wrong = v.bit_and(v.ne(r, zero), v.lt(v.bit_xor(r, divisor), zero))
    return v.select(wrong, v.sub(q, v.const(1, x.dtype)), q)


def _float_floor_division(v: Values, x: Value, y: Value) -> Value:
    """The quotient that goes with the exact remainder; rounding x / y could be one too many."""
    r = v.two("frem", x, y)
    zero, one = v.const(0.0, x.dtype), v.const(1.0, x.dtype)
    wrong = v.bit_and(v.ne(r, zero), v.two("xor", v.lt(r, zero), v.lt(y, zero)))
    near = v.div(v.sub(x, r), y)
    near = v.select(wrong, v.sub(near, one), near)
    below = v.floor(near)
    half = v.const(0.5, x.dtype)
    whole = v.select(v.gt(v.sub(near, below), half), v.add(below, one), below)
    quotient = v.div(x, y)
    whole = v.select(v.eq(whole, zero), v.call("copysign", zero, quotient), whole)
    return v.select(v.eq(y, zero), quotient, whole)


def _not_zero(v: Values, y: Value) -> Value:
    """Division by zero would stop the process; it gives the dividend instead of NumPy's warning and 0."""
    if not y.text.startswith("%"):
        return y
    return v.select(v.eq(y, v.const(0, y.dtype)), v.const(1, y.dtype), y)


def _power_of_two(x: Value) -> bool:
    if not x.text.isdigit():
        return False
    number = int(x.text)
    return number > 0 and number & (number - 1) == 0
