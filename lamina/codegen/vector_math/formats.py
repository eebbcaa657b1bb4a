"""Facts of the two float formats, and the small steps that every function of vector maths is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """A binary float format, as the bits of an integer of the same width.

    Attributes:
        dtype, integer: names of the float and of the signed integer of the same width.
        mantissa: stored bits of the mantissa.
        bias: what the stored exponent is ahead of the true one.
        rounder: 1.5 * 2**mantissa; adding it to a small float rounds that to the nearest whole number, which then
            stands in the low bits of the sum. Its own low bits are zero.
        smallest: the smallest normal number.
        root_half: bits of a number near sqrt(1/2), the lower end of the mantissas of a logarithm.
        ln2_high, ln2_low: their sum is ln 2; ln2_high times any exponent of the format is exact, with FMA or without.
    """

    dtype: str
    integer: str
    mantissa: int
    bias: int
    rounder: float
    smallest: float
    root_half: int
    ln2_high: float
    ln2_low: float


FORMATS = {
    "float32": Format(
        "float32", "int32", 23, 127, 12582912.0, 2.0**-126, 0x3F3504F3,
        float.fromhex("0x1.62e4p-1"), 1.4286068203094173e-06,
    ),
    "float64": Format(
        "float64", "int64", 52, 1023, 6755399441055744.0, 2.0**-1022, 0x3FE6A09E667F3BCD,
        float.fromhex("0x1.62e42fefa4p-1"), -1.7239444525614835e-13,
    ),
}  # fmt: skip

INFINITY = float("inf")
NAN = float("nan")


def format_of(x: Any) -> Format:
    """The format of a scalar of a builder: float32 or float64."""
    return FORMATS[x.dtype]


def polynomial(b: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule: coefficients[0] + coefficients[1] * x + ..."""
    result = b.const(coefficients[-1], x.dtype)
    for coefficient in reversed(coefficients[:-1]):
        result = b.fma(result, x, b.const(coefficient, x.dtype))
    return result


def at_most(b: Any, x: Any, limit: float) -> Any:
    """min(x, limit), where NaN stays NaN; one instruction on most machines."""
    bound = b.const(limit, x.dtype)
    return b.select(b.gt(x, bound), bound, x)


def at_least(b: Any, x: Any, limit: float) -> Any:
    """max(x, limit), where NaN stays NaN."""
    bound = b.const(limit, x.dtype)
    return b.select(b.lt(x, bound), bound, x)


def sign_bit(b: Any, x: Any) -> Any:
    """The sign of x, alone in the bits of an integer."""
    integer = format_of(x).integer
    lowest = -(2**31) if integer == "int32" else -(2**63)
    return b.bit_and(b.bitcast(x, integer), b.const(lowest, integer))


def with_sign(b: Any, x: Any, sign: Any) -> Any:
    """x with its sign flipped where `sign` (from `sign_bit`) has the bit set."""
    return b.bitcast(b.bit_xor(b.bitcast(x, sign.dtype), sign), x.dtype)


def exponent_bits(b: Any, count: Any, dtype: str) -> Any:
    """The float whose stored exponent is `count` and whose mantissa is 1. Higher bits of `count` fall off."""
    facts = FORMATS[dtype]
    return b.bitcast(b.shift_left(count, b.const(facts.mantissa, facts.integer)), dtype)


def round_to_count(b: Any, scaled: tuple[Any, float], offset: int) -> tuple[Any, Any]:
    """Rounds x * factor to a whole number n, without any conversion instruction.

    Args:
        scaled: x and the factor.
        offset: added to the integer result only.

    Returns:
        n as a float, and an integer whose low bits hold n + offset.
    """
    x, factor = scaled
    facts = format_of(x)
    rounder = b.const(facts.rounder + offset, x.dtype)
    moved = b.fma(x, b.const(factor, x.dtype), rounder)
    return b.sub(moved, rounder), b.bitcast(moved, facts.integer)


def two_sum(b: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """x + y as the rounded sum and its exact error (Knuth, The Art of Computer Programming, 4.2.2)."""
    total = b.add(x, y)
    part = b.sub(total, x)
    return total, b.add(b.sub(x, b.sub(total, part)), b.sub(y, part))


def two_product(b: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """x * y of float64 as the rounded product and its error, exact but for the last bits of the error.

    The factors are cut in halves by masking bits (after Dekker 1971), as b.fma need not be fused.
    """
    product = b.mul(x, y)
    x_high, x_low = _halves(b, x)
    y_high, y_low = _halves(b, y)
    error = b.sub(b.mul(x_high, y_high), product)
    error = b.add(error, b.add(b.mul(x_high, y_low), b.mul(x_low, y_high)))
    return product, b.add(error, b.mul(x_low, y_low))


def _halves(b: Any, x: Any) -> tuple[Any, Any]:
    high = b.bitcast(b.bit_and(b.bitcast(x, "int64"), b.const(-(1 << 27), "int64")), "float64")
    return high, b.sub(x, high)
