"""`x[...]` with NumPy's meaning: integers, slices, None, Ellipsis, integer arrays and boolean masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base.dims import Dim, Dimension, divide, element_count, format_shape
from lamina.base.errors import DTypeError, IndexRangeError, ShapeError, TraceError
from lamina.tensor.arithmetic import add, broadcast_shapes, broadcast_to, cast, convert, less, multiply, reshape
from lamina.tensor.convert import as_read
from lamina.tensor.dispatch import Operand, apply
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor
from lamina.tensor.variable import Variable


def get_item(x: Operand, key: Any) -> Any:
    """The part of `x` that `key` selects, as a new tensor."""
    if type(x) is Tensor and x._array is not None and not state.busy and _is_plain(key):
        try:
            return Tensor.of_array(np.asarray(x._array[key]))
        except IndexError as error:
            raise IndexRangeError(f"{error}, in a tensor of shape {x.shape}.") from None
    x = as_read(x)
    parts = _expand(x, key if isinstance(key, tuple) else (key,))
    if any(isinstance(part, (Tensor, Variable)) for part in parts):
        parts = [convert(p) if isinstance(p, int) else p for p in parts]
    parts = _open_axes_taken(x, parts)
    x, parts = _basic(x, parts)
    return _advanced(x, parts) if any(not isinstance(p, slice) for p in parts) else x


def _is_plain(key: Any) -> bool:
    """Whether a key holds only ints, slices of ints, None and Ellipsis."""
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice:
            if not all(type(p) in (int, type(None)) for p in (part.start, part.stop, part.step)):
                return False
        elif type(part) is not int and part is not None and part is not Ellipsis:
            return False
    return True


def _expand(x: Operand, key: tuple[Any, ...]) -> list[Any]:
    """The key as a list of ints, slices, None and integer tensors, that covers every axis of `x`."""
    parts: list[Any] = []
    for part in key:
        parts += _normal_part(part)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > len(x.dims):
        raise IndexRangeError(f"{used} indices are too many for a tensor of shape {format_shape(x.dims)}.")
    missing = [slice(None)] * (len(x.dims) - used)
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise IndexRangeError("An index can hold only one Ellipsis ('...').")
    at = dots[0] if dots else len(parts)
    return parts[:at] + missing + parts[at + 1 :]


def _open_axes_taken(x: Operand, parts: list[Any]) -> list[Any]:
    """Turns ints along axes of unknown size into tensors, whose range is checked when the program runs."""
    sizes = iter(x.dims)
    result = []
    for part in parts:
        size = None if part is None else next(sizes)
        result.append(convert(part) if isinstance(part, int) and isinstance(size, Dim) else part)
    return result


def _normal_part(part: Any) -> list[Any]:
    if part is None or part is Ellipsis or isinstance(part, slice):
        return [part]
    if isinstance(part, (int, np.integer)) and not isinstance(part, (bool, np.bool_)):
        return [int(part)]
    if isinstance(part, Dim):
        raise IndexRangeError(f"The unknown dimension {part} cannot be an index; use it in a slice, or use take.")
    index = convert(part)
    if index.dtype == "bool":
        if index._array is None or isinstance(index, Variable):
            raise TraceError(
                "A boolean mask that is not known while tracing gives a shape that is not known. Use lamina.ops.where, "
                "or multiply by the mask."
            )
        if not index.ndim:
            raise DTypeError("A single bool cannot be an index. Use None to add an axis.")
        return [Tensor.of_array(places) for places in np.nonzero(index._array)]
    if "int" not in index.dtype:
        raise DTypeError(f"Indices must be integers, slices or masks of bools. Received: {index.dtype}.")
    return [index]


def _basic(x: Operand, parts: list[Any]) -> tuple[Tensor, list[Any]]:
    """Applies slices, ints and None; what is left are full slices and integer tensors, one for each axis."""
    start: list[Dimension] = []
    stop: list[Dimension] = []
    step: list[int] = []
    turned: list[int] = []
    for part in parts:
        if part is None:
            continue
        axis = len(start)
        size = x.dims[axis]
        if isinstance(part, int):
            first, last, stride, backwards = _one(part, size, axis)
        elif isinstance(part, slice):
            first, last, stride, backwards = _range(part, size)
        else:
            first, last, stride, backwards = 0, size, 1, False
        start.append(first)
        stop.append(last)
        step.append(stride)
        turned += [axis] if backwards else []
    whole = all(s == 0 for s in start) and tuple(stop) == x.dims and set(step) <= {1}
    result: Any = x if whole else apply(P.SLICE, x, start=tuple(start), stop=tuple(stop), step=tuple(step))
    if turned:
        result = apply(P.REVERSE, result, axes=tuple(turned))
    return _reshaped(x, result, parts)


def _reshaped(x: Operand, result: Any, parts: list[Any]) -> tuple[Tensor, list[Any]]:
    sizes = iter(result.dims)
    shape: list[Dimension] = []
    left: list[Any] = []
    for part in parts:
        size = 1 if part is None else next(sizes)
        if isinstance(part, int):
            continue
        shape.append(size)
        left.append(slice(None) if part is None or isinstance(part, slice) else part)
    result = reshape(result, tuple(shape))
    return (result.value if isinstance(result, Variable) and all(isinstance(p, slice) for p in left) else result), left


def _one(index: int, size: Dimension, axis: int) -> tuple[Dimension, Dimension, int, bool]:
    assert isinstance(size, int)
    if not -size <= index < size:
        raise IndexRangeError(f"Index {index} is out of range for axis {axis} of size {size}.")
    first = index % size
    return first, first + 1, 1, False


def _range(part: slice, size: Dimension) -> tuple[Dimension, Dimension, int, bool]:
    """Start, stop and step upwards, and whether the result is to be turned round."""
    if isinstance(size, int) and not any(isinstance(p, Dim) for p in (part.start, part.stop)):
        first, last, step = part.indices(size)
        count = len(range(first, last, step))
        if step > 0:
            return first, max(first, last), step, False
        low = first + (count - 1) * step
        return (low, first + 1, -step, True) if count else (0, 0, 1, False)
    return _open_range(part, size)


def _open_range(part: slice, size: Dimension) -> tuple[Dimension, Dimension, int, bool]:
    """A slice of an axis of unknown size: only bounds that surely lie within it."""
    step = 1 if part.step is None else int(part.step)
    if step < 0 and part.start is None and part.stop is None:
        extra = divide(size - 1, -step) if step != -1 else 0
        if extra is None:
            raise ShapeError(f"A step of {step} back over an axis of unknown size ({size}) is not supported.")
        return 0, size, -step, True
    first: Dimension = 0 if part.start is None else _bound(part.start, size)
    last = size if part.stop is None else _bound(part.stop, size)
    if step < 1:
        raise ShapeError(f"A slice with step {step} and bounds over an axis of unknown size ({size}) is not supported.")
    return first, last, step, False


def _bound(bound: Any, size: Dimension) -> Dimension:
    if isinstance(bound, Dim):
        return bound
    return size + int(bound) if int(bound) < 0 else int(bound)


def _advanced(x: Operand, parts: list[Any]) -> Tensor:
    """Integer tensors: as one `take` on the axes that they index, joined to one axis."""
    axes = [i for i, part in enumerate(parts) if not isinstance(part, slice)]
    if len(axes) == 1:
        return take(x, parts[axes[0]], axes[0])
    shape = broadcast_shapes("indexing", *[parts[i].dims for i in axes])
    sizes = [x.dims[i] for i in axes]
    place: Any = None
    for position, axis in enumerate(axes):
        stride = element_count(sizes[position + 1 :])
        offset = _offsets(parts[axis], sizes[position], stride)
        offset = broadcast_to(offset, shape)
        place = offset if place is None else add(place, offset)
    others = [i for i in range(len(parts)) if i not in axes]
    front = apply(P.TRANSPOSE, x, axes=(*axes, *others))
    joined = reshape(front, (element_count(sizes), *[x.dims[i] for i in others]))
    result = apply(P.TAKE, joined, place, axis=0)
    if axes != list(range(axes[0], axes[0] + len(axes))) or not axes[0]:
        return result
    return _move_front(result, len(shape), axes[0])


def _move_front(x: Tensor, count: int, before: int) -> Tensor:
    """Moves the first `count` axes behind the `before` axes that follow them."""
    order = [*range(count, count + before), *range(count), *range(count + before, len(x.dims))]
    return apply(P.TRANSPOSE, x, axes=tuple(order))


def _offsets(index: Operand, size: Dimension, stride: Dimension) -> Tensor:
    """`index * stride`, looked up in a table so that an index out of range is caught for its own axis."""
    table = multiply(apply(P.IOTA, shape=(size,), dtype="int64", axis=0), convert(stride, "int64"))
    return apply(P.TAKE, table, wrap(index, size), axis=0)


def wrap(index: Operand, size: Dimension) -> Operand:
    """Indices as int64, with negative ones counted from the end."""
    index = cast(index, "int64")
    if index._array is not None and not isinstance(index, Variable):
        negative = index._array < 0
        if not negative.any():
            return index
        if isinstance(size, int):
            _check_negative(index._array, size)
            return Tensor.of_array(np.where(negative, index._array + size, index._array))
    wrapped = add(index, convert(size, "int64"))
    zero = broadcast_to(convert(0, "int64"), index.dims)
    return apply(P.SELECT, less(index, zero), wrapped, index)


def _check_negative(index: np.ndarray, size: int) -> None:
    if (index < -size).any():
        raise IndexRangeError(
            f"Indices must lie from {-size} to {size - 1}, for an axis of size {size}. Received: {index.min()}."
        )


def take(x: Operand, index: Operand, axis: int) -> Tensor:
    """Elements of `x` along an axis at integer places; negative ones count from the end."""
    return apply(P.TAKE, x, wrap(index, x.dims[axis]), axis=axis)
