"""The same elements in another shape or order: reshape, transpose, join, split, pad, repeat."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import Dimension, divide, element_count, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops import core
from lamina.ops.core import apply, cast, convert, fill_in, normal_axes, normal_axis, normal_shape, positive
from lamina.tensor.arithmetic import mod, subtract
from lamina.tensor.tensor import Tensor


def reshape(x: Any, newshape: Any) -> Tensor:
    """`x` in another shape of as many elements; one dimension may be -1, whatever is left."""
    x = convert(x)
    target = newshape if isinstance(newshape, (tuple, list)) else (newshape,)
    return positive(core.reshape(x, fill_in("reshape", tuple(x.dims), target)))


def ravel(x: Any) -> Tensor:
    """All elements along one axis."""
    return reshape(x, (-1,))


flatten = ravel


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axis k of the result is axis `axes[k]` of `x`; None turns the order round."""
    x = convert(x)
    rank = len(x.dims)
    order = tuple(range(rank))[::-1] if axes is None else tuple(normal_axis("transpose", a, rank) for a in axes)
    if sorted(order) != list(range(rank)):
        raise ShapeError(f"transpose: axes must name each of the {rank} axes once. Received: {tuple(axes or ())}.")
    return positive(x) if order == tuple(range(rank)) else apply(P.TRANSPOSE, x, axes=order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes exchanged."""
    x = convert(x)
    rank = len(x.dims)
    order = list(range(rank))
    a, b = normal_axis("swapaxes", axis1, rank), normal_axis("swapaxes", axis2, rank)
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`x` with axes moved to other places; the rest keep their order."""
    x = convert(x)
    rank = len(x.dims)
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise ArgumentError(f"moveaxis: as many sources as destinations. Received: {source} and {destination}.")
    moves = sorted(
        zip((normal_axis("moveaxis", t, rank) for t in targets), (normal_axis("moveaxis", s, rank) for s in sources))
    )
    order = [axis for axis in range(rank) if axis not in {s for _, s in moves}]
    for target, axis in moves:
        order.insert(target, axis)
    return transpose(x, order)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Tensor:
    """`x` with new axes of size 1 at these places of the result."""
    x = convert(x)
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = len(x.dims) + len(given)
    places = normal_axes("expand_dims", given, rank)
    sizes = iter(x.dims)
    return positive(core.reshape(x, tuple(1 if i in places else next(sizes) for i in range(rank))))


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """`x` without axes of size 1: those named, or all.

    Raises:
        ShapeError: if a named axis has another size.
    """
    x = convert(x)
    if axis is None:
        places = tuple(i for i, d in enumerate(x.dims) if d == 1)
    else:
        places = normal_axes("squeeze", axis, len(x.dims))
    wrong = [i for i in places if x.dims[i] != 1]
    if wrong:
        raise ShapeError(f"squeeze: axis {wrong[0]} has size {x.dims[wrong[0]]}, not 1, in {format_shape(x.dims)}.")
    return positive(core.reshape(x, tuple(d for i, d in enumerate(x.dims) if i not in places)))


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated along new leading axes and axes of size 1."""
    return positive(core.broadcast_to(convert(x), normal_shape("broadcast_to", shape)))


def _common(name: str, xs: Any) -> list[Any]:
    tensors = [convert(x) for x in xs]
    if not tensors:
        raise ArgumentError(f"{name}: needs at least one tensor. Received: none.")
    common = dtypes.promote(*[t.dtype for t in tensors])
    return [cast(t, common) for t in tensors]


def concatenate(xs: Any, axis: int | None = 0) -> Tensor:
    """Tensors one after the other along an axis; None for all elements in one row."""
    tensors = _common("concatenate", xs)
    if axis is None:
        tensors, axis = [ravel(t) for t in tensors], 0
    return apply(P.CONCATENATE, *tensors, axis=normal_axis("concatenate", axis, len(tensors[0].dims)))


def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """`x2` behind `x1`."""
    return concatenate([x1, x2], axis)


def stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    tensors = _common("stack", x)
    shapes = {tuple(t.dims) for t in tensors}
    if len(shapes) > 1:
        raise ShapeError(f"stack: tensors must have one shape. Received: {', '.join(map(format_shape, shapes))}.")
    return concatenate([expand_dims(t, axis) for t in tensors], normal_axis("stack", axis, len(tensors[0].dims) + 1))


def hstack(xs: Any) -> Tensor:
    """Tensors side by side: along axis 1, or 0 for vectors."""
    tensors = [_at_least(convert(x), 1) for x in xs]
    return concatenate(tensors, 0 if len(tensors[0].dims) == 1 else 1)


def vstack(xs: Any) -> Tensor:
    """Tensors below each other: along axis 0, vectors as rows."""
    return concatenate([_at_least(convert(x), 2) for x in xs], 0)


def dstack(xs: Any) -> Tensor:
    """Tensors behind each other: along axis 2."""
    tensors = [_at_least(convert(x), 2) for x in xs]
    return concatenate([expand_dims(t, -1) if len(t.dims) == 2 else t for t in tensors], 2)


def _at_least(x: Any, rank: int) -> Any:
    return core.reshape(x, (1,) * (rank - len(x.dims)) + tuple(x.dims)) if len(x.dims) < rank else x


def cut(x: Any, axis: int, start: Dimension, stop: Dimension) -> Tensor:
    """The part of `x` from `start` to `stop` along an axis that is counted from the front."""
    low: list[Dimension] = [0] * len(x.dims)
    high = list(x.dims)
    low[axis], high[axis] = start, stop
    return apply(P.SLICE, x, start=tuple(low), stop=tuple(high), step=(1,) * len(low))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts of `x` along an axis.

    Args:
        indices_or_sections: the number of equal parts, or the places where to cut.

    Raises:
        ShapeError: if the size cannot be cut into so many equal parts.
    """
    x = convert(x)
    axis = normal_axis("split", axis, len(x.dims))
    size = x.dims[axis]
    if isinstance(indices_or_sections, int):
        part = divide(size, indices_or_sections)
        if part is None:
            raise ShapeError(f"split: axis {axis} of size {size} cannot be cut into {indices_or_sections} equal parts.")
        bounds: list[Any] = [part * i for i in range(indices_or_sections)] + [size]
    else:
        bounds = [0, *[int(i) for i in indices_or_sections], size]
        if isinstance(size, int):
            bounds = [0, *[min(size, i if i >= 0 else max(size + i, 0)) for i in bounds[1:-1]], size]
    return [cut(x, axis, a, max(a, b) if isinstance(size, int) else b) for a, b in itertools.pairwise(bounds)]


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """As `split`, with parts of nearly equal size where the number does not divide."""
    x = convert(x)
    size = x.dims[normal_axis("array_split", axis, len(x.dims))]
    if isinstance(indices_or_sections, int) and isinstance(size, int):
        small, larger = divmod(size, indices_or_sections)
        sizes = [small + 1] * larger + [small] * (indices_or_sections - larger)
        indices_or_sections = np.cumsum(sizes)[:-1].tolist()
    return split(x, indices_or_sections, axis)


def hsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 1, or 0 of a vector."""
    x = convert(x)
    return split(x, indices_or_sections, 0 if len(x.dims) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 0."""
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 2."""
    return split(x, indices_or_sections, 2)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The entries along an axis, as a list of tensors without it."""
    x = convert(x)
    axis = normal_axis("unstack", axis, len(x.dims))
    size = x.dims[axis] if num is None else num
    if not isinstance(size, int):
        raise ShapeError(f"unstack: the size of axis {axis} must be known. Received: {format_shape(x.dims)}.")
    return [squeeze(cut(x, axis, i, i + 1), axis) for i in range(size)]


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """`x` with the order along axes turned round; None for all."""
    x = convert(x)
    axes = normal_axes("flip", axis, len(x.dims))
    return apply(P.REVERSE, x, axes=axes) if axes else positive(x)


def fliplr(x: Any) -> Tensor:
    """`x` turned round along axis 1."""
    return flip(x, 1)


def flipud(x: Any) -> Tensor:
    """`x` turned round along axis 0."""
    return flip(x, 0)


def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """`array` turned by `k` right angles, from the first of `axes` towards the second."""
    x = convert(array)
    a, b = (normal_axis("rot90", axis, len(x.dims)) for axis in axes)
    turns = k % 4
    if turns == 0:
        return positive(x)
    if turns == 2:
        return flip(x, (a, b))
    return swapaxes(flip(x, b), a, b) if turns == 1 else flip(swapaxes(x, a, b), b)


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """`x` with elements moved along axes; what leaves at the end comes in at the front."""
    x = convert(x)
    if axis is None:
        return core.reshape(roll(ravel(x), shift, 0), tuple(x.dims))  # type: ignore[return-value]
    shifts = [shift] if isinstance(shift, int) else list(shift)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    for amount, place in zip(shifts, axes, strict=True):
        x = _roll_one(x, amount, normal_axis("roll", place, len(x.dims)))
    return positive(x)


def _roll_one(x: Any, amount: int, axis: int) -> Any:
    size = x.dims[axis]
    if not isinstance(size, int):
        places = mod(subtract(apply(P.IOTA, shape=(size,), dtype="int64", axis=0), amount), convert(size))
        return apply(P.TAKE, x, places, axis=axis)
    amount = amount % size if size else 0
    if amount == 0:
        return x
    return concatenate([cut(x, axis, size - amount, size), cut(x, axis, 0, size - amount)], axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """`x` with elements added at its edges.

    Args:
        pad_width: `(before, after)` for every axis, one such pair for all axes, or one number.
        mode: `"constant"`, `"reflect"`, `"symmetric"` or `"edge"`.
        constant_values: the number to fill with, 0 by default; only with `"constant"`.
    """
    x = convert(x)
    widths = _pad_widths(pad_width, len(x.dims))
    if mode == "constant":
        value = 0 if constant_values is None else _fill_number(constant_values)
        if all(w == (0, 0) for w in widths):
            return positive(x)
        return apply(P.PAD, x, low=tuple(a for a, _ in widths), high=tuple(b for _, b in widths), value=value)
    if constant_values is not None:
        raise ArgumentError(f"pad: constant_values only goes with mode='constant'. Received: mode={mode!r}.")
    if mode not in ("reflect", "symmetric", "edge"):
        raise ArgumentError(f"pad: mode must be 'constant', 'reflect', 'symmetric' or 'edge'. Received: {mode!r}.")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = _pad_axis(x, axis, before, after, mode)
    return positive(x)


def _fill_number(value: Any) -> Any:
    return value if type(value) in (bool, int, float) else convert(value).numpy().item()


def _pad_widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    widths = [(w, w) if isinstance(w, int) else tuple(int(n) for n in w) for w in pad_width]
    if all(isinstance(w, int) for w in pad_width) and len(pad_width) == 2:
        widths = [(int(pad_width[0]), int(pad_width[1]))]
    widths = [(w[0], w[-1]) for w in widths]
    widths = widths * rank if len(widths) == 1 else widths
    if len(widths) != rank or any(n < 0 for w in widths for n in w):
        raise ShapeError(f"pad: expected a pair (before, after), not negative, for {rank} axes. Received: {pad_width}.")
    return widths  # type: ignore[return-value]


def _pad_axis(x: Any, axis: int, before: int, after: int, mode: str) -> Tensor:
    size = x.dims[axis]
    if not isinstance(size, int) or (size < 2 and mode == "reflect") or size < 1:
        raise ShapeError(f"pad: mode {mode!r} needs a known, large enough axis {axis}. Received: size {size}.")
    places = np.pad(np.arange(size), (before, after), mode=mode)  # type: ignore[call-overload]
    return apply(P.TAKE, x, Tensor.of_array(places), axis=axis)


def tile(x: Any, repeats: int | Sequence[int]) -> Tensor:
    """`x` laid side by side so many times along each axis."""
    x = convert(x)
    counts = [repeats] if isinstance(repeats, int) else [int(r) for r in repeats]
    rank = max(len(counts), len(x.dims))
    counts = [1] * (rank - len(counts)) + counts
    dims = (1,) * (rank - len(x.dims)) + tuple(x.dims)
    x = core.reshape(x, tuple(n for d in dims for n in (1, d)))
    x = core.broadcast_to(x, tuple(n for c, d in zip(counts, dims) for n in (c, d)))
    return positive(core.reshape(x, tuple(d * c for c, d in zip(counts, dims))))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Every entry of `x` along an axis so many times in a row.

    Args:
        repeats: one number, or a number for every entry (known while tracing).
        axis: None for all elements in one row.
    """
    x = convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normal_axis("repeat", axis, len(x.dims))
    if isinstance(repeats, int):
        dims = tuple(x.dims)
        x = core.reshape(x, (*dims[: axis + 1], 1, *dims[axis + 1 :]))
        x = core.broadcast_to(x, (*dims[: axis + 1], repeats, *dims[axis + 1 :]))
        return positive(core.reshape(x, (*dims[:axis], dims[axis] * repeats, *dims[axis + 1 :])))
    counts = convert(repeats).numpy()
    places = np.repeat(np.arange(x.dims[axis]), counts)
    return apply(P.TAKE, x, Tensor.of_array(places), axis=axis)


def size(x: Any) -> Any:
    """The number of elements: an int, or a `Dim` where it is not known while tracing."""
    return element_count(convert(x).dims)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(convert(x).dims)


__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "dsplit", "dstack", "expand_dims", "flatten", "flip",
    "fliplr", "flipud", "hsplit", "hstack", "moveaxis", "ndim", "pad", "ravel", "repeat", "reshape", "roll",
    "rot90", "size", "split", "squeeze", "stack", "swapaxes", "tile", "transpose", "unstack", "vsplit", "vstack",
]  # fmt: skip
