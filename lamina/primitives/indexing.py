"""Primitives that read at places given by another operand, or make values from the place alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, Shape
from lamina.base.errors import DTypeError, IndexRangeError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply, constant
from lamina.primitives.declare import (
    INTEGERS,
    NUMBERS,
    Typed,
    check_axis,
    check_dtype,
    check_shape,
    describe,
    dimension_scalar,
    is_dimension,
)
from lamina.primitives.movement import zeros_like
from lamina.primitives.samples import available, strided, values


def check_indices(primitive: str, indices: Any, size: int, axis: int) -> None:
    """Raises IndexRangeError for the first index that does not lie from 0 to `size - 1`."""
    wrong = (indices < 0) | (indices >= size)
    if np.any(wrong):
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        first = int(np.asarray(indices)[place])
        raise IndexRangeError(
            f"{primitive}: indices must be at least 0 and below {size}, for axis {axis} of size {size}. "
            f"Received: {first}.", first, size, place,
        )  # fmt: skip


# --- iota and dimension ----------------------------------------------------------------------------------------------


def _iota_infer(*, shape: Shape, dtype: str, axis: int) -> Spec:
    check_shape("iota", "shape", shape)
    check_axis("iota", axis, len(shape))
    if dtype not in NUMBERS.names:
        raise DTypeError(f"iota: dtype must be {NUMBERS.description}. Received: {dtype!r}.")
    return Spec(shape, dtype)


def _iota_numpy(shape: Sequence[int], dtype: str, axis: int) -> Any:
    line = np.arange(shape[axis]).astype(dtypes.to_numpy(dtype))
    return np.broadcast_to(line.reshape([-1 if k == axis else 1 for k in range(len(shape))]), shape)


def _iota_samples() -> Iterator[Sample]:
    for dtype in available(NUMBERS.names):
        yield Sample((), {"shape": (5,), "dtype": dtype, "axis": 0}, False)
    for shape, axis in [((2, 3), 0), ((2, 3), 1), ((0,), 0), ((2, 1, 3), 1)]:
        yield Sample((), {"shape": shape, "dtype": "int64", "axis": axis}, False)


IOTA = Primitive(
    "iota", "index",
    infer=_iota_infer,
    numpy=_iota_numpy,
    lower=lambda b, index, shape, dtype, axis: b.cast(index[axis], dtypes.compute_dtype(dtype)),
    samples=_iota_samples,
)  # fmt: skip


def iota(shape: Sequence[Dimension], dtype: str, axis: int) -> Node:
    """0, 1, 2, ... along an axis."""
    return apply(IOTA, shape=tuple(shape), dtype=dtype, axis=axis)


def _dimension_infer(*, dim: Dimension) -> Spec:
    if not is_dimension(dim):
        raise ShapeError(f"dimension: dim must be a dimension. Received: {dim!r}.")
    return Spec((), "int64")


DIMENSION = Primitive(
    "dimension",
    "index",
    infer=_dimension_infer,
    numpy=lambda dim: np.asarray(dim, np.int64),
    lower=lambda b, index, dim: dimension_scalar(b, dim),
    samples=lambda: [Sample((), {"dim": 7}, False), Sample((), {"dim": 0}, False)],
)


def dimension(dim: Dimension) -> Node:
    """The number that a dimension is when the program runs, as an int64 scalar."""
    return apply(DIMENSION, dim=dim) if isinstance(dim, Dim) else constant(dim, "int64")


# --- take ------------------------------------------------------------------------------------------------------------


def _take_infer(x: Typed, indices: Typed, *, axis: int) -> Spec:
    check_dtype("take", "indices", indices, INTEGERS)
    check_axis("take", axis, len(x.shape))
    return Spec((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _take_numpy(x: Any, indices: Any, axis: int) -> Any:
    check_indices("take", indices, x.shape[axis], axis)
    return np.take(x, indices, axis)


def _take_vjp(node: Node, g: Node) -> tuple[Node, None]:
    from lamina.primitives.scatter import scatter_add  # scatters build on this file

    x, indices = node.inputs
    return scatter_add(zeros_like(x), indices, g, node.attrs["axis"]), None


def _take_lower(b: Any, index: Sequence[Any], x: Any, indices: Any, axis: int) -> Any:
    end = axis + len(indices.shape)
    place = b.cast(indices(tuple(index[axis:end])), "int64")
    place = b.check_index(place, dimension_scalar(b, x.shape[axis]))
    return x((*index[:axis], place, *index[end:]))


def _take_samples() -> Iterator[Sample]:
    for shape, axis, indices in [
        ((4, 3), 0, [1, 3, 1]), ((4, 3), 1, [[0, 2], [2, 2]]), ((5,), 0, 2), ((2, 4, 3), 1, [3, 0]), ((1,), 0, [0, 0]),
        ((4, 3), 0, np.zeros((0,))), ((4, 0), 0, [1]),
    ]:  # fmt: skip
        yield Sample((values(shape), np.asarray(indices, np.int64)), {"axis": axis})
    for dtype in available(["bool", "int8", "float16", "bfloat16", "float32"]):
        yield Sample((values((4, 3), dtype), np.array([2, 0], np.int32)), {"axis": 0}, False)
    for dtype in INTEGERS.names:
        yield Sample((values((4,), "float32"), np.array([3, 1], dtype)), {"axis": 0}, False)
    yield Sample((strided((3, 4)), np.arange(8)[::3] // 2), {"axis": 1})


TAKE = Primitive(
    "take", "index",
    infer=_take_infer,
    numpy=_take_numpy,
    vjp=_take_vjp,
    lower=_take_lower,
    samples=_take_samples,
)  # fmt: skip


def take(x: Node, indices: Node, axis: int) -> Node:
    """Entries of `x` along an axis, at the given places from 0 to size - 1.

    The shape of the result is that of `x` with the axis replaced by the shape of `indices`.
    """
    return apply(TAKE, x, indices, axis=axis)


# --- take_along_axis -------------------------------------------------------------------------------------------------


def check_along_axis(primitive: str, x: Typed, indices: Typed, axis: int) -> None:
    """The operands have one shape, but for the axis."""
    check_dtype(primitive, "indices", indices, INTEGERS)
    check_axis(primitive, axis, len(x.shape))
    expected = (*x.shape[:axis], *indices.shape[axis : axis + 1], *x.shape[axis + 1 :])
    if tuple(indices.shape) != expected:
        raise ShapeError(
            f"{primitive}: indices must have the shape of x but for axis {axis}. "
            f"Received: x {describe(x)}, indices {describe(indices)}."
        )


def _take_along_axis_infer(x: Typed, indices: Typed, *, axis: int) -> Spec:
    check_along_axis("take_along_axis", x, indices, axis)
    return Spec(tuple(indices.shape), x.dtype)


def _take_along_axis_numpy(x: Any, indices: Any, axis: int) -> Any:
    check_indices("take_along_axis", indices, x.shape[axis], axis)
    return np.take_along_axis(x, np.asarray(indices, np.int64), axis)


def _take_along_axis_vjp(node: Node, g: Node) -> tuple[Node, None]:
    from lamina.primitives.scatter import scatter_add_along_axis

    x, indices = node.inputs
    return scatter_add_along_axis(zeros_like(x), indices, g, node.attrs["axis"]), None


def _take_along_axis_lower(b: Any, index: Sequence[Any], x: Any, indices: Any, axis: int) -> Any:
    place = b.check_index(b.cast(indices(tuple(index)), "int64"), dimension_scalar(b, x.shape[axis]))
    return x((*index[:axis], place, *index[axis + 1 :]))


def _take_along_axis_samples() -> Iterator[Sample]:
    for shape, axis, indices in [
        ((3, 4), 1, [[0, 3], [1, 1], [2, 0]]), ((3, 2), 0, [[2, 0]]), ((4,), 0, [3, 3, 0]), ((1, 1), 1, [[0]]),
        ((2, 3), 1, np.zeros((2, 0))), ((0, 3), 1, np.zeros((0, 2))),
    ]:  # fmt: skip
        yield Sample((values(shape), np.asarray(indices, np.int64)), {"axis": axis})
    for dtype in available(["bool", "int8", "bfloat16"]):
        yield Sample((values((3, 4), dtype), np.array([[0], [2], [3]], np.uint8)), {"axis": 1}, False)
    yield Sample((strided((3, 4)), np.array([[0, 9, 1], [3, 9, 2], [0, 9, 0]])[:, ::2]), {"axis": 1})


TAKE_ALONG_AXIS = Primitive(
    "take_along_axis", "index",
    infer=_take_along_axis_infer,
    numpy=_take_along_axis_numpy,
    vjp=_take_along_axis_vjp,
    lower=_take_along_axis_lower,
    samples=_take_along_axis_samples,
)  # fmt: skip


def take_along_axis(x: Node, indices: Node, axis: int) -> Node:
    """For each position, the entry of `x` on the same line along the axis, at the place that `indices` gives."""
    return apply(TAKE_ALONG_AXIS, x, indices, axis=axis)


# --- one_hot ---------------------------------------------------------------------------------------------------------


def _one_hot_infer(indices: Typed, *, depth: Dimension, dtype: str) -> Spec:
    check_dtype("one_hot", "indices", indices, INTEGERS)
    if not is_dimension(depth):
        raise ShapeError(f"one_hot: depth must be a non-negative int. Received: {depth!r}.")
    if dtype not in dtypes.NAMES:
        raise DTypeError(f"one_hot: dtype must be one of {', '.join(dtypes.NAMES)}. Received: {dtype!r}.")
    return Spec((*indices.shape, depth), dtype)


def _one_hot_lower(b: Any, index: Sequence[Any], indices: Any, depth: Dimension, dtype: str) -> Any:
    hit = b.eq(b.cast(indices(tuple(index[:-1])), "int64"), index[-1])
    return b.cast(hit, dtypes.compute_dtype(dtype))


def _one_hot_samples() -> Iterator[Sample]:
    for dtype in available(dtypes.NAMES):
        yield Sample((np.array([0, 2, 1, -1, 3]),), {"depth": 3, "dtype": dtype}, False)
    for indices in (np.array(1), np.zeros((0,), np.int32), np.array([[5], [0]], np.uint8), np.arange(6)[::2]):
        yield Sample((indices,), {"depth": 4, "dtype": "float32"}, False)
    yield Sample((np.array([0]),), {"depth": 0, "dtype": "float32"}, False)


ONE_HOT = Primitive(
    "one_hot", "index",
    infer=_one_hot_infer,
    numpy=lambda indices, depth, dtype: (indices[..., None] == np.arange(depth)).astype(dtypes.to_numpy(dtype)),
    lower=_one_hot_lower,
    samples=_one_hot_samples,
)  # fmt: skip


def one_hot(indices: Node, depth: Dimension, dtype: str) -> Node:
    """1 at the place of each index along a new last axis of size `depth`, 0 elsewhere; all 0 for an index outside."""
    return apply(ONE_HOT, indices, depth=depth, dtype=dtype)
