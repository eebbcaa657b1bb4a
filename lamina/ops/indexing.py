"""Reading and writing at places: take, one-hot, slices, diagonals, triangles, scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim, element_count
from lamina.base.errors import ArgumentError, DTypeError, ShapeError
from lamina.ops import core
from lamina.ops.core import (
    Operand,
    apply,
    broadcast_shapes,
    broadcast_to,
    cast,
    convert,
    normal_axis,
    normal_shape,
    positive,
)
from lamina.ops.elementwise import clip
from lamina.ops.logic import where
from lamina.ops.reduction import max as reduce_max
from lamina.ops.reduction import sum
from lamina.ops.shaping import cut, expand_dims, moveaxis, ravel, split, squeeze
from lamina.tensor import indexing
from lamina.tensor.arithmetic import add, equal, greater_equal
from lamina.tensor.tensor import Tensor


def _indices(name: str, indices: Any) -> Operand:
    x = convert(indices)
    if dtypes.is_float(x.dtype) or x.dtype == "bool":
        raise DTypeError(f"{name}: indices must be integers. Received: {x.dtype}. Cast them first.")
    return x


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Entries of `x` along an axis; the axis is replaced by the axes of `indices`.

    Args:
        indices: integers; negative ones count from the end.
        axis: None for all elements in one row.

    Raises:
        IndexRangeError: if an index lies outside of the axis.
    """
    x = convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    return indexing.take(x, _indices("take", indices), normal_axis("take", axis, len(x.dims)))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """On each line along an axis the entries that `indices` names for that line; other axes broadcast.

    Raises:
        IndexRangeError: if an index lies outside of the axis.
    """
    x, index = convert(x), _indices("take_along_axis", indices)
    if axis is None:
        x, index, axis = ravel(x), ravel(index), 0
    place = normal_axis("take_along_axis", axis, len(x.dims))
    if len(index.dims) != len(x.dims):
        raise ShapeError(f"take_along_axis: indices need the rank of x, {len(x.dims)}. Received: {len(index.dims)}.")
    without = [tuple(1 if i == place else d for i, d in enumerate(t.dims)) for t in (x, index)]
    common = broadcast_shapes("take_along_axis", *without)
    x = broadcast_to(x, (*common[:place], x.dims[place], *common[place + 1 :]))
    index = broadcast_to(index, (*common[:place], index.dims[place], *common[place + 1 :]))
    return apply(P.TAKE_ALONG_AXIS, x, indexing.wrap(index, x.dims[place]), axis=place)


def get_item(x: Any, key: Any) -> Tensor:
    """`x[key]`"""
    return indexing.get_item(convert(x), key)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """Vectors with a 1 at the place that an integer names, and 0 elsewhere; all 0 where it is out of range.

    Args:
        num_classes: the length of the vectors.
        axis: where the new axis goes.
        dtype: `floatx` by default.
        sparse: must be False.
    """
    if sparse:
        raise ArgumentError("one_hot: sparse tensors are not supported. Use sparse=False.")
    name = dtypes.canonical(dtype or config.floatx)
    hot = apply(P.ONE_HOT, _indices("one_hot", x), depth=int(num_classes), dtype=name)
    return hot if axis in (-1, len(hot.dims) - 1) else moveaxis(hot, -1, axis)


def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """As `one_hot`, with a 1 at every place named along the last axis of `inputs`."""
    if num_classes is None:
        raise ArgumentError("multi_hot: num_classes is needed. Received: None.")
    x = _indices("multi_hot", inputs)
    x = expand_dims(x, 0) if len(x.dims) <= 1 else x
    return reduce_max(one_hot(x, num_classes, axis, dtype, sparse), axis=1)


def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Tensor:
    """The block of `shape` that begins at `start_indices`, which may be symbolic; it is kept inside of `inputs`."""
    x: Any = convert(inputs)
    sizes = normal_shape("slice", tuple(shape))
    for axis, size in enumerate(sizes):
        if size != x.dims[axis]:
            x = _window(x, _start(start_indices, axis), size, axis)
    return positive(x)


def _start(starts: Any, axis: int) -> Any:
    return starts[axis] if isinstance(starts, (tuple, list)) else convert(starts)[axis]


def _window(x: Any, start: Any, size: Any, axis: int) -> Tensor:
    room = x.dims[axis] - size
    if isinstance(start, (int, np.integer)) and isinstance(room, int):
        known = min(max(int(start), 0), room)
        return cut(x, axis, known, known + size)
    first = clip(cast(convert(start), "int64"), 0, convert(room, "int64"))
    places = add(apply(P.IOTA, shape=(size,), dtype="int64", axis=0), first)
    return apply(P.TAKE, x, places, axis=axis)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """`inputs` with the block that begins at `start_indices` replaced by `updates`.

    Args:
        start_indices: a whole number for each axis, which may be symbolic; the block is kept inside of `inputs`.
        updates: no larger than `inputs` along any axis.
    """
    x = convert(inputs)
    new: Any = cast(convert(updates), x.dtype)
    if len(new.dims) != len(x.dims):
        raise ShapeError(
            f"slice_update: updates must have as many axes as inputs. Received: inputs {x.dims}, updates {new.dims}."
        )
    axes = tuple(axis for axis, size in enumerate(new.dims) if size != x.dims[axis])
    starts = [cast(convert(_start(start_indices, axis)), "int64") for axis in axes]
    return apply(P.UPDATE_SLICE, x, new, *starts, axes=axes)


def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of a shape, to which values are added at places.

    Args:
        indices: integers of shape (n, k): each row names a place along the first k axes.
        values: of shape (n, *shape[k:]).
    """
    new = convert(values)
    zero = broadcast_to(convert(0, new.dtype), normal_shape("scatter", shape))
    return _scatter_add(zero, _indices("scatter", indices), new)


def _scatter_add(x: Operand, indices: Operand, values: Operand) -> Tensor:
    depth = indices.dims[-1]
    if not isinstance(depth, int) or depth > len(x.dims):
        raise ShapeError(f"scatter: indices must have a last axis of at most {len(x.dims)}. Received: {indices.dims}.")
    place = _linear(indices, x.dims[:depth])
    rest = x.dims[depth:]
    flat = core.reshape(x, (element_count(x.dims[:depth]), *rest))
    updates = core.reshape(values, (*place.dims, *rest))
    return core.reshape(apply(P.SCATTER_ADD, flat, place, updates, axis=0), tuple(x.dims))  # type: ignore[return-value]


def _linear(indices: Operand, sizes: Any) -> Any:
    """Rows of indices as single places in row-major order; every index is checked against its own axis."""
    columns = [squeeze(part, -1) for part in _columns(indices)]
    place: Any = None
    for axis, column in enumerate(columns):
        offset = indexing._offsets(ravel(column), sizes[axis], element_count(sizes[axis + 1 :]))
        place = offset if place is None else add(place, offset)
    return place


def _columns(indices: Operand) -> list[Tensor]:
    return split(indices, int(indices.dims[-1]), axis=-1)  # type: ignore[arg-type]


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """`inputs` with entries at places replaced, or combined, with updates.

    Args:
        indices: integers of shape (n, k), as in `scatter`.
        updates: of shape (n, *inputs.shape[k:]).
        reduction: None to replace (each place at most once), or `"add"`.
    """
    x = convert(inputs)
    index, new = _indices("scatter_update", indices), cast(convert(updates), x.dtype)
    if reduction == "add":
        return _scatter_add(x, index, new)
    if reduction is not None:
        raise ArgumentError(f"scatter_update: reduction must be None or 'add'. Received: {reduction!r}.")
    ones = broadcast_to(convert(1, "int32"), tuple(new.dims))
    hit = scatter(index, ones, tuple(x.dims))
    return where(greater_equal(hit, 1), scatter(index, new, tuple(x.dims)), x)


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Sums of the rows of `data` that have the same id: row k of the result adds those of id k."""
    x, ids = convert(data), _indices("segment_sum", segment_ids)
    if num_segments is None:
        if ids._array is None:
            raise ArgumentError("segment_sum: num_segments is needed while tracing. Received: None.")
        num_segments = int(ids.numpy().max(initial=-1)) + 1
    zero = broadcast_to(convert(0, x.dtype), (num_segments, *x.dims[1:]))
    return apply(P.SCATTER_ADD, zero, cast(ids, "int64"), x, axis=0)


def _below(dims: Any, k: int) -> Tensor:
    """Whether a place of a matrix lies on or below the k-th diagonal."""
    rows = apply(P.IOTA, shape=tuple(dims[-2:]), dtype="int64", axis=0)
    columns = apply(P.IOTA, shape=tuple(dims[-2:]), dtype="int64", axis=1)
    return greater_equal(add(rows, k), columns)


def tril(x: Any, k: int = 0) -> Tensor:
    """Matrices with zeros above the k-th diagonal."""
    x = convert(x)
    return where(_below(x.dims, k), x, cast(convert(0), x.dtype))


def triu(x: Any, k: int = 0) -> Tensor:
    """Matrices with zeros below the k-th diagonal."""
    x = convert(x)
    return where(_below(x.dims, k - 1), cast(convert(0), x.dtype), x)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements on a diagonal of two axes, as a new last axis."""
    x = convert(x)
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = x.dims[-2:]
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        raise ShapeError(f"diagonal: both axes must be known. Received: {rows} and {columns}.")
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    first = offset if offset >= 0 else -offset * columns
    places = first + np.arange(length) * (columns + 1)
    flat = core.reshape(x, (*x.dims[:-2], rows * columns))
    return apply(P.TAKE, flat, Tensor.of_array(places), axis=len(flat.dims) - 1)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the elements on a diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x: Any, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix; or a matrix with a vector on it."""
    x = convert(x)
    if len(x.dims) == 2:
        return diagonal(x, k)
    if len(x.dims) != 1:
        raise ShapeError(f"diag: expected a vector or a matrix. Received: rank {len(x.dims)}.")
    size = x.dims[0]
    shift = k if k >= 0 else -k
    rows = apply(P.IOTA, shape=(size + shift, size + shift), dtype="int64", axis=0)
    columns = apply(P.IOTA, shape=(size + shift, size + shift), dtype="int64", axis=1)
    padded = apply(P.PAD, x, low=(max(k, 0),), high=(max(-k, 0),), value=0)
    return where(equal(add(rows, k), columns), expand_dims(padded, 0), cast(convert(0), x.dtype))


def diagflat(x: Any, k: int = 0) -> Tensor:
    """A matrix with all elements of `x` on its k-th diagonal."""
    return diag(ravel(x), k)


__all__ = [
    "diag", "diagflat", "diagonal", "get_item", "multi_hot", "one_hot", "scatter", "scatter_update", "segment_sum",
    "slice", "slice_update", "take", "take_along_axis", "trace", "tril", "triu",
]  # fmt: skip
