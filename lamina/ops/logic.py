"""Comparisons, truth values, bits, and choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.errors import TraceError
from lamina.ops.core import binary, broadcast_shapes, broadcast_to, cast, convert, operands, ternary, unary
from lamina.tensor.arithmetic import (
    absolute,
    add,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    left_shift,
    less,
    less_equal,
    multiply,
    not_equal,
    right_shift,
    subtract,
)
from lamina.tensor.tensor import Tensor

bitwise_invert = bitwise_not
bitwise_left_shift = left_shift
bitwise_right_shift = right_shift


def _bools(*values: Any) -> list[Any]:
    return [cast(convert(v), "bool") for v in values]


def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both are true; numbers other than 0 are."""
    return binary(P.LOGICAL_AND, *_bools(x1, x2))


def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether at least one is true; numbers other than 0 are."""
    return binary(P.LOGICAL_OR, *_bools(x1, x2))


def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Whether exactly one is true; numbers other than 0 are."""
    return binary(P.LOGICAL_XOR, *_bools(x1, x2))


def logical_not(x: Any) -> Tensor:
    """Whether `x` is false, that is 0."""
    return unary(P.LOGICAL_NOT, *_bools(x))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition is true, `x2` elsewhere; all three broadcast.

    Args:
        condition: bools; numbers other than 0 count as true.
        x1: None, with `x2`, to get the places where the condition is true, as a tuple of integer tensors.
        x2: as `x1`.
    """
    if x1 is None and x2 is None:
        return nonzero(condition)
    x, y = operands(x1, x2)
    return ternary(P.SELECT, cast(convert(condition), "bool"), x, y)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """The choice of the first condition that is true, for every element; `default` where none is."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist))):
        result = where(condition, choice, result)
    return convert(result)  # type: ignore[return-value]


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """Places of the elements that are not 0: for every axis a tensor of indices.

    Raises:
        TraceError: while tracing, where the number of places is not known.
    """
    x = convert(x)
    if isinstance(x, Tensor) and x.symbolic:
        raise TraceError(
            "nonzero: the size of the result is not known while tracing. Use where(condition, x1, x2), or a mask."
        )
    return tuple(Tensor.of_array(places) for places in np.nonzero(x.numpy()))


def isnan(x: Any) -> Tensor:
    """Whether an element is NaN."""
    x = convert(x)
    return unary(P.IS_NAN, x) if dtypes.is_float(x.dtype) else _everywhere(False, x)


def isfinite(x: Any) -> Tensor:
    """Whether an element is neither NaN nor an infinity."""
    x = convert(x)
    return unary(P.IS_FINITE, x) if dtypes.is_float(x.dtype) else _everywhere(True, x)


def isinf(x: Any) -> Tensor:
    """Whether an element is an infinity."""
    x = convert(x)
    return equal(absolute(x), float("inf")) if dtypes.is_float(x.dtype) else _everywhere(False, x)


def isposinf(x: Any) -> Tensor:
    """Whether an element is the positive infinity."""
    x = convert(x)
    return equal(x, float("inf")) if dtypes.is_float(x.dtype) else _everywhere(False, x)


def isneginf(x: Any) -> Tensor:
    """Whether an element is the negative infinity."""
    x = convert(x)
    return equal(x, float("-inf")) if dtypes.is_float(x.dtype) else _everywhere(False, x)


def _everywhere(value: bool, like: Any) -> Tensor:
    return broadcast_to(convert(value), like.dims)


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether two numbers differ by at most `atol + rtol * |x2|`."""
    x, y = operands(x1, x2)
    if not dtypes.is_float(x.dtype):
        x, y = cast(x, "float64"), cast(y, "float64")
    shape = broadcast_shapes("isclose", x.dims, y.dims)
    x, y = broadcast_to(x, shape), broadcast_to(y, shape)
    near = less_equal(absolute(subtract(x, y)), add(multiply(absolute(y), rtol), atol))
    result = logical_or(equal(x, y), logical_and(near, isfinite(y)))
    return logical_or(result, logical_and(isnan(x), isnan(y))) if equal_nan else result


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close, as `isclose` says."""
    from lamina.ops.reduction import all

    return all(isclose(x1, x2, rtol, atol, equal_nan))


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is among those of `x2`; every pair is compared."""
    from lamina.ops.reduction import any
    from lamina.ops.shaping import expand_dims, ravel

    x, y = operands(x1, x2)
    found = any(equal(expand_dims(x, -1), ravel(y)), axis=-1)
    return logical_not(found) if invert else found


__all__ = [
    "allclose", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "equal", "greater", "greater_equal", "isclose", "isfinite", "isin",
    "isinf", "isnan", "isneginf", "isposinf", "left_shift", "less", "less_equal", "logical_and", "logical_not",
    "logical_or", "logical_xor", "nonzero", "not_equal", "right_shift", "select", "where",
]  # fmt: skip
