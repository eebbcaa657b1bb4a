"""Operations that Python's operators stand for, on anything that converts to a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import DTypeError
from lamina.graph import Primitive
from lamina.tensor.contraction import matmul
from lamina.tensor.convert import broadcast_shapes, broadcast_to, cast, convert, float_operands, operands, reshape
from lamina.tensor.dispatch import Operand, apply
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor
from lamina.tensor.variable import Variable

__all__ = [
    "absolute", "add", "binary", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast_shapes",
    "broadcast_to", "cast", "convert", "divide", "equal", "floor_divide", "greater", "greater_equal", "left_shift",
    "less", "less_equal", "matmul", "mod", "multiply", "negative", "not_equal", "operands", "positive", "power",
    "reshape", "right_shift", "subtract", "unary",
]  # fmt: skip


def binary(primitive: Primitive, x: Operand, y: Operand) -> Tensor:
    """An elementwise operation on two tensors of one dtype, broadcast to one shape."""
    a, b = x._array, y._array
    if a is None or b is None or state.busy:
        shape = broadcast_shapes(primitive.name, x.dims, y.dims)
        return apply(primitive, broadcast_to(x, shape), broadcast_to(y, shape))
    try:
        with np.errstate(all="ignore"):
            value = primitive.numpy(a, b)
    except ValueError:
        broadcast_shapes(primitive.name, x.dims, y.dims)
        raise
    return Tensor.of_array(value if type(value) is np.ndarray else np.asarray(value))


def unary(primitive: Primitive, x: Operand) -> Tensor:
    """An elementwise operation on one tensor of a dtype that it takes."""
    if x._array is None or state.busy:
        return apply(primitive, x)
    with np.errstate(all="ignore"):
        value = primitive.numpy(x._array)
    return Tensor.of_array(value if type(value) is np.ndarray else np.asarray(value))


def _pair(x: Any, y: Any) -> list[Operand]:
    """Two operands of one dtype; tensors of equal dtype, the usual case, without further ado."""
    if isinstance(x, (Tensor, Variable)) and isinstance(y, (Tensor, Variable)) and x.dtype == y.dtype:
        return [x, y] if state.autocast is None else operands(x, y)
    return operands(x, y)


def add(x1: Any, x2: Any) -> Tensor:
    """`x1 + x2`; of bools, "or"."""
    x, y = _pair(x1, x2)
    return binary(P.LOGICAL_OR if x.dtype == "bool" else P.ADD, x, y)


def subtract(x1: Any, x2: Any) -> Tensor:
    """`x1 - x2`.

    Raises:
        DTypeError: of two bools.
    """
    x, y = _pair(x1, x2)
    if x.dtype == "bool":
        raise DTypeError("subtract: bools cannot be subtracted. Use logical_xor, or cast them first.")
    return binary(P.SUBTRACT, x, y)


def multiply(x1: Any, x2: Any) -> Tensor:
    """`x1 * x2`; of bools, "and"."""
    x, y = _pair(x1, x2)
    return binary(P.LOGICAL_AND if x.dtype == "bool" else P.MULTIPLY, x, y)


def divide(x1: Any, x2: Any) -> Tensor:
    """`x1 / x2`; of integers, as `floatx`."""
    x, y = float_operands(x1, x2)
    return binary(P.DIVIDE, x, y)


def _numbers(x1: Any, x2: Any) -> list[Operand]:
    """Two operands; bools become int32."""
    pair = _pair(x1, x2)
    return [cast(t, "int32") for t in pair] if pair[0].dtype == "bool" else pair


def floor_divide(x1: Any, x2: Any) -> Tensor:
    """The largest whole number up to `x1 / x2`. Integers divided by zero give 0."""
    return binary(P.FLOOR_DIVIDE, *_numbers(x1, x2))


def mod(x1: Any, x2: Any) -> Tensor:
    """The remainder of `floor_divide`, with the sign of `x2`."""
    return binary(P.REMAINDER, *_numbers(x1, x2))


def power(x1: Any, x2: Any) -> Tensor:
    """`x1 ** x2`; the exponents 1, 2, 3, 0.5 and -1, as Python numbers, are multiplications, roots and divisions."""
    if type(x2) in (int, float):
        special = _small_power(convert(x1), x2)
        if special is not None:
            return special
    return binary(P.POWER, *_numbers(x1, x2))


def _small_power(x: Operand, exponent: float) -> Tensor | None:
    is_float = dtypes.is_float(x.dtype)
    if not (is_float or (type(exponent) is int and x.dtype != "bool")):
        return None
    if exponent == 1:
        return positive(x)
    if exponent == 2:
        return binary(P.MULTIPLY, x, x)
    if exponent == 3:
        return binary(P.MULTIPLY, binary(P.MULTIPLY, x, x), x)
    if is_float and exponent == 0.5:
        return unary(P.SQRT, x)
    if is_float and exponent == -1:
        return divide(1, x)
    return None


def negative(x: Any) -> Tensor:
    """`-x`.

    Raises:
        DTypeError: of bools.
    """
    return unary(P.NEGATE, convert(x))


def positive(x: Any) -> Tensor:
    """`x` as a tensor."""
    x = convert(x)
    return x.value if isinstance(x, Variable) else x


def absolute(x: Any) -> Tensor:
    """`|x|`"""
    x = convert(x)
    return positive(x) if x.dtype == "bool" or x.dtype in dtypes.UNSIGNED else unary(P.ABSOLUTE, x)


def _bits(name: str, logical: Primitive, bitwise: Primitive, x1: Any, x2: Any) -> Tensor:
    x, y = _pair(x1, x2)
    if dtypes.is_float(x.dtype):
        raise DTypeError(f"{name}: expected integers or bools. Received: {x.dtype}. Cast it first.")
    return binary(logical if x.dtype == "bool" else bitwise, x, y)


def bitwise_and(x: Any, y: Any) -> Tensor:
    """`x & y` of integers, bit by bit, or of bools."""
    return _bits("bitwise_and", P.LOGICAL_AND, P.BIT_AND, x, y)


def bitwise_or(x: Any, y: Any) -> Tensor:
    """`x | y` of integers, bit by bit, or of bools."""
    return _bits("bitwise_or", P.LOGICAL_OR, P.BIT_OR, x, y)


def bitwise_xor(x: Any, y: Any) -> Tensor:
    """`x ^ y` of integers, bit by bit, or of bools."""
    return _bits("bitwise_xor", P.LOGICAL_XOR, P.BIT_XOR, x, y)


def bitwise_not(x: Any) -> Tensor:
    """`~x` of integers, bit by bit, or of bools."""
    x = convert(x)
    return unary(P.LOGICAL_NOT if x.dtype == "bool" else P.BIT_NOT, x)


def left_shift(x: Any, y: Any) -> Tensor:
    """`x << y` of integers."""
    return binary(P.SHIFT_LEFT, *_numbers(x, y))


def right_shift(x: Any, y: Any) -> Tensor:
    """`x >> y` of integers; of signed ones the sign is kept."""
    return binary(P.SHIFT_RIGHT, *_numbers(x, y))


def _ordered(x1: Any, x2: Any) -> list[Operand]:
    """Two operands that have an order; bools are compared as uint8."""
    pair = _pair(x1, x2)
    return [cast(t, "uint8") for t in pair] if pair[0].dtype == "bool" else pair


def equal(x1: Any, x2: Any) -> Tensor:
    """`x1 == x2`, element by element, as bool."""
    return binary(P.EQUAL, *_pair(x1, x2))


def not_equal(x1: Any, x2: Any) -> Tensor:
    """`x1 != x2`, element by element, as bool."""
    return binary(P.NOT_EQUAL, *_pair(x1, x2))


def less(x1: Any, x2: Any) -> Tensor:
    """`x1 < x2`, element by element, as bool."""
    return binary(P.LESS, *_ordered(x1, x2))


def less_equal(x1: Any, x2: Any) -> Tensor:
    """`x1 <= x2`, element by element, as bool."""
    return binary(P.LESS_EQUAL, *_ordered(x1, x2))


def greater(x1: Any, x2: Any) -> Tensor:
    """`x1 > x2`, element by element, as bool."""
    return binary(P.GREATER, *_ordered(x1, x2))


def greater_equal(x1: Any, x2: Any) -> Tensor:
    """`x1 >= x2`, element by element, as bool."""
    return binary(P.GREATER_EQUAL, *_ordered(x1, x2))


def to_float(x: Any) -> Operand:
    """A tensor of floats: integers and bools become `floatx`."""
    x = convert(x)
    return x if dtypes.is_float(x.dtype) else cast(x, config.floatx)
