"""Half floats by integer arithmetic, for targets that have no instructions for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.codegen.values import Value, Values


def from_bfloat16(v: Values, x: Value) -> Value:
    """The upper half of a float32."""
    bits = v.cast(v.bitcast(x, "uint16"), "uint32")
    return v.bitcast(v.shift_left(bits, v.const(16, "uint32")), "float32")


def to_bfloat16(v: Values, x: Value) -> Value:
    """Rounds to nearest, ties to even, by the integer addition that does the same to the bits."""
    bits = v.bitcast(x, "uint32")
    sixteen = v.const(16, "uint32")
    odd = v.bit_and(v.shift_right(bits, sixteen), v.const(1, "uint32"))
    rounded = v.add(v.add(bits, v.const(0x7FFF, "uint32")), odd)
    quiet = v.bit_or(bits, v.const(0x400000, "uint32"))
    kept = v.select(v.ne(x, x), quiet, rounded)
    return v.bitcast(v.cast(v.shift_right(kept, sixteen), "uint16"), "bfloat16")


def from_float16(v: Values, x: Value) -> Value:
    """Exponent and fraction moved to a float32's places, and the difference of the biases multiplied in, which is exact
    for subnormals too."""
    bits = v.cast(v.bitcast(x, "uint16"), "uint32")
    size = v.bit_and(bits, v.const(0x7FFF, "uint32"))
    sign = v.shift_left(v.bit_and(bits, v.const(0x8000, "uint32")), v.const(16, "uint32"))
    moved = v.bitcast(v.shift_left(size, v.const(13, "uint32")), "float32")
    finite = v.bitcast(v.mul(moved, v.const(2.0**112, "float32")), "uint32")
    special = v.bit_or(finite, v.const(0x7F800000, "uint32"))
    number = v.select(v.ge(size, v.const(0x7C00, "uint32")), special, finite)
    return v.bitcast(v.bit_or(number, sign), "float32")


def to_float16(v: Values, x: Value) -> Value:
    """Rounds to nearest, ties to even: normal numbers by integer addition, subnormals by adding 0.5 as a float32, whose
    last bit is then that of the result."""
    bits = v.bitcast(x, "uint32")
    size = v.bit_and(bits, v.const(0x7FFFFFFF, "uint32"))
    thirteen = v.const(13, "uint32")
    odd = v.bit_and(v.shift_right(size, thirteen), v.const(1, "uint32"))
    rebiased = v.add(v.add(size, v.const(((15 - 127) << 23) + 0xFFF, "uint32")), odd)
    normal = v.shift_right(rebiased, thirteen)
    half = v.const(0.5, "float32")
    small = v.sub(v.bitcast(v.add(v.bitcast(size, "float32"), half), "uint32"), v.const(0x3F000000, "uint32"))
    nan = v.gt(size, v.const(0x7F800000, "uint32"))
    large = v.select(nan, v.const(0x7E00, "uint32"), v.const(0x7C00, "uint32"))
    result = v.select(v.lt(size, v.const(0x38800000, "uint32")), small, normal)
    result = v.select(v.ge(size, v.const(0x47800000, "uint32")), large, result)
    sign = v.shift_right(v.bit_and(bits, v.const(0x80000000, "uint32")), v.const(16, "uint32"))
    return v.bitcast(v.cast(v.bit_or(result, sign), "uint16"), "float16")
