"""arctan2.

Coefficients: Remez exchange in 240-bit arithmetic on (atan t - t) / t**3, as a function of t**2; error relative to
atan t.
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.formats import INFINITY, format_of, polynomial, sign_bit, with_sign

_ATAN = {
    "float32": (
        -0.33333301544189453, 0.1999862641096115, -0.14265090227127075, 0.10956639796495438, -0.08416396379470825,
        0.058175377547740936, -0.03138764947652817, 0.011021502315998077, -0.00181584560777992,
    ),
    "float64": (
        -0.33333333333333315, 0.19999999999993417, -0.14285714284974926, 0.11111111069219784, -0.09090907687805215,
        0.07692277396332396, -0.0666622270047886, 0.05877800833503471, -0.052299807629787365, 0.04589340404948832,
        -0.037116453514666393, 0.023652247507262025, -0.008364222049119574,
    ),
}  # fmt: skip

# pi/4 in two parts; up to four times the first is exact (twice and four times in float32).
_EIGHTH_TURN = {
    "float32": (0.7853981852531433, -2.1855695000931213e-08),
    "float64": (0.7853981633974483, 3.061616997868383e-17),
}
# Ratios above it are turned back by pi/4; from 1/2 on, small - large is exact.
_NEAR = 0.5


def arctan2(b: Any, y: Any, x: Any) -> Any:
    """The angle of the point (x, y), from -pi to pi; signed zeros and infinities as in C's atan2.

    The angle is found within one octant (half of one in float64, where the polynomial would be long) and moved to its
    place by a multiple of pi/4.
    """
    dtype = y.dtype
    width, height = b.abs(x), b.abs(y)
    steep = b.gt(height, width)
    left = b.ne(sign_bit(b, x), b.const(0, format_of(x).integer))
    mirrored = b.bit_xor(steep, left)
    ratio, eighths = _ratio(b, b.select(steep, width, height), b.select(steep, height, width))
    square = b.mul(ratio, ratio)
    angle = b.fma(b.mul(ratio, square), polynomial(b, square, _ATAN[dtype]), ratio)
    angle = b.select(mirrored, b.neg(angle), angle)
    start = b.select(left, b.const(4.0, dtype), b.const(0.0, dtype))
    start = b.select(steep, b.const(2.0, dtype), start)
    if eighths is not None:
        start = b.add(start, b.select(mirrored, b.neg(eighths), eighths))
    high, low = _EIGHTH_TURN[dtype]
    angle = b.fma(start, b.const(high, dtype), b.fma(start, b.const(low, dtype), angle))
    return with_sign(b, angle, sign_bit(b, y))


def _ratio(b: Any, small: Any, large: Any) -> tuple[Any, Any]:
    """small / large, where 0/0 is 0 and inf/inf is 1; in float64, ratios near 1 are turned back by pi/4.

    Returns:
        the tangent of what is left, and the number of pi/4 taken off (None in float32: always 0).
    """
    dtype = small.dtype
    one, zero = b.const(1.0, dtype), b.const(0.0, dtype)
    infinity = b.const(INFINITY, dtype)
    both_infinite = b.bit_and(b.eq(small, infinity), b.eq(large, infinity))
    small = b.select(both_infinite, one, small)
    large = b.select(b.bit_or(both_infinite, b.eq(large, zero)), one, large)
    if dtype == "float32":
        return b.div(small, large), None
    near = b.gt(small, b.mul(large, b.const(_NEAR, dtype)))
    # The sum of the two largest numbers would be infinite.
    huge = b.gt(large, b.const(2.0**1000, dtype))
    factor = b.select(huge, b.const(0.25, dtype), one)
    small, large = b.mul(small, factor), b.mul(large, factor)
    top = b.select(near, b.sub(small, large), small)
    bottom = b.select(near, b.add(small, large), large)
    return b.div(top, bottom), b.select(near, one, zero)
