"""Primitives of sliding windows: windows as a view of an array, and zeros between elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dim, Dimension, Shape, divide
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.arithmetic import add
from lamina.primitives.cutting import concatenate, pad, slice
from lamina.primitives.declare import Typed, check_axes, describe, surely_not_negative
from lamina.primitives.movement import reshape, transpose
from lamina.primitives.samples import available, strided, values

# --- windows ---------------------------------------------------------------------------------------------------------


def check_positive(name: str, argument: str, items: Any, count: int, per: str) -> None:
    """Raises unless `items` is a tuple of `count` ints that are at least 1."""
    good = isinstance(items, tuple) and len(items) == count
    if not good or not all(isinstance(i, int) and not isinstance(i, bool) and i >= 1 for i in items):
        raise ArgumentError(
            f"{name}: {argument} must be a tuple of {count} ints that are at least 1, one for each {per}. "
            f"Received: {items!r}."
        )


def window_count(name: str, extent: Dimension, size: int, stride: int = 1, dilation: int = 1) -> Dimension:
    """How many windows fit in an axis: every `stride`-th place at which all taps, `dilation` apart, lie inside.

    Raises:
        ShapeError: if a window is longer than the axis, or the extent is unknown and the number of windows has no
            formula in it.
    """
    span = (size - 1) * dilation + 1
    room = extent - span
    if isinstance(room, Dim):
        steps = divide(room - room.constant, stride)
        if steps is None:
            raise ShapeError(
                f"{name}: the number of windows in an axis of unknown size {extent} is known only for stride 1. "
                f"Received: stride {stride}. Give that axis of the input a fixed size."
            )
        return steps + room.constant // stride + 1
    if room < 0:
        raise ShapeError(
            f"{name}: a window of {size} taps, {dilation} apart, spans {span} elements and must fit in the axis. "
            f"Received: an axis of {extent}. Use padding, or a smaller window or dilation."
        )
    return room // stride + 1


def rounded_up(name: str, extent: Dimension, stride: int) -> Dimension:
    """`extent / stride`, rounded up: how many windows fit where padding makes room for one at every `stride`-th place.

    Raises:
        ShapeError: if the extent is unknown and that has no formula in it.
    """
    constant = extent.constant if isinstance(extent, Dim) else extent
    steps = divide(extent - constant, stride)
    if steps is None:
        raise ShapeError(
            f"{name}: an axis of unknown size {extent} takes a stride of 1 only. Received: stride {stride}. "
            "Give that axis of the input a fixed size."
        )
    return steps + -(-constant // stride)


def _windows_infer(
    x: Typed,
    *,
    axes: tuple[int, ...],
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Spec:
    check_axes("windows", axes, len(x.shape))
    for argument, items in (("sizes", sizes), ("strides", strides), ("dilations", dilations)):
        check_positive("windows", argument, items, len(axes), "axis in axes")
    shape = list(x.shape)
    for axis, size, stride, dilation in zip(axes, sizes, strides, dilations):
        shape[axis] = window_count("windows", shape[axis], size, stride, dilation)
    return Spec((*shape, *sizes), x.dtype)


def view_of_windows(
    x: Any, axes: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Any:
    """The windows of a NumPy array as a read-only view of its memory."""
    shape, steps = list(x.shape), list(x.strides)
    for axis, size, stride, dilation in zip(axes, sizes, strides, dilations):
        shape[axis] = int(window_count("windows", shape[axis], size, stride, dilation))  # type: ignore[arg-type]
        steps[axis] *= stride
    taps = [x.strides[axis] * dilation for axis, dilation in zip(axes, dilations)]
    return np.lib.stride_tricks.as_strided(x, (*shape, *sizes), (*steps, *taps), writeable=False)


def _windows_vjp(node: Node, g: Node) -> tuple[Node]:
    return (put_back(g, node.inputs[0].shape, **node.attrs),)


def put_back(
    g: Node,
    shape: Shape,
    axes: Sequence[int],
    sizes: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Node:
    """Puts windows back where they came from in an array of this shape, and adds where they overlap.

    One axis after the other; the rest as for `windows`.
    """
    for axis, size, stride, dilation in reversed(list(zip(axes, sizes, strides, dilations))):
        if stride == size and dilation == 1:
            g = _side_by_side(g, axis)
        else:
            g = _overlapping(g, axis, stride, dilation)
        high: list[Dimension] = [0] * g.rank
        high[axis] = shape[axis] - g.shape[axis]
        g = pad(g, [0] * g.rank, high)
    return g


def _side_by_side(g: Node, axis: int) -> Node:
    """Windows that touch and do not overlap, which the last axis of `g` runs through, one after the other."""
    last = g.rank - 1
    beside = transpose(g, (*range(axis + 1), last, *range(axis + 1, last)))
    return reshape(beside, (*g.shape[:axis], g.shape[axis] * g.shape[last], *g.shape[axis + 1 : last]))


def _overlapping(g: Node, axis: int, stride: int, dilation: int) -> Node:
    """The sum over taps, which the last axis of `g` runs through, each `dilation` further along `axis`."""
    rank = g.rank - 1
    factors = [1] * rank
    factors[axis] = stride
    size = g.shape[rank]
    assert isinstance(size, int)
    total = None
    for tap in range(size):
        part = slice(g, (*[0] * rank, tap), (*g.shape[:rank], tap + 1))
        spread = dilate(reshape(part, g.shape[:rank]), factors)
        low, high = [0] * rank, [0] * rank
        low[axis], high[axis] = tap * dilation, (size - 1 - tap) * dilation
        placed = pad(spread, low, high)
        total = placed if total is None else add(total, placed)
    assert total is not None
    return total


def _windows_lower(
    b: Any,
    index: Sequence[Any],
    x: Any,
    axes: tuple[int, ...],
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Any:
    rank = len(x.shape)
    places = list(index[:rank])
    for axis, tap, stride, dilation in zip(axes, index[rank:], strides, dilations):
        places[axis] = b.add(_scaled(b, places[axis], stride), _scaled(b, tap, dilation))
    return x(tuple(places))


def _scaled(b: Any, place: Any, factor: int) -> Any:
    return place if factor == 1 else b.mul(place, b.const(factor, "int64"))


def _windows_samples() -> Iterator[Sample]:
    for shape, axes, sizes, strides, dilations in [
        ((7,), (0,), (3,), (1,), (1,)), ((8,), (0,), (3,), (2,), (1,)), ((9,), (0,), (2,), (3,), (1,)),
        ((9,), (0,), (3,), (1,), (3,)), ((11,), (0,), (3,), (2,), (2,)), ((7,), (0,), (2,), (2,), (1,)),
        ((2, 5, 6, 3), (1, 2), (3, 3), (1, 1), (1, 1)), ((1, 7, 5, 2), (1, 2), (3, 2), (2, 2), (1, 1)),
        ((2, 7, 6, 2), (1, 2), (2, 3), (2, 3), (1, 1)), ((4, 3, 4, 5), (1, 2, 3), (2, 1, 3), (1, 2, 2), (2, 1, 1)),
        ((0, 5), (1,), (2,), (1,), (1,)), ((1,), (0,), (1,), (1,), (1,)), ((3, 4), (), (), (), ()),
    ]:  # fmt: skip
        yield Sample((values(shape),), {"axes": axes, "sizes": sizes, "strides": strides, "dilations": dilations})
    pairs = {"axes": (1,), "sizes": (2,), "strides": (1,), "dilations": (1,)}
    for dtype in available(["bool", "int8", "bfloat16"]):
        yield Sample((values((2, 5), dtype),), pairs, False)
    yield Sample((strided((3, 4)),), pairs)


WINDOWS = Primitive(
    "windows", "movement",
    infer=_windows_infer,
    numpy=view_of_windows,
    vjp=_windows_vjp,
    lower=_windows_lower,
    samples=_windows_samples,
)  # fmt: skip


def windows(
    x: Node, axes: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Node:
    """Every window along some axes: `out[.., o, .., k] = x[.., o*stride + k*dilation, ..]`.

    Args:
        axes: ascending; in each of them the place of a window takes the place of the elements.
        sizes: elements of a window, for each of `axes`; these axes come last, in their order.
        strides: from one window to the next; dilations: from one element of a window to the next.
    """
    if not axes:
        return x
    return apply(WINDOWS, x, axes=tuple(axes), sizes=tuple(sizes), strides=tuple(strides), dilations=tuple(dilations))


def interleaved(parts: Sequence[Node], strides: Sequence[int]) -> Node:
    """Puts arrays that hold every `stride`-th place of the spatial axes, each from its own first place, together.

    Args:
        parts: of shape (rows, *spatial, channels), one for each first place, the last axis's fastest.
    """
    if len(parts) == 1:
        return parts[0]
    rows, *counts, channels = parts[0].shape
    spatial = len(strides)
    stacked = concatenate(*(reshape(part, (1, *part.shape)) for part in parts), axis=0)
    apart = reshape(stacked, (*strides, rows, *counts, channels))
    order = [spatial, *(axis for k in range(spatial) for axis in (spatial + 1 + k, k)), 2 * spatial + 1]
    joined = [count * stride for count, stride in zip(counts, strides)]
    return reshape(transpose(apart, order), (rows, *joined, channels))


# --- dilate ----------------------------------------------------------------------------------------------------------


def _dilate_infer(x: Typed, *, factors: tuple[int, ...]) -> Spec:
    check_positive("dilate", "factors", factors, len(x.shape), "axis of x")
    return Spec(tuple(_dilated(x, axis, factor) for axis, factor in enumerate(factors)), x.dtype)


def _dilated(x: Typed, axis: int, factor: int) -> Dimension:
    size = x.shape[axis]
    if factor == 1 or size == 0:
        return size
    if not surely_not_negative(size - 1):
        raise ShapeError(
            f"dilate: an axis of unknown size that may be 0 cannot be dilated. Received: factor {factor} for axis "
            f"{axis} of x {describe(x)}. Give that axis a fixed size."
        )
    return (size - 1) * factor + 1


def _dilate_numpy(x: Any, factors: Sequence[int]) -> Any:
    result = np.zeros([(size - 1) * factor + 1 if size else 0 for size, factor in zip(x.shape, factors)], x.dtype)
    result[tuple(np.s_[::factor] for factor in factors)] = x
    return result


def _dilate_vjp(node: Node, g: Node) -> tuple[Node]:
    return (slice(g, [0] * g.rank, g.shape, node.attrs["factors"]),)


def _dilate_lower(b: Any, index: Sequence[Any], x: Any, factors: tuple[int, ...]) -> Any:
    """Reads the element at or before each place, and keeps it only where it is at the place."""
    found, places = None, []
    for i, factor in zip(index, factors):
        if factor == 1:
            places.append(i)
            continue
        step = b.const(factor, "int64")
        places.append(b.floordiv(i, step))
        here = b.eq(b.rem(i, step), b.const(0, "int64"))
        found = here if found is None else b.bit_and(found, here)
    element = x(tuple(places))
    return element if found is None else b.select(found, element, b.const(0, element.dtype))


def _dilate_samples() -> Iterator[Sample]:
    for shape, factors in [
        ((4,), (2,)), ((3, 4), (2, 3)), ((3, 2), (1, 2)), ((2, 3, 2), (1, 4, 1)), ((1,), (5,)), ((), ()),
        ((0, 2), (3, 2)), ((3,), (1,)),
    ]:  # fmt: skip
        yield Sample((values(shape),), {"factors": factors})
    for dtype in available(["bool", "int8", "bfloat16"]):
        yield Sample((values((2, 3), dtype),), {"factors": (2, 1)}, False)
    yield Sample((strided((3, 4)),), {"factors": (1, 2)})


DILATE = Primitive(
    "dilate", "movement",
    infer=_dilate_infer,
    numpy=_dilate_numpy,
    vjp=_dilate_vjp,
    lower=_dilate_lower,
    samples=_dilate_samples,
)  # fmt: skip


def dilate(x: Node, factors: Sequence[int]) -> Node:
    """`x` with `factors[k] - 1` zeros between neighbours along axis k; an extent d becomes `(d - 1)*factor + 1`."""
    return x if set(factors) <= {1} else apply(DILATE, x, factors=tuple(factors))
