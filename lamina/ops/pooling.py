"""The largest element, and the mean, of windows of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import format_shape
from lamina.base.errors import ShapeError
from lamina.graph import Primitive
from lamina.ops import core
from lamina.ops.core import Operand, apply, convert, positive, to_float
from lamina.ops.creation import ones
from lamina.ops.indexing import take
from lamina.ops.logic import where
from lamina.ops.spatial import Padding, channels_last, each_axis, explicit_padding, spatial_rank
from lamina.primitives.pooling import MOST_TAPS
from lamina.primitives.reduction import lowest
from lamina.tensor.arithmetic import divide, multiply
from lamina.tensor.tensor import Tensor

# --- windows of a given size -----------------------------------------------------------------------------------------


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: Any = "valid", data_format: str | None = None
) -> Tensor:
    """The largest element of each window, channel by channel. Of equal ones the first has the gradient.

    Args:
        inputs: of shape (rows, *space, channels), with from one to three axes of space.
        pool_size: of a window, one for all axes of space or one for each.
        strides: from one window to the next; `pool_size` when None.
        padding: "valid" (default): only windows within the inputs; "same": as many as steps of `strides` in an axis,
            where what lies outside never is the largest; or a pair (before, after) for each axis of space.
        data_format: "channels_last", or "channels_first" for inputs and a result of shape (rows, channels, *space);
            the configured one when None.

    Raises:
        ShapeError: for inputs of another rank, or if no window fits into them.
        ArgumentError: for another padding or data format, or numbers that are not positive whole ones.
    """

    def largest(t: Operand) -> Tensor:
        return _pool(P.WINDOW_MAX, t, *_windows("max_pool", t, pool_size, strides, padding))

    return channels_last("max_pool", convert(inputs), data_format, largest)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: Any = "valid", data_format: str | None = None
) -> Tensor:
    """The mean of each window, channel by channel; what "same" puts around the inputs does not count.

    Arguments and errors are those of `max_pool`.
    """

    def mean(t: Operand) -> Tensor:
        sizes, steps, pairs = _windows("average_pool", t, pool_size, strides, padding)
        total = _pool(P.WINDOW_SUM, t, sizes, steps, pairs)
        if not any(low or high for low, high in pairs):
            return multiply(total, 1.0 / math.prod(sizes))
        return divide(total, _counts(t, sizes, steps, pairs))

    return channels_last("average_pool", to_float(convert(inputs)), data_format, mean)


def _windows(
    name: str, x: Operand, pool_size: Any, strides: Any, padding: Any
) -> tuple[tuple[int, ...], tuple[int, ...], Padding]:
    spatial = spatial_rank(name, x.dims)
    sizes = each_axis(name, "pool_size", pool_size, spatial)
    steps = sizes if strides is None else each_axis(name, "strides", strides, spatial)
    return sizes, steps, explicit_padding(name, padding, x.dims[1:-1], sizes, steps, (1,) * spatial)


def _pool(primitive: Primitive, x: Operand, sizes: Sequence[int], strides: Sequence[int], padding: Padding) -> Tensor:
    """Folds windows; large ones along one axis after the other, the last first, which keeps the first largest first."""
    spatial = len(sizes)
    if math.prod(sizes) <= MOST_TAPS or spatial == 1:
        return apply(primitive, x, sizes=tuple(sizes), strides=tuple(strides), padding=tuple(padding))
    for axis in reversed(range(spatial)):
        if sizes[axis] > 1 or strides[axis] > 1:
            x = apply(
                primitive, x, sizes=_only(axis, sizes, 1), strides=_only(axis, strides, 1),
                padding=_only(axis, padding, (0, 0)),
            )  # fmt: skip
    return positive(x)


def _only(axis: int, items: Sequence[Any], other: Any) -> tuple[Any, ...]:
    """The item of one axis, and the same other for all the rest."""
    return tuple(item if k == axis else other for k, item in enumerate(items))


def _counts(x: Operand, sizes: Sequence[int], strides: Sequence[int], padding: Padding) -> Tensor:
    """How many elements of the inputs each window has."""
    inside = ones((1, *x.dims[1:-1], 1), dtype=x.dtype)
    return _pool(P.WINDOW_SUM, inside, sizes, strides, padding)


# --- a given number of windows ---------------------------------------------------------------------------------------


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The largest element of each of a given number of windows; they overlap where the sizes do not divide.

    Args:
        inputs: of shape (rows, *space, channels), with from one to three axes of space of known sizes.
        output_size: windows of each axis of space, one for all or one for each. Of n elements, window i of m has
            those from `floor(i*n/m)` up to `ceil((i + 1)*n/m)`.
        data_format: "channels_last", or "channels_first"; the configured one when None.

    Raises:
        ShapeError: for inputs of another rank, or unknown or no sizes of space.
        ArgumentError: for another data format, or an `output_size` that is not of positive whole numbers.
    """
    x = convert(inputs)
    return channels_last(
        "adaptive_max_pool", x, data_format,
        lambda t: _adaptive("adaptive_max_pool", P.WINDOW_MAX, t, output_size, lowest(t.dtype)),
    )  # fmt: skip


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The mean of each of a given number of windows; arguments and errors are those of `adaptive_max_pool`."""
    x = to_float(convert(inputs))
    return channels_last(
        "adaptive_average_pool", x, data_format,
        lambda t: _adaptive("adaptive_average_pool", P.WINDOW_SUM, t, output_size, 0),
    )  # fmt: skip


def _adaptive(name: str, primitive: Primitive, x: Operand, output_size: Any, outside: Any) -> Tensor:
    spatial = spatial_rank(name, x.dims)
    counts = each_axis(name, "output_size", output_size, spatial)
    extents = x.dims[1:-1]
    if not all(isinstance(extent, int) and extent > 0 for extent in extents):
        raise ShapeError(
            f"{name}: the sizes of space must be known and not 0. Received: inputs of shape {format_shape(x.dims)}. "
            "Give the inputs a fixed size."
        )
    for axis in reversed(range(spatial)):
        x = _along(primitive, x, axis + 1, extents[axis], counts[axis], outside)  # type: ignore[arg-type]
    return positive(x)


def _along(primitive: Primitive, x: Operand, axis: int, extent: int, count: int, outside: Any) -> Operand:
    """Folds one axis; windows of different sizes are first laid side by side, filled up to the largest."""
    if extent == count:
        return x
    starts, stops = np.arange(count) * extent // count, -(-(np.arange(count) + 1) * extent // count)
    lengths = stops - starts
    size = int(lengths.max())
    if extent % count:
        places = starts[:, None] + np.arange(size)
        shape = [1] * len(x.dims)
        shape[axis] = count * size
        known = (places < stops[:, None]).reshape(shape)
        taken = take(x, np.minimum(places, extent - 1).reshape(-1), axis=axis)
        x = where(known, taken, core.cast(convert(outside), x.dtype))
    sizes = tuple(size if k == axis else 1 for k in range(1, len(x.dims) - 1))
    folded = apply(primitive, x, sizes=sizes, strides=sizes, padding=((0, 0),) * len(sizes))
    if primitive is P.WINDOW_MAX:
        return folded
    shares = (1.0 / lengths).reshape([count if k == axis else 1 for k in range(len(x.dims))])
    return multiply(folded, shares.astype(dtypes.to_numpy(x.dtype)))


__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]
