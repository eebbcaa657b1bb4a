"""pow: x**y = exp(y log |x|), with a logarithm of more digits than the result, and the sign apart.

float32 is computed in float64. float64 carries the logarithm as a sum of two floats, about 64 bits.
Coefficients: Remez exchange in 240-bit arithmetic.
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.exponential import scaled_exp
from lamina.codegen.vector_math.formats import (
    FORMATS,
    INFINITY,
    NAN,
    at_least,
    at_most,
    exponent_bits,
    format_of,
    polynomial,
    round_to_count,
    sign_bit,
    two_product,
    two_sum,
    with_sign,
)
from lamina.codegen.vector_math.logarithm import split_mantissa

# log2(m) = s P(s**2) with s = (m - 1) / (m + 1), and 2**r on [-1/2, 1/2].
_LOG2 = (2.88539008179008, 0.9617966733499875, 0.5770835832754289, 0.4116728267627328, 0.3407280081653826)
_EXP2 = (
    0.99999999996138, 0.6931471807297671, 0.24022651201150058, 0.055504103504019534, 0.009618026848015227,
    0.0013333924007498106, 0.00015469422261827996, 1.5201822024488113e-05,
)  # fmt: skip
# (2 atanh(s) - 2 s - 2/3 s**3) / s**5, as a function of s**2.
_ATANH = (
    0.40000000000002256, 0.28571428570100055, 0.22222222519826015, 0.18181784376478158, 0.15386756864657836,
    0.1325682934986428, 0.13196214846207235,
)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def power(b: Any, x: Any, y: Any) -> Any:
    """x**y with all the special cases of C's pow."""
    size = b.abs(x)
    result = _power_single(b, size, y) if x.dtype == "float32" else _power_double(b, size, y)
    return _special(b, (x, size), y, result)


def _power_single(b: Any, size: Any, y: Any) -> Any:
    wide = b.cast(size, "float64")
    exponent, mantissa = _split_normal(b, wide)
    s = b.div(b.sub(mantissa, b.const(1.0, "float64")), b.add(mantissa, b.const(1.0, "float64")))
    logarithm = b.fma(s, polynomial(b, b.mul(s, s), _LOG2), exponent)
    product = b.mul(b.cast(y, "float64"), _log_special(b, logarithm, wide))
    product = at_least(b, at_most(b, product, 200.0), -200.0)
    n, count = round_to_count(b, (product, 1.0), FORMATS["float64"].bias)
    result = b.mul(polynomial(b, b.sub(product, n), _EXP2), exponent_bits(b, count, "float64"))
    return b.cast(result, "float32")


def _split_normal(b: Any, x: Any) -> tuple[Any, Any]:
    """`split_mantissa` for a float64 that is not subnormal, as none is that was a float32."""
    facts = FORMATS["float64"]
    bits = b.bitcast(x, facts.integer)
    distance = b.sub(bits, b.const(facts.root_half, facts.integer))
    exponent = b.shift_right(distance, b.const(facts.mantissa, facts.integer))
    mantissa = b.sub(bits, b.bit_and(distance, b.const(-(1 << facts.mantissa), facts.integer)))
    return b.cast(exponent, "float64"), b.bitcast(mantissa, "float64")


def _power_double(b: Any, size: Any, y: Any) -> Any:
    high, low = _log_pair(b, size)
    high = _log_special(b, high, size)
    product, error = two_product(b, y, high)
    low = b.fma(y, low, error)
    # Where the result is 0 or infinite the error may be NaN; it has no meaning there.
    bounded = b.lt(b.abs(product), b.const(800.0, "float64"))
    low = b.select(bounded, low, b.const(0.0, "float64"))
    return scaled_exp(b, at_least(b, at_most(b, product, 720.0), -760.0), low)


def _log_pair(b: Any, x: Any) -> tuple[Any, Any]:
    """log(x) as a sum of two floats, relative error about 2**-64."""
    facts = FORMATS["float64"]
    exponent, mantissa = split_mantissa(b, x)
    s, s_low = _ratio(b, mantissa)
    square, square_low = two_product(b, s, s)
    square_low = b.fma(b.add(s, s), s_low, square_low)
    cube, cube_low = two_product(b, square, s)
    cube_low = b.fma(square, s_low, b.fma(square_low, s, cube_low))
    third, third_low = two_product(b, cube, b.const(_TWO_THIRDS[0], "float64"))
    third_low = b.fma(cube, b.const(_TWO_THIRDS[1], "float64"), third_low)
    third_low = b.fma(cube_low, b.const(_TWO_THIRDS[0], "float64"), third_low)
    tail = b.mul(b.mul(cube, square), polynomial(b, square, _ATANH))
    total, error = two_sum(b, b.mul(exponent, b.const(facts.ln2_high, "float64")), b.add(s, s))
    total, error_third = two_sum(b, total, third)
    rest = b.fma(exponent, b.const(facts.ln2_low, "float64"), b.add(b.add(s_low, s_low), third_low))
    rest = b.add(b.add(error, error_third), b.add(rest, tail))
    high = b.add(total, rest)
    return high, b.add(b.sub(total, high), rest)


def _ratio(b: Any, mantissa: Any) -> tuple[Any, Any]:
    """(m - 1) / (m + 1) as a sum of two floats."""
    one = b.const(1.0, "float64")
    top, bottom = b.sub(mantissa, one), b.add(mantissa, one)
    lost = b.sub(mantissa, b.sub(bottom, one))
    s = b.div(top, bottom)
    product, error = two_product(b, s, bottom)
    remainder = b.sub(b.sub(b.sub(top, product), error), b.mul(s, lost))
    return s, b.div(remainder, bottom)


def _log_special(b: Any, logarithm: Any, x: Any) -> Any:
    """The logarithm of x >= 0 where x is 0, infinite or NaN."""
    finite = b.lt(x, b.const(INFINITY, x.dtype))
    below = b.select(b.eq(x, b.const(0.0, x.dtype)), b.const(-INFINITY, x.dtype), logarithm)
    return b.select(finite, below, x)


def _special(b: Any, base: tuple[Any, Any], y: Any, result: Any) -> Any:
    x, size = base
    dtype, integer = x.dtype, format_of(x).integer
    zero, one = b.const(0.0, dtype), b.const(1.0, dtype)
    half = b.mul(y, b.const(0.5, dtype))
    fractional = b.ne(b.trunc(y), y)
    odd = b.bit_and(b.ne(b.trunc(half), half), b.bit_not(fractional))
    result = with_sign(b, result, b.select(odd, sign_bit(b, x), b.const(0, integer)))
    negative = b.bit_and(b.lt(x, zero), b.gt(x, b.const(-INFINITY, dtype)))
    result = b.select(b.bit_and(negative, fractional), b.const(NAN, dtype), result)
    unit = b.bit_and(b.eq(size, one), b.eq(b.abs(y), b.const(INFINITY, dtype)))
    return b.select(b.bit_or(b.bit_or(b.eq(x, one), b.eq(y, zero)), unit), one, result)
