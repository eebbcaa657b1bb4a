"""Statistics that skip NaN, counts, and places within sorted boundaries."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.errors import ArgumentError, TraceError
from lamina.ops import reduction
from lamina.ops.core import Operand, apply, broadcast_to, cast, convert, operands, to_float, unary
from lamina.ops.logic import isnan, logical_not, where
from lamina.ops.shaping import expand_dims, ravel, transpose
from lamina.tensor.arithmetic import divide, matmul, multiply, subtract
from lamina.tensor.tensor import Tensor


def _filled(x: Any, value: float) -> Operand:
    """`x` with a number in the place of NaN."""
    x = convert(x)
    return where(isnan(x), value, x) if dtypes.is_float(x.dtype) else x


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes, where NaN counts as 0."""
    return reduction.sum(_filled(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over axes, where NaN counts as 1."""
    return reduction.prod(_filled(x, 1.0), axis, keepdims, dtype)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of the elements up to each one along an axis, where NaN counts as 0."""
    return reduction.cumsum(_filled(x, 0.0), axis, dtype)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over axes of what is not NaN; NaN where nothing is left."""
    x = to_float(x)
    count = reduction.sum(cast(logical_not(unary(P.IS_NAN, x)), x.dtype), axis, keepdims)
    return divide(nansum(x, axis, keepdims), count)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The variance over axes of what is not NaN."""
    x = to_float(x)
    apart = subtract(x, nanmean(x, axis, keepdims=True))
    return nanmean(multiply(apart, apart), axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The standard deviation over axes of what is not NaN."""
    return unary(P.SQRT, nanvar(x, axis, keepdims))


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest over axes of what is not NaN; NaN where nothing is left."""
    return _extreme(reduction.max, float("-inf"), x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest over axes of what is not NaN; NaN where nothing is left."""
    return _extreme(reduction.min, float("inf"), x, axis, keepdims)


def _extreme(function: Any, start: float, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = convert(x)
    if not dtypes.is_float(x.dtype):
        return function(x, axis, keepdims)
    nothing = reduction.all(unary(P.IS_NAN, x), axis, keepdims)
    return where(nothing, float("nan"), function(_filled(x, start), axis, keepdims))


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number from 0 on occurs, or the sum of its weights.

    Args:
        x: whole numbers from 0, of one axis, or of two for counts in each row.
        weights: of the shape of `x`.
        minlength: the least length of the result; while tracing the length, which every number must be below.
        sparse: must be False.

    Raises:
        IndexRangeError: of a negative number.
    """
    if sparse:
        raise ArgumentError("bincount: sparse tensors are not supported. Use sparse=False.")
    x = cast(convert(x), "int64")
    if x._array is None and not minlength:
        raise TraceError("bincount: while tracing, minlength is needed: the largest number is not known.")
    length = minlength if x._array is None else max(minlength, int(x.numpy().max(initial=-1)) + 1)
    amount = convert(1, "int32") if weights is None else convert(weights)
    amount = broadcast_to(amount, tuple(x.dims))
    if len(x.dims) == 1:
        zero = broadcast_to(convert(0, amount.dtype), (length,))
        return apply(P.SCATTER_ADD, zero, x, amount, axis=0)
    hot = apply(P.ONE_HOT, x, depth=length, dtype=amount.dtype)
    return reduction.sum(multiply(hot, expand_dims(amount, -1)), axis=-2)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where values would go into a sorted vector, as int32; every pair is compared.

    Args:
        sorted_sequence: of one axis.
        values: of any shape.
        side: `"left"`: before equal elements; `"right"`: behind them.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right'. Received: {side!r}.")
    bounds, v = operands(ravel(sorted_sequence), values)
    column = expand_dims(v, -1)
    return reduction.sum(bounds < column if side == "left" else bounds <= column, axis=-1)


def digitize(x: Any, bins: Any) -> Tensor:
    """The number of the bin between rising bounds that each element falls into, as int32."""
    return searchsorted(bins, x, side="right")


def corrcoef(x: Any) -> Tensor:
    """The correlation coefficients between the rows of a matrix."""
    x = to_float(x)
    apart = subtract(x, reduction.mean(x, axis=-1, keepdims=True))
    products = matmul(apart, transpose(apart))
    length = unary(P.SQRT, reduction.sum(multiply(apart, apart), axis=-1))
    return divide(products, multiply(expand_dims(length, -1), expand_dims(length, 0)))


__all__ = [
    "bincount", "corrcoef", "digitize", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar", "searchsorted",
]  # fmt: skip
