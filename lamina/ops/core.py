"""What every operation begins with: conversion, dtypes, broadcasting, axes and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, Shape, divide, element_count, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Primitive
from lamina.tensor.arithmetic import binary, positive, to_float, unary
from lamina.tensor.convert import broadcast_shapes, broadcast_to, cast, convert, float_operands, operands, reshape
from lamina.tensor.dispatch import Operand, apply
from lamina.tensor.tensor import Tensor
from lamina.tensor.variable import Variable

__all__ = [
    "Operand", "apply", "binary", "broadcast_shapes", "broadcast_to", "cast", "convert", "count_of",
    "float_operands", "normal_axes", "normal_axis", "normal_shape", "operands", "positive", "reshape",
    "stop_gradient", "to_float", "unary", "ternary",
]  # fmt: skip


def stop_gradient(variable: Any) -> Tensor:
    """`variable` as a constant: no gradient flows through it."""
    x = convert(variable)
    return unary(P.STOP_GRADIENT, x) if dtypes.is_float(x.dtype) else positive(x)


def ternary(primitive: Primitive, *tensors: Operand) -> Tensor:
    """An elementwise operation on tensors of the right dtypes, broadcast to one shape."""
    common = broadcast_shapes(primitive.name, *[t.dims for t in tensors])
    return apply(primitive, *[broadcast_to(t, common) for t in tensors])


def normal_axis(name: str, axis: Any, rank: int) -> int:
    """The axis counted from the front.

    Raises:
        ShapeError: if there is no such axis.
    """
    try:
        number = axis.__index__()
    except AttributeError:
        raise ArgumentError(f"{name}: axis must be an int. Received: {axis!r}.") from None
    if not -rank <= number < rank:
        raise ShapeError(f"{name}: axis {axis} is out of range for a tensor of rank {rank}.")
    return number % rank


def normal_axes(name: str, axis: Any, rank: int) -> tuple[int, ...]:
    """Axes as a sorted tuple, counted from the front; None means all.

    Raises:
        ShapeError: if there is no such axis, or one is named twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(normal_axis(name, a, rank) for a in given))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: an axis is named twice. Received: axis={axis!r}.")
    return axes


def normal_shape(name: str, shape: Any) -> Shape:
    """A shape as a tuple of ints and `Dim`s.

    Raises:
        ShapeError: if a dimension is negative or not a whole number.
    """
    if isinstance(shape, (Tensor, Variable, np.ndarray)):
        shape = convert(shape).numpy().tolist()
    items: Sequence[Any] = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(_size(name, d, items) for d in items)


def _size(name: str, dimension: Any, shape: Sequence[Any]) -> Dimension:
    if isinstance(dimension, Dim):
        return dimension
    try:
        size = int(dimension.__index__())
    except (AttributeError, TypeError):
        raise ShapeError(f"{name}: a shape must hold whole numbers. Received: {tuple(shape)}.") from None
    if size < 0:
        raise ShapeError(f"{name}: a dimension must not be negative. Received: {tuple(shape)}.")
    return size


def fill_in(name: str, dims: Shape, target: Sequence[Any]) -> Shape:
    """A target shape in which one dimension may be -1: whatever is left.

    Raises:
        ShapeError: if the counts of elements cannot be equal.
    """
    holes = [i for i, d in enumerate(target) if not isinstance(d, Dim) and (d is None or d == -1)]
    if not holes:
        return normal_shape(name, tuple(target))
    if len(holes) > 1:
        raise ShapeError(f"{name}: only one dimension can be -1. Received: {tuple(target)}.")
    hole = holes[0]
    rest = normal_shape(name, tuple(d for i, d in enumerate(target) if i != hole))
    left = list(dims)
    for d in list(rest):
        if isinstance(d, Dim) and d in left:
            left.remove(d)
            rest = tuple(r for r in rest if r is not d)
    size = divide(element_count(left), element_count(rest))
    if size is None:
        raise ShapeError(
            f"{name}: a tensor of shape {format_shape(dims)} cannot take the shape {tuple(target)}: the number of "
            "elements is not a multiple."
        )
    known = normal_shape(name, tuple(0 if i == hole else d for i, d in enumerate(target)))
    return (*known[:hole], size, *known[hole + 1 :])


def count_of(dims: Sequence[Dimension], dtype: str) -> Operand:
    """The number of elements as a scalar of a float dtype; computed by the program where it is not known."""
    known = element_count([d for d in dims if isinstance(d, int)])
    total: Operand = convert(float(known), dtype)  # type: ignore[arg-type]
    for d in dims:
        if isinstance(d, Dim):
            total = binary(P.MULTIPLY, total, cast(convert(d), dtype))
    return total


def in_float32(x: Operand, compute: Callable[[Operand], Tensor]) -> Tensor:
    """Runs `compute` on half floats as float32 and rounds the result back; others as they are."""
    wide = dtypes.compute_dtype(x.dtype) if dtypes.is_float(x.dtype) else x.dtype
    return cast(compute(cast(x, wide)), x.dtype) if wide != x.dtype else compute(x)  # type: ignore[return-value]
