"""log and log1p.

x = 2**e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)). In float32, log(1 + f) is a polynomial in f; in float64 it is
2 atanh(f / (2 + f)), a polynomial in the square (the arrangement of FreeBSD's msun, e_log.c). Coefficients: Remez
exchange in 240-bit arithmetic, error relative to log(1 + f).
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.formats import INFINITY, NAN, Format, format_of, polynomial

_FLOAT32 = (
    0.33333316445350647, -0.25000810623168945, 0.2000230848789215, -0.16624581813812256, 0.14180797338485718,
    -0.1312805563211441, 0.12883637845516205, -0.07863646000623703,
)  # fmt: skip
_ATANH_FLOAT64 = (
    0.6666666666666734, 0.3999999999941467, 0.2857142874238892, 0.22222198573086865, 0.18183564329357496,
    0.15314050511914035, 0.14795949730382338,
)  # fmt: skip


def log(b: Any, x: Any) -> Any:
    """The natural logarithm: -infinity at 0, NaN below."""
    exponent, mantissa = split_mantissa(b, x)
    f = b.sub(mantissa, b.const(1.0, x.dtype))
    return _special(b, _sum(b, f, exponent), x)


def log1p(b: Any, x: Any) -> Any:
    """log(1 + x), exact to the last bits near zero.

    f = 2**-e x + (2**-e - 1) is rounded once, so nothing is lost to the rounding of 1 + x, which only serves to
    choose e. The scale is carried four times too large, as 2**-e itself leaves the normal range for the largest x.
    """
    dtype, facts = x.dtype, format_of(x)
    whole = b.add(x, b.const(1.0, dtype))
    distance = b.sub(b.bitcast(whole, facts.integer), b.const(facts.root_half, facts.integer))
    exponent = b.cast(b.shift_right(distance, b.const(facts.mantissa, facts.integer)), dtype)
    top = b.const((facts.bias + 2) << facts.mantissa, facts.integer)
    quarter = b.const(0.25, dtype)
    scale = b.bitcast(b.sub(top, _exponent_part(b, distance, facts)), dtype)
    f = b.fma(b.mul(x, scale), quarter, b.fma(scale, quarter, b.const(-1.0, dtype)))
    result = _special(b, _sum(b, f, exponent), whole)
    return b.select(b.eq(x, b.const(0.0, dtype)), x, result)


def split_mantissa(b: Any, x: Any) -> tuple[Any, Any]:
    """x > 0 as (e, m) with x = 2**e m and m in [sqrt(1/2), sqrt(2)); both floats; subnormals included."""
    dtype, facts = x.dtype, format_of(x)
    small = b.lt(x, b.const(facts.smallest, dtype))
    lifted = b.select(small, b.mul(x, b.const(2.0**facts.mantissa, dtype)), x)
    bits = b.bitcast(lifted, facts.integer)
    distance = b.sub(bits, b.const(facts.root_half, facts.integer))
    exponent = b.cast(b.shift_right(distance, b.const(facts.mantissa, facts.integer)), dtype)
    mantissa = b.bitcast(b.sub(bits, _exponent_part(b, distance, facts)), dtype)
    lift = b.select(small, b.const(float(-facts.mantissa), dtype), b.const(0.0, dtype))
    return b.add(exponent, lift), mantissa


def _exponent_part(b: Any, distance: Any, facts: Format) -> Any:
    return b.bit_and(distance, b.const(-(1 << facts.mantissa), facts.integer))


def _sum(b: Any, f: Any, exponent: Any) -> Any:
    """log(1 + f) + exponent * ln2."""
    dtype, facts = f.dtype, format_of(f)
    low = b.mul(exponent, b.const(facts.ln2_low, dtype))
    square = b.mul(f, f)
    if dtype == "float32":
        curve = b.fma(polynomial(b, f, _FLOAT32), f, b.const(-0.5, dtype))
        near = b.add(f, b.fma(curve, square, low))
    else:
        near = b.sub(f, _double_tail(b, f, square, low))
    return b.fma(exponent, b.const(facts.ln2_high, dtype), near)


def _double_tail(b: Any, f: Any, square: Any, low: Any) -> Any:
    """f - low - log(1 + f): with s = f / (2 + f) and h = f**2 / 2, log(1 + f) = f - (h - s (h + R(s**2)))."""
    s = b.div(f, b.add(f, b.const(2.0, f.dtype)))
    z = b.mul(s, s)
    half = b.mul(square, b.const(0.5, f.dtype))
    rest = b.fma(z, polynomial(b, z, _ATANH_FLOAT64), half)
    return b.sub(half, b.fma(s, rest, low))


def _special(b: Any, result: Any, x: Any) -> Any:
    """The logarithm of x where it is no ordinary number."""
    infinity, zero = b.const(INFINITY, x.dtype), b.const(0.0, x.dtype)
    edge = b.select(b.eq(x, zero), b.const(-INFINITY, x.dtype), b.const(NAN, x.dtype))
    ordinary = b.select(b.eq(x, infinity), infinity, result)
    return b.select(b.gt(x, zero), ordinary, edge)
