"""sin and cos.

x = n pi/2 + r by Cody and Waite's subtraction in parts whose products with n are exact, then a polynomial
of r. Coefficients: Remez exchange in 240-bit arithmetic, error relative to the function.
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.formats import format_of, polynomial, round_to_count, two_sum, with_sign

TWO_OVER_PI = 0.6366197723675814
# pi/2 in parts of at most 33 bits: a product with n below 2**20 has no rounding, with FMA or without.
_PI_2 = tuple(float.fromhex(part) for part in ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2ep-69"))
_PI_2_REST = (float.fromhex("0x1.0b4611a626331p-34"), float.fromhex("0x1.b839a252049c1p-104"))

_SIN = {
    "float32": (-0.16666655242443085, 0.008332191035151482, -0.00019518598855938762),
    "float64": (
        -0.16666666666666632, 0.00833333333332237, -0.0001984126982977126, 2.7557313678692444e-06,
        -2.5050755965254783e-08, 1.589666672310134e-10,
    ),
}  # fmt: skip
_COS = {
    "float32": (0.04166664555668831, -0.00138873013202101, 2.4430670237052254e-05),
    "float64": (
        0.0416666666666666, -0.0013888888888874064, 2.480158728944357e-05, -2.7557314340685464e-07,
        2.0875721627289852e-09, -1.1359559516984911e-11,
    ),
}  # fmt: skip


def sin(b: Any, x: Any) -> Any:
    """The sine of x in radians: within 2 ulp for |x| to 1.6e6, less beyond 1e9, only bounded beyond 1e15."""
    return b.select(b.eq(x, b.const(0.0, x.dtype)), x, _wave(b, x, 0))


def cos(b: Any, x: Any) -> Any:
    """The cosine of x in radians; range as for `sin`."""
    return _wave(b, x, 1)


def _wave(b: Any, x: Any, quarter: int) -> Any:
    """The sine of x + quarter * pi/2."""
    integer = format_of(x).integer
    r, low, turn = _reduce_single(b, x) if x.dtype == "float32" else _reduce_double(b, x)
    turn = b.add(turn, b.const(quarter, integer)) if quarter else turn
    sine, cosine = _sine(b, r, low), _cosine(b, r, low)
    odd = b.ne(b.bit_and(turn, b.const(1, integer)), b.const(0, integer))
    width = 31 if integer == "int32" else 63
    half_turns = b.shift_right(turn, b.const(1, integer))
    return with_sign(b, b.select(odd, cosine, sine), b.shift_left(half_turns, b.const(width, integer)))


def _reduce_single(b: Any, x: Any) -> tuple[Any, None, Any]:
    """x - n pi/2 of a float32, in float64: cheaper than the six exact float32 parts that it takes without FMA."""
    wide = b.cast(x, "float64")
    n, count = round_to_count(b, (wide, TWO_OVER_PI), 0)
    r = b.fma(n, b.const(-_PI_2[0], "float64"), wide)
    r = b.fma(n, b.const(-_PI_2_REST[0], "float64"), r)
    return b.cast(_bounded(b, r), "float32"), None, b.cast(count, "int32")


def _reduce_double(b: Any, x: Any) -> tuple[Any, Any, Any]:
    """x - n pi/2 as an unevaluated sum of two floats."""
    n, count = round_to_count(b, (x, TWO_OVER_PI), 0)
    high = b.fma(n, b.const(-_PI_2[0], "float64"), x)
    high, error = two_sum(b, high, b.mul(n, b.const(-_PI_2[1], "float64")))
    high, rest = two_sum(b, high, b.mul(n, b.const(-_PI_2[2], "float64")))
    low = b.fma(n, b.const(-_PI_2_REST[1], "float64"), b.add(error, rest))
    r = _bounded(b, b.add(high, low))
    return r, _bounded(b, b.add(b.sub(high, r), low)), count


def _bounded(b: Any, r: Any) -> Any:
    """r, or 0 where x was so large that r has no correct digit; NaN stays."""
    return b.select(b.gt(b.abs(r), b.const(1.0, r.dtype)), b.const(0.0, r.dtype), r)


def _sine(b: Any, r: Any, low: Any) -> Any:
    z = b.mul(r, r)
    curve = polynomial(b, z, _SIN[r.dtype])
    if low is None:
        return b.fma(b.mul(r, z), curve, r)
    return b.add(r, b.fma(b.mul(r, z), curve, low))


def _cosine(b: Any, r: Any, low: Any) -> Any:
    """1 - z/2 is split into the rounded difference and what was lost in it."""
    z = b.mul(r, r)
    one, minus_half = b.const(1.0, r.dtype), b.const(-0.5, r.dtype)
    if low is None:
        return b.fma(z, b.fma(polynomial(b, z, _COS[r.dtype]), z, minus_half), one)
    half = b.mul(z, minus_half)
    near = b.add(one, half)
    lost = b.sub(b.add(b.sub(one, near), half), b.mul(r, low))
    return b.add(near, b.fma(b.mul(z, z), polynomial(b, z, _COS[r.dtype]), lost))
