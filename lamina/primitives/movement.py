"""Primitives that rearrange: each element of the result is one element of the operand; and arrays of one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dimension, Shape, format_shape
from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply, constant
from lamina.primitives import shapes
from lamina.primitives.declare import (
    Typed,
    check_axes,
    check_shape,
    describe,
    dimension_scalar,
)
from lamina.primitives.samples import available, strided, values

# --- reshape ---------------------------------------------------------------------------------------------------------


def _reshape_infer(x: Typed, *, shape: Shape) -> Spec:
    check_shape("reshape", "shape", shape)
    if not shapes.same_count(x.shape, shape):
        raise ShapeError(
            f"reshape: shape must have as many elements as x. Received: x {describe(x)}, shape {format_shape(shape)}."
        )
    return Spec(shape, x.dtype)


def _reshape_samples() -> Iterator[Sample]:
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 6), (3, 4)), ((2, 3, 4), (6, 4)), ((4, 1, 3), (4, 3)), ((), (1, 1)), ((0, 3), (5, 0)), ((2, 3), (2, 3)),
        ((2, 3, 5, 7), (6, 5, 7, 1)), ((4, 6), (2, 2, 3, 2)),
    ]  # fmt: skip
    for before, after in pairs:
        yield Sample((values(before),), {"shape": after})
    for dtype in available(["bool", "int8", "bfloat16"]):
        yield Sample((values((2, 6), dtype),), {"shape": (12,)}, False)
    yield Sample((strided((3, 4)),), {"shape": (2, 6)})


RESHAPE = Primitive(
    "reshape", "movement",
    infer=_reshape_infer,
    numpy=lambda x, shape: np.reshape(x, shape),
    vjp=lambda node, g: (reshape(g, node.inputs[0].shape),),
    lower=lambda b, index, x, shape: x(shapes.reshaped_index(b, index, shape, x.shape)),
    samples=_reshape_samples,
)  # fmt: skip


def reshape(x: Node, shape: Sequence[Dimension]) -> Node:
    """The elements of `x`, in row-major order, in another shape of as many elements."""
    return x if tuple(shape) == x.shape else apply(RESHAPE, x, shape=tuple(shape))


# --- transpose -------------------------------------------------------------------------------------------------------


def _transpose_infer(x: Typed, *, axes: tuple[int, ...]) -> Spec:
    if not isinstance(axes, tuple) or sorted(axes) != list(range(len(x.shape))):
        raise ShapeError(
            f"transpose: axes must be a permutation of 0 to rank - 1, where the rank is {len(x.shape)}. "
            f"Received: {axes!r}."
        )
    return Spec(tuple(x.shape[axis] for axis in axes), x.dtype)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axes.index(axis) for axis in range(len(axes)))


def _transpose_samples() -> Iterator[Sample]:
    for shape, axes in [((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((), ()), ((5,), (0,)), ((0, 3), (1, 0))]:
        yield Sample((values(shape),), {"axes": axes})
    for dtype in available(["bool", "uint8", "float16"]):
        yield Sample((values((2, 3), dtype),), {"axes": (1, 0)}, False)
    yield Sample((strided((3, 4)),), {"axes": (1, 0)})


TRANSPOSE = Primitive(
    "transpose", "movement",
    infer=_transpose_infer,
    numpy=lambda x, axes: np.transpose(x, axes),
    vjp=lambda node, g: (transpose(g, _inverse(node.attrs["axes"])),),
    lower=lambda b, index, x, axes: x(tuple(index[position] for position in _inverse(axes))),
    samples=_transpose_samples,
)  # fmt: skip


def transpose(x: Node, axes: Sequence[int]) -> Node:
    """Axis k of the result is axis `axes[k]` of `x`."""
    return x if list(axes) == list(range(x.rank)) else apply(TRANSPOSE, x, axes=tuple(axes))


# --- broadcast -------------------------------------------------------------------------------------------------------


def _broadcast_infer(x: Typed, *, shape: Shape) -> Spec:
    check_shape("broadcast", "shape", shape)
    trailing = shape[len(shape) - len(x.shape) :]
    if len(x.shape) > len(shape) or any(a != b and a != 1 for a, b in zip(x.shape, trailing)):
        raise ShapeError(
            "broadcast: the last dimensions of shape must equal those of x, where x does not have 1. "
            f"Received: x {describe(x)}, shape {format_shape(shape)}."
        )
    return Spec(shape, x.dtype)


def _broadcast_vjp(node: Node, g: Node) -> tuple[Node]:
    from lamina.primitives.reduction import reduce_sum  # reductions build on this file

    x = node.inputs[0]
    added = g.rank - x.rank
    stretched = [a + added for a in range(x.rank) if x.shape[a] != node.shape[a + added]]
    return (reshape(reduce_sum(g, (*range(added), *stretched)), x.shape),)


def _broadcast_lower(b: Any, index: Sequence[Any], x: Any, shape: Shape) -> Any:
    added = len(shape) - len(x.shape)
    zero = b.const(0, "int64")
    return x(tuple(zero if size == 1 else i for i, size in zip(index[added:], x.shape)))


def _broadcast_samples() -> Iterator[Sample]:
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 2)), ((1, 1), (4, 1, 3)), ((0,), (2, 0)), ((1,), (0,)), ((2,), (2,)),
    ]  # fmt: skip
    for before, after in pairs:
        yield Sample((values(before),), {"shape": after})
    for dtype in available(["bool", "int32", "bfloat16"]):
        yield Sample((values((3, 1), dtype),), {"shape": (3, 2)}, False)
    yield Sample((strided((3, 4)),), {"shape": (2, 3, 4)})


BROADCAST = Primitive(
    "broadcast", "movement",
    infer=_broadcast_infer,
    numpy=lambda x, shape: np.broadcast_to(x, shape),
    vjp=_broadcast_vjp,
    lower=_broadcast_lower,
    samples=_broadcast_samples,
)  # fmt: skip


def broadcast(x: Node, shape: Sequence[Dimension]) -> Node:
    """`x` repeated along new leading axes and along axes of size 1, as `numpy.broadcast_to` does."""
    return x if tuple(shape) == x.shape else apply(BROADCAST, x, shape=tuple(shape))


def broadcast_in_dim(x: Node, shape: Sequence[Dimension], axes: Sequence[int]) -> Node:
    """`x` repeated to `shape`, where axis k of `x` becomes axis `axes[k]`; axes ascend."""
    sizes: list[Dimension] = [1] * len(shape)
    for axis, size in zip(axes, x.shape):
        sizes[axis] = size
    return broadcast(reshape(x, sizes), shape)


def full(shape: Sequence[Dimension], value: Any, dtype: str) -> Node:
    """An array that has one value everywhere."""
    return broadcast(constant(value, dtype), shape)


def full_like(x: Node, value: Any) -> Node:
    """One value everywhere, in the shape and dtype of `x`."""
    return full(x.shape, value, x.dtype)


def zeros_like(x: Node) -> Node:
    """Zeros in the shape and dtype of `x`."""
    return full_like(x, 0)


def ones_like(x: Node) -> Node:
    """Ones in the shape and dtype of `x`."""
    return full_like(x, 1)


# --- reverse ---------------------------------------------------------------------------------------------------------


def _reverse_infer(x: Typed, *, axes: tuple[int, ...]) -> Spec:
    check_axes("reverse", axes, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _reverse_lower(b: Any, index: Sequence[Any], x: Any, axes: tuple[int, ...]) -> Any:
    def back(axis: int) -> Any:
        return b.sub(b.sub(dimension_scalar(b, x.shape[axis]), b.const(1, "int64")), index[axis])

    return x(tuple(back(axis) if axis in axes else i for axis, i in enumerate(index)))


def _reverse_samples() -> Iterator[Sample]:
    for shape, axes in [((5,), (0,)), ((2, 3), (0, 1)), ((2, 3, 4), (1,)), ((), ()), ((0, 2), (0,)), ((1,), (0,))]:
        yield Sample((values(shape),), {"axes": axes})
    for dtype in available(["bool", "int16", "bfloat16"]):
        yield Sample((values((5,), dtype),), {"axes": (0,)}, False)
    yield Sample((strided((3, 4)),), {"axes": (1,)})


REVERSE = Primitive(
    "reverse", "movement",
    infer=_reverse_infer,
    numpy=lambda x, axes: np.flip(x, axes),
    vjp=lambda node, g: (reverse(g, node.attrs["axes"]),),
    lower=_reverse_lower,
    samples=_reverse_samples,
)  # fmt: skip


def reverse(x: Node, axes: Sequence[int]) -> Node:
    """`x` with the order along these axes turned round."""
    return apply(REVERSE, x, axes=tuple(sorted(axes))) if axes else x
