"""The primitive that replaces a block of an array: in place, where nobody needs the old array any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply, constant
from lamina.primitives.arithmetic import add, maximum, minimum, subtract
from lamina.primitives.conversion import cast
from lamina.primitives.declare import INTEGERS, Typed, check_axes, check_dtype, check_same_dtype, describe
from lamina.primitives.indexing import dimension, iota, take
from lamina.primitives.movement import broadcast, reshape, zeros_like
from lamina.primitives.samples import available, strided, values


def _infer(x: Typed, updates: Typed, *starts: Typed, axes: tuple[int, ...]) -> Spec:
    check_same_dtype("update_slice", ("x", "updates"), (x, updates))
    check_axes("update_slice", axes, len(x.shape))
    if len(updates.shape) != len(x.shape) or any(
        a not in axes and u != n for a, (n, u) in enumerate(zip(x.shape, updates.shape))
    ):
        raise ShapeError(
            f"update_slice: updates must have the shape of x, but for the sizes of axes {axes}. Received: x "
            f"{describe(x)}, updates {describe(updates)}."
        )
    if len(starts) != len(axes) or any(start.shape for start in starts):
        raise ShapeError(
            f"update_slice: starts must be a scalar for each of axes {axes}. Received: "
            f"{', '.join(map(describe, starts)) or 'none'}."
        )
    for start in starts:
        check_dtype("update_slice", "starts", start, INTEGERS)
    for a in axes:
        room = x.shape[a] - updates.shape[a]
        if isinstance(room, int) and room < 0:
            raise ShapeError(
                f"update_slice: updates must not be larger than x. Received: x {describe(x)}, updates "
                f"{describe(updates)}."
            )
    return Spec(tuple(x.shape), x.dtype)


def _numpy(x: Any, updates: Any, *starts: Any, axes: tuple[int, ...]) -> Any:
    place = [slice(None)] * x.ndim
    for axis, start in zip(axes, starts):
        size = updates.shape[axis]
        first = max(0, min(int(start), x.shape[axis] - size))
        place[axis] = slice(first, first + size)
    result = np.array(x)
    result[tuple(place)] = updates[tuple(slice(0, n) for n in result[tuple(place)].shape)]
    return result


def _vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    x, updates, *starts = node.inputs
    axes = node.attrs["axes"]
    of_updates = g
    for axis, start in zip(axes, starts):
        room = subtract(dimension(x.shape[axis]), dimension(updates.shape[axis]))
        first = maximum(minimum(cast(start, "int64"), room), constant(0, "int64"))
        size = updates.shape[axis]
        of_updates = take(of_updates, add(iota((size,), "int64", 0), broadcast(reshape(first, (1,)), (size,))), axis)
    return (update_slice(g, zeros_like(updates), axes, starts), of_updates, *(None for _ in starts))


def _samples() -> Iterator[Sample]:
    for shape, sizes, axes, starts in [
        ((4, 5), (2, 5), (0,), (1,)), ((4, 5), (1, 2), (0, 1), (3, 2)), ((5,), (2,), (0,), (4,)),
        ((5,), (2,), (0,), (-3,)), ((2, 3), (2, 3), (), ()), ((), (), (), ()), ((2, 3), (2, 3), (1,), (2,)),
        ((3, 4), (3, 0), (1,), (1,)), ((2, 6, 3), (2, 1, 3), (1,), (5,)), ((1, 2, 40), (1, 2, 33), (2,), (3,)),
        ((0, 4), (0, 1), (1,), (2,)),
    ]:  # fmt: skip
        places = [np.asarray(start, np.int64) for start in starts]
        yield Sample((values(shape), values(sizes, seed=1), *places), {"axes": axes})
    for dtype in available(["bool", "int8", "int64", "float16", "bfloat16", "float64"]):
        place = np.asarray(1, np.int32)
        yield Sample((values((3, 4), dtype), values((1, 4), dtype, seed=1), place), {"axes": (0,)}, False)
    yield Sample((strided((3, 4)), strided((3, 2), seed=1), np.asarray(1, np.int32)), {"axes": (1,)})


UPDATE_SLICE = Primitive("update_slice", "scatter", infer=_infer, numpy=_numpy, vjp=_vjp, samples=_samples)


def update_slice(x: Node, updates: Node, axes: tuple[int, ...], starts: Any) -> Node:
    """`x` with a block replaced by `updates`.

    Args:
        axes: along which the block may begin elsewhere than at 0; along the others it is as long as `x`.
        starts: an integer scalar for each: where the block begins, which is moved so that it lies within `x`.
    """
    return apply(UPDATE_SLICE, x, updates, *starts, axes=tuple(axes))
