"""Primitives that cut and join: slice, pad, concatenate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dim, Dimension, Shape, divide
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import (
    Typed,
    check_axis,
    check_same_dtype,
    describe,
    dimension_scalar,
    refuse,
    surely_not_negative,
)
from lamina.primitives.movement import reshape
from lamina.primitives.samples import available, strided, values

_slice = slice

# --- slice -----------------------------------------------------------------------------------------------------------


def _slice_infer(x: Typed, *, start: Shape, stop: Shape, step: tuple[int, ...]) -> Spec:
    if not all(isinstance(t, tuple) and len(t) == len(x.shape) for t in (start, stop, step)):
        raise ShapeError(
            f"slice: start, stop and step must be tuples with an entry for each axis of x {describe(x)}. "
            f"Received: {start!r}, {stop!r}, {step!r}."
        )
    return Spec(tuple(_sliced(axis, *part) for axis, part in enumerate(zip(x.shape, start, stop, step))), x.dtype)


def _sliced(axis: int, size: Dimension, start: Dimension, stop: Dimension, step: int) -> Dimension:
    """The size that is left of an axis."""
    if not isinstance(step, int) or step < 1:
        raise ShapeError(f"slice: step must be at least 1. Received: {step!r} for axis {axis}. Use reverse to go back.")
    if not all(surely_not_negative(d) for d in (start, stop - start, size - stop)):
        raise ShapeError(
            f"slice: 0 <= start <= stop <= size must hold. Received: start {start}, stop {stop} for axis {axis} of "
            f"size {size}." + (" Give the unknown dimension a fixed size." if isinstance(size, Dim) else "")
        )
    length = stop - start
    exact = divide(length, step)
    return exact if exact is not None else (length + step - 1) // step


def _slice_vjp(node: Node, g: Node) -> tuple[Node]:
    """Zeros around the gradient, and between its elements where the step is more than 1."""
    x, attrs = node.inputs[0], node.attrs
    for axis, (start, step) in enumerate(zip(attrs["start"], attrs["step"])):
        room = x.shape[axis] - start
        if step > 1:
            g = _spread(g, axis, step, room)
        low, high = [0] * g.rank, [0] * g.rank
        low[axis], high[axis] = start, room - g.shape[axis]
        g = pad(g, low, high, 0)
    return (g,)


def _spread(x: Node, axis: int, step: int, room: Dimension) -> Node:
    """Puts `step - 1` zeros after each element along an axis, and cuts what goes beyond `room`."""
    apart = reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
    high = [0] * apart.rank
    high[axis + 1] = step - 1
    sizes = list(x.shape)
    sizes[axis] = sizes[axis] * step
    spread = reshape(pad(apart, [0] * apart.rank, high, 0), sizes)
    if surely_not_negative(room - sizes[axis]):
        return spread
    sizes[axis] = room
    return slice(spread, [0] * x.rank, sizes, [1] * x.rank)


def _slice_lower(b: Any, index: Sequence[Any], x: Any, start: Shape, stop: Shape, step: tuple[int, ...]) -> Any:
    places = []
    for i, first, stride in zip(index, start, step):
        scaled = i if stride == 1 else b.mul(i, b.const(stride, "int64"))
        places.append(scaled if first == 0 else b.add(scaled, dimension_scalar(b, first)))
    return x(tuple(places))


def _slice_samples() -> Iterator[Sample]:
    for shape, start, stop, step in [
        ((4, 5), (1, 0), (3, 5), (1, 1)), ((7,), (1,), (7,), (2,)), ((7, 3), (0, 0), (7, 3), (3, 2)), ((), (), (), ()),
        ((8,), (2,), (2,), (1,)), ((8, 2), (1, 1), (6, 2), (3, 1)), ((0,), (0,), (0,), (1,)), ((1,), (0,), (1,), (5,)),
    ]:  # fmt: skip
        yield Sample((values(shape),), {"start": start, "stop": stop, "step": step})
    for dtype in available(["bool", "int64", "float16"]):
        yield Sample((values((4, 5), dtype),), {"start": (0, 1), "stop": (4, 4), "step": (2, 1)}, False)
    yield Sample((strided((3, 4)),), {"start": (1, 1), "stop": (3, 4), "step": (1, 2)})


SLICE = Primitive(
    "slice", "movement",
    infer=_slice_infer,
    numpy=lambda x, start, stop, step: x[tuple(_slice(*part) for part in zip(start, stop, step))],
    vjp=_slice_vjp,
    lower=_slice_lower,
    samples=_slice_samples,
)  # fmt: skip


def slice(x: Node, start: Sequence[Dimension], stop: Sequence[Dimension], step: Sequence[int] | None = None) -> Node:
    """Every `step`-th element from `start` up to `stop`, for each axis; steps are at least 1, None for all 1."""
    step = (1,) * x.rank if step is None else tuple(step)
    if all(s == 0 for s in start) and tuple(stop) == x.shape and set(step) <= {1}:
        return x
    return apply(SLICE, x, start=tuple(start), stop=tuple(stop), step=step)


# --- pad -------------------------------------------------------------------------------------------------------------


def _pad_infer(x: Typed, *, low: Shape, high: Shape, value: Any) -> Spec:
    for argument, widths in (("low", low), ("high", high)):
        if not isinstance(widths, tuple) or len(widths) != len(x.shape) or not all(map(surely_not_negative, widths)):
            raise ShapeError(
                f"pad: {argument} must be a tuple with a non-negative entry for each axis of x {describe(x)}. "
                f"Received: {widths!r}."
            )
    if not isinstance(value, (bool, int, float)):
        raise ArgumentError(f"pad: value must be a Python number. Received: {value!r}.")
    return Spec(tuple(size + before + after for size, before, after in zip(x.shape, low, high)), x.dtype)


def _pad_numpy(x: Any, low: Sequence[int], high: Sequence[int], value: Any) -> Any:
    result = np.full([a + b + c for a, b, c in zip(x.shape, low, high)], value, x.dtype)
    result[tuple(_slice(first, first + size) for first, size in zip(low, x.shape))] = x
    return result


def _pad_vjp(node: Node, g: Node) -> tuple[Node]:
    low, x = node.attrs["low"], node.inputs[0]
    return (slice(g, low, [first + size for first, size in zip(low, x.shape)]),)


def _pad_lower(b: Any, index: Sequence[Any], x: Any, low: Shape, high: Shape, value: Any) -> Any:
    """Reads inside of the operand always, at the nearest place, and keeps that only where it is the right place."""
    inside, places = None, []
    for i, before, size, after in zip(index, low, x.shape, high):
        place = i if before == 0 else b.sub(i, dimension_scalar(b, before))
        if before != 0 or after != 0:
            here = _within(b, place, size)
            inside = here if inside is None else b.bit_and(inside, here)
            place = _clamp(b, place, size)
        places.append(place)
    element = x(tuple(places))
    return element if inside is None else b.select(inside, element, b.const(value, element.dtype))


def _within(b: Any, place: Any, size: Dimension) -> Any:
    return b.bit_and(b.ge(place, b.const(0, "int64")), b.lt(place, dimension_scalar(b, size)))


def _clamp(b: Any, place: Any, size: Dimension) -> Any:
    last = b.sub(dimension_scalar(b, size), b.const(1, "int64"))
    return b.max(b.min(place, last), b.const(0, "int64"))


def _pad_samples() -> Iterator[Sample]:
    for shape, low, high, value in [
        ((2, 3), (1, 0), (0, 2), 0), ((3,), (2,), (2,), 1.5), ((), (), (), 0), ((1,), (0,), (3,), -1.0),
        ((2, 2), (0, 0), (0, 0), 0), ((2, 3, 2), (0, 1, 2), (1, 0, 0), 0.0),
    ]:  # fmt: skip
        yield Sample((values(shape),), {"low": low, "high": high, "value": value})
    yield Sample((values((0,)),), {"low": (1,), "high": (2,), "value": 7}, False)
    for dtype in available(["bool", "int8", "bfloat16"]):
        yield Sample((values((2, 3), dtype),), {"low": (1, 1), "high": (0, 1), "value": 1}, False)
    yield Sample((strided((3, 4)),), {"low": (1, 0), "high": (1, 1), "value": 0.0})


PAD = Primitive(
    "pad", "movement",
    infer=_pad_infer,
    numpy=_pad_numpy,
    vjp=_pad_vjp,
    lower=_pad_lower,
    samples=_pad_samples,
)  # fmt: skip


def pad(x: Node, low: Sequence[Dimension], high: Sequence[Dimension], value: Any = 0) -> Node:
    """`x` with `low[k]` elements of `value` before it and `high[k]` after it along axis k."""
    if all(width == 0 for width in (*low, *high)):
        return x
    return apply(PAD, x, low=tuple(low), high=tuple(high), value=value)


# --- concatenate -----------------------------------------------------------------------------------------------------


def _concatenate_infer(*xs: Typed, axis: int) -> Spec:
    if not xs:
        raise ArgumentError("concatenate: at least one operand is needed. Received: none.")
    names = [f"xs[{k}]" for k in range(len(xs))]
    check_axis("concatenate", axis, len(xs[0].shape))
    check_same_dtype("concatenate", names, xs)
    others = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs}
    if len(others) > 1 or len({len(x.shape) for x in xs}) > 1:
        rule = f"must have one shape but for axis {axis}"
        refuse(ShapeError, "concatenate", names, rule, xs, "Reshape or pad them first.")
    joined: Dimension = 0
    for x in xs:
        joined = x.shape[axis] + joined
    return Spec((*xs[0].shape[:axis], joined, *xs[0].shape[axis + 1 :]), xs[0].dtype)


def _concatenate_vjp(node: Node, g: Node) -> list[Node]:
    axis = node.attrs["axis"]
    parts, first = [], 0
    for x in node.inputs:
        start, stop = [0] * g.rank, list(g.shape)
        start[axis], stop[axis] = first, first + x.shape[axis]
        parts.append(slice(g, start, stop))
        first = stop[axis]
    return parts


def _concatenate_lower(b: Any, index: Sequence[Any], *xs: Any, axis: int) -> Any:
    ends: list[Dimension] = []
    for x in xs:
        ends.append(x.shape[axis] + (ends[-1] if ends else 0))
    result = None
    for x, end in reversed([(x, end) for x, end in zip(xs, ends) if x.shape[axis] != 0] or [(xs[0], ends[0])]):
        place = b.sub(index[axis], dimension_scalar(b, end - x.shape[axis]))
        element = x((*index[:axis], _clamp(b, place, x.shape[axis]), *index[axis + 1 :]))
        result = element if result is None else b.select(b.lt(index[axis], dimension_scalar(b, end)), element, result)
    return result


def _concatenate_samples() -> Iterator[Sample]:
    for sizes, axis in [((2, 3), 0), ((1, 4, 2), 1), ((3,), 0), ((0, 2), 0), ((0, 0), 1)]:
        operands = [values((n, 3) if axis == 0 else (2, n), seed=k) for k, n in enumerate(sizes)]
        yield Sample(tuple(operands), {"axis": axis})
    yield Sample((values((1,)), values((1,), seed=1)), {"axis": 0})
    for dtype in available(["bool", "uint8", "float16"]):
        yield Sample((values((2,), dtype), values((3,), dtype)), {"axis": 0}, False)
    yield Sample((strided((3, 4)), values((3, 1))), {"axis": 1})


CONCATENATE = Primitive(
    "concatenate", "movement",
    infer=_concatenate_infer,
    numpy=lambda *xs, axis: np.concatenate(xs, axis),
    vjp=_concatenate_vjp,
    lower=_concatenate_lower,
    samples=_concatenate_samples,
)  # fmt: skip


def concatenate(*xs: Node, axis: int) -> Node:
    """The operands one after the other along an axis."""
    return xs[0] if len(xs) == 1 else apply(CONCATENATE, *xs, axis=axis)
