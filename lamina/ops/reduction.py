"""Sums, means, extremes and the like over axes; and sums along an axis."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Primitive
from lamina.ops import core
from lamina.ops.core import (
    Operand,
    apply,
    cast,
    convert,
    count_of,
    in_float32,
    normal_axes,
    normal_axis,
    positive,
    to_float,
    unary,
)
from lamina.ops.elementwise import maximum, minimum
from lamina.ops.shaping import cut, ravel
from lamina.tensor.arithmetic import add, divide, multiply, not_equal, subtract
from lamina.tensor.tensor import Tensor


def reduce(primitive: Primitive, x: Operand, axis: Any, keepdims: bool) -> Tensor:
    """Folds axes; `axis` None for all. With `keepdims` they stay, with size 1."""
    axes = normal_axes(primitive.name, axis, len(x.dims))
    result = apply(primitive, x, axes=axes) if axes else positive(x)
    return keep_axes(result, x, axes) if keepdims else result


def keep_axes(result: Tensor, x: Operand, axes: tuple[int, ...]) -> Tensor:
    """A reduced tensor with the axes that were folded put back, of size 1."""
    return core.reshape(result, tuple(1 if i in axes else d for i, d in enumerate(x.dims)))  # type: ignore[return-value]


def _summable(x: Any) -> Operand:
    """As Keras sums: bools and narrow integers as int32, narrow unsigned ones as uint32."""
    x = convert(x)
    if x.dtype in ("bool", "int8", "int16"):
        return cast(x, "int32")
    return cast(x, "uint32") if x.dtype in ("uint8", "uint16") else x


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes; of half floats computed in float32."""
    return in_float32(_summable(x), lambda t: reduce(P.REDUCE_SUM, t, axis, keepdims))


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over axes."""
    x = _summable(x) if dtype is None else cast(convert(x), dtype)
    return in_float32(x, lambda t: reduce(P.REDUCE_PROD, t, axis, keepdims))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over axes; of integers as `floatx`. Of nothing, NaN."""
    x = to_float(x)
    axes = normal_axes("mean", axis, len(x.dims))
    return in_float32(x, lambda t: divide(reduce(P.REDUCE_SUM, t, axes, keepdims), _count(t, axes)))


def _count(x: Operand, axes: tuple[int, ...]) -> Operand:
    return count_of([x.dims[a] for a in axes], x.dtype)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean of squared distances from the mean, over axes."""

    def compute(t: Operand) -> Tensor:
        apart = subtract(t, mean(t, axis, keepdims=True))
        return mean(multiply(apart, apart), axis, keepdims)

    return in_float32(to_float(x), compute)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The square root of the variance."""
    return unary(P.SQRT, var(x, axis, keepdims))


def _extreme(primitive: Primitive, of_bools: Primitive, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = convert(x)
    return reduce(of_bools if x.dtype == "bool" else primitive, x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The largest element over axes; NaN where any is NaN.

    Args:
        initial: counts as one more element; needed where there may be none.
    """
    if initial is not None and _is_empty(x, axis):
        return _only_initial(x, axis, keepdims, initial)
    result = _extreme(P.REDUCE_MAX, P.REDUCE_ANY, x, axis, keepdims)
    return result if initial is None else maximum(result, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The smallest element over axes; NaN where any is NaN.

    Args:
        initial: counts as one more element; needed where there may be none.
    """
    if initial is not None and _is_empty(x, axis):
        return _only_initial(x, axis, keepdims, initial)
    result = _extreme(P.REDUCE_MIN, P.REDUCE_ALL, x, axis, keepdims)
    return result if initial is None else minimum(result, initial)


amax = max
amin = min


def _is_empty(x: Any, axis: Any) -> bool:
    dims = convert(x).dims
    return 0 in [dims[a] for a in normal_axes("max", axis, len(dims))]


def _only_initial(x: Any, axis: Any, keepdims: bool, initial: Any) -> Tensor:
    x = convert(x)
    axes = normal_axes("max", axis, len(x.dims))
    shape = [1 if i in axes else d for i, d in enumerate(x.dims) if keepdims or i not in axes]
    return core.broadcast_to(convert(initial, x.dtype), tuple(shape))


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest less the smallest element over axes."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether at least one element over axes is true; numbers other than 0 are."""
    return reduce(P.REDUCE_ANY, cast(convert(x), "bool"), axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element over axes is true; numbers other than 0 are."""
    return reduce(P.REDUCE_ALL, cast(convert(x), "bool"), axis, keepdims)


def count_nonzero(x: Any, axis: Any = None) -> Tensor:
    """The number of elements over axes that are not 0, as int32."""
    return sum(cast(convert(x), "bool"), axis)


def _place(primitive: Primitive, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = convert(x)
    x = cast(x, "uint8") if x.dtype == "bool" else x
    rank = len(x.dims)
    flat = ravel(x) if axis is None else x
    place = 0 if axis is None else normal_axis(primitive.name, axis, rank)
    result: Any = cast(apply(primitive, flat, axis=place), "int32")
    if not keepdims:
        return result
    return keep_axes(result, x, tuple(range(rank)) if axis is None else (place,))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the largest element along an axis, as int32; None for all elements in one row."""
    return _place(P.ARGMAX, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the smallest element along an axis, as int32; None for all elements in one row."""
    return _place(P.ARGMIN, x, axis, keepdims)


def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean over axes, weighted.

    Args:
        weights: of the shape of `x`, or a vector along the one axis.
    """
    if weights is None:
        return mean(x, axis)
    x = to_float(x)
    w = cast(convert(weights), x.dtype)
    if w.dims != x.dims:
        if not isinstance(axis, int) or len(w.dims) != 1:
            raise ShapeError(f"average: weights need the shape of x, {x.dims}, or one axis. Received: {w.dims}.")
        place = normal_axis("average", axis, len(x.dims))
        w = core.reshape(w, tuple(w.dims[0] if i == place else 1 for i in range(len(x.dims))))
        w = core.broadcast_to(w, tuple(x.dims))
    return divide(sum(multiply(x, w), axis), sum(w, axis))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`log(sum(exp(x)))` over axes, without overflow."""
    from lamina.ops.logic import where

    def compute(t: Operand) -> Tensor:
        top = core.stop_gradient(reduce(P.REDUCE_MAX, t, axis, True))
        top = where(unary(P.IS_FINITE, top), top, 0.0)  # all -inf: exp(-inf - -inf) would be NaN
        total = unary(P.LOG, sum(unary(P.EXP, subtract(t, top)), axis, keepdims=True))
        result = add(total, top)
        return result if keepdims else _drop(result, normal_axes("logsumexp", axis, len(t.dims)))

    return in_float32(to_float(x), compute)


def _drop(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return core.reshape(x, tuple(d for i, d in enumerate(x.dims) if i not in axes))  # type: ignore[return-value]


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of the elements up to each one along an axis; None for all elements in one row."""
    x = convert(x) if dtype is None else cast(convert(x), dtype)
    x = cast(x, "int32") if x.dtype == "bool" else x
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis("cumsum", axis, len(x.dims))
    return apply(P.CUMULATIVE_SUM, x, axis=place, reverse=False, exclusive=False)


def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours along an axis, taken `n` times."""
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative. Received: {n}.")
    x: Any = convert(a)
    place = normal_axis("diff", axis, len(x.dims))
    for _ in range(n):
        size = x.dims[place]
        after, before = cut(x, place, 1, size), cut(x, place, 0, size - 1)
        x = not_equal(after, before) if x.dtype == "bool" else subtract(after, before)
    return positive(x)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral along an axis by the trapezoidal rule."""
    y = to_float(y)
    place = normal_axis("trapezoid", axis, len(y.dims))
    size = y.dims[place]
    width: Any = dx if x is None else diff(x, axis=-1 if len(convert(x).dims) == 1 else place)
    if x is not None and len(width.dims) == 1:
        width = core.reshape(width, tuple(width.dims[0] if i == place else 1 for i in range(len(y.dims))))
    heights = multiply(add(cut(y, place, 1, size), cut(y, place, 0, size - 1)), 0.5)
    return sum(multiply(heights, width), place)


__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumsum", "diff", "logsumexp",
    "max", "mean", "min", "prod", "ptp", "std", "sum", "trapezoid", "var",
]  # fmt: skip
