"""exp, expm1 and tanh.

x = n ln2 + r with |r| <= ln2/2, and e**r from a polynomial (Cody and Waite, "Software Manual for the Elementary
Functions", 1980). Coefficients: Remez exchange in 240-bit arithmetic on (e**r - 1 - r) / r**2, error relative to
e**r - 1; each coefficient rounded in turn and the rest fitted again.
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.formats import (
    at_least,
    at_most,
    exponent_bits,
    format_of,
    polynomial,
    round_to_count,
    sign_bit,
    with_sign,
)

LOG2_E = 1.4426950408889634

_TAIL = {
    "float32": (0.5, 0.16666539013385773, 0.04166647791862488, 0.008365892805159092, 0.0013934447197243571),
    "float64": (
        0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321579, 0.001388888888886674,
        0.00019841269886266522, 2.4801587360750127e-05, 2.755724406164694e-06, 2.755724259403267e-07,
        2.5109090503415923e-08, 2.0924494467138343e-09,
    ),
}  # fmt: skip

# (tanh x - x) / x**3 as a function of x**2.
_TANH = {
    "float32": (-0.3333294689655304, 0.1332072913646698, -0.05267201364040375, 0.016437891870737076),
    "float64": (
        -0.333333333333333, 0.13333333333326622, -0.05396825396376044, 0.021869488385851205, -0.008863232601372778,
        0.003592092029824765, -0.0014555428423119587, 0.0005884444739280289, -0.0002333815383516712,
        8.331641436716914e-05, -1.949467018670676e-05,
    ),
}  # fmt: skip
_TANH_NEAR = 0.55

# Arguments beyond which exp is 0 and infinity (after rounding), and expm1 is -1.
_LOWEST = {"float32": -104.0, "float64": -746.0}
_HIGHEST = {"float32": 89.0, "float64": 710.0}
_ALL_LOST = {"float32": -18.0, "float64": -38.0}
_TANH_ONE = {"float32": 18.2, "float64": 38.2}


def exp(b: Any, x: Any) -> Any:
    """e**x; results below the normal range are rounded like any other."""
    x = at_least(b, at_most(b, x, _HIGHEST[x.dtype]), _LOWEST[x.dtype])
    return scaled_exp(b, x)


def scaled_exp(b: Any, x: Any, low: Any = None) -> Any:
    """e**(x + low), for x already within the range where the exponent of the result may be halved.

    2**n is applied as two factors, so that both exist where the result is subnormal or infinite.
    """
    facts = format_of(x)
    n, count = round_to_count(b, (x, LOG2_E), 2 * facts.bias)
    r = _reduce(b, x, n)
    r = r if low is None else b.add(r, low)
    result = b.add(_expm1_reduced(b, r), b.const(1.0, x.dtype))
    # A builder may know an instruction that does all of what follows.
    scaled = b.scale(result, n) if hasattr(b, "scale") else None
    if scaled is not None:
        return scaled
    first = b.shift_right(count, b.const(1, facts.integer))
    second = b.sub(count, first)
    return b.mul(b.mul(result, exponent_bits(b, first, x.dtype)), exponent_bits(b, second, x.dtype))


def expm1(b: Any, x: Any) -> Any:
    """e**x - 1, exact to the last bits near zero.

    Computed as half of itself and doubled, because 2**n is infinite for the largest results.
    """
    dtype, facts = x.dtype, format_of(x)
    clamped = at_least(b, at_most(b, x, _HIGHEST[dtype]), _ALL_LOST[dtype])
    n, count = round_to_count(b, (clamped, LOG2_E), facts.bias - 1)
    half_scale = exponent_bits(b, count, dtype)
    reduced = _expm1_reduced(b, _reduce(b, clamped, n))
    half = b.fma(half_scale, reduced, b.sub(half_scale, b.const(0.5, dtype)))
    return b.select(b.eq(x, b.const(0.0, dtype)), x, b.add(half, half))


def tanh(b: Any, x: Any) -> Any:
    """An odd polynomial near zero; further out 1 - 2 / (e**(2 |x|) + 1), where an error of e**(2 |x|) hardly shows."""
    dtype, facts = x.dtype, format_of(x)
    one = b.const(1.0, dtype)
    sign = sign_bit(b, x)
    size = with_sign(b, x, sign)
    double = at_most(b, b.add(size, size), _TANH_ONE[dtype])
    n, count = round_to_count(b, (double, LOG2_E), facts.bias)
    scale = exponent_bits(b, count, dtype)
    bottom = b.fma(scale, _expm1_reduced(b, _reduce(b, double, n)), b.add(scale, one))
    far = b.sub(one, b.div(b.const(2.0, dtype), bottom))
    square = b.mul(x, x)
    near = b.fma(polynomial(b, square, _TANH[dtype]), b.mul(square, size), size)
    return with_sign(b, b.select(b.lt(size, b.const(_TANH_NEAR, dtype)), near, far), sign)


def _reduce(b: Any, x: Any, n: Any) -> Any:
    """x - n ln2; the first product is exact."""
    facts = format_of(x)
    r = b.fma(n, b.const(-facts.ln2_high, x.dtype), x)
    return b.fma(n, b.const(-facts.ln2_low, x.dtype), r)


def _expm1_reduced(b: Any, r: Any) -> Any:
    """e**r - 1 for |r| <= ln2/2."""
    return b.fma(polynomial(b, r, _TAIL[r.dtype]), b.mul(r, r), r)
