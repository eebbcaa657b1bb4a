"""Turns what a user passes into tensors, and brings operands to one dtype and one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim, Dimension, Shape, format_shape
from lamina.base.errors import DTypeError, ShapeError
from lamina.tensor.dispatch import Operand, apply
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor, dtype_name
from lamina.tensor.variable import Variable

_PYTHON_SCALARS = (bool, int, float)


def convert(value: Any, dtype: Any = None) -> Operand:
    """A tensor or variable for anything that can be one.

    Args:
        value: a tensor or variable (returned as it is), a NumPy array (its memory is shared), another library's array,
            a number, a `Dim`, or nested lists of these.
        dtype: cast to this; None keeps the dtype. Python floats are `floatx`, Python ints int32 where they fit.

    Raises:
        DTypeError: if the value is not numeric.
        ShapeError: if nested lists are ragged.
    """
    if isinstance(value, (Tensor, Variable)):
        if state.autocast is not None:
            value = as_read(value)
        return value if dtype is None else cast(value, dtype)
    if isinstance(value, np.ndarray):
        result = Tensor.of_array(_native(value))
    elif type(value) in _PYTHON_SCALARS:
        name = dtypes.canonical(dtype) if dtype is not None else dtypes.result_dtype([], [value], config.floatx)
        return Tensor.of_array(_scalar_array(value, name))
    elif isinstance(value, Dim):
        result = apply(P.DIMENSION, dim=value)
    elif isinstance(value, (list, tuple, range)):
        result = _from_sequence(value)
    elif hasattr(value, "__array__") or isinstance(value, np.generic):
        result = Tensor.of_array(_native(np.asarray(value)))
    elif hasattr(value, "__dlpack__"):
        result = Tensor.of_array(_native(np.from_dlpack(value)))
    else:
        raise DTypeError(
            f"Expected a tensor, an array, a number or nested lists of numbers. Received: {value!r} "
            f"(of type {type(value).__name__})."
        )
    return result if dtype is None else cast(result, dtype)


def as_read(value: Operand) -> Operand:
    """A variable as the dtype that `autocast` says; anything else as it is."""
    wanted = state.autocast
    if wanted is not None and isinstance(value, Variable) and value.autocast and dtypes.is_float(value.dtype):
        return cast(value, wanted)
    return value


def _native(array: np.ndarray) -> np.ndarray:
    """The array as a plain ndarray of a dtype that Lamina has, in the machine's byte order."""
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    dtype_name(array.dtype)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _scalar_array(value: bool | int | float, name: str) -> np.ndarray:
    try:
        return np.asarray(value, dtype=dtypes.to_numpy(name))
    except OverflowError:
        raise DTypeError(
            f"The number {value} does not fit into {name}. Cast the other operand to a wider dtype first."
        ) from None


def _from_sequence(items: Sequence[Any]) -> Tensor:
    if _holds_tensors(items):
        parts = [convert(item) for item in items]
        name = dtypes.promote(*[p.dtype for p in parts])
        return _stack([cast(p, name) for p in parts])
    try:
        array = np.asarray(items)
    except ValueError:
        raise ShapeError(
            "Nested lists must all have the same length at each level. Received: a ragged list. Pad it first."
        ) from None
    if array.dtype == np.float64 and not _holds_arrays(items):
        return Tensor.of_array(array.astype(dtypes.to_numpy(config.floatx)))
    if array.dtype == np.int64 and not _holds_arrays(items) and _fits_int32(array):
        return Tensor.of_array(array.astype(np.int32))
    return Tensor.of_array(_native(array))


def _holds_tensors(items: Sequence[Any]) -> bool:
    for item in items:
        if isinstance(item, (Tensor, Variable, Dim)):
            return True
        if isinstance(item, (list, tuple)) and _holds_tensors(item):
            return True
    return False


def _holds_arrays(items: Sequence[Any]) -> bool:
    """Whether the first leaf came from NumPy, and so has a dtype of its own."""
    first: Any = items
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(first, (np.ndarray, np.generic))


def _fits_int32(array: np.ndarray) -> bool:
    return not array.size or (array.min() >= -(2**31) and array.max() < 2**31)


def _stack(parts: list[Operand]) -> Tensor:
    if any(p.dims != parts[0].dims for p in parts):
        raise ShapeError(
            f"Tensors in one list must have one shape. Received: {', '.join(format_shape(p.dims) for p in parts)}."
        )
    return apply(P.CONCATENATE, *[reshape(p, (1, *p.dims)) for p in parts], axis=0)


def cast(x: Operand, dtype: Any) -> Operand:
    """`x` as another dtype; `x` itself where it has that already."""
    name = dtypes.canonical(dtype)
    return x if x.dtype == name else apply(P.CAST, x, dtype=name)


def reshape(x: Operand, shape: Shape) -> Operand:
    """`x` in another shape, all of whose dimensions are given; `x` itself where it has that already."""
    return x if x.dims == shape else apply(P.RESHAPE, x, shape=shape)


def broadcast_to(x: Operand, shape: Shape, always: bool = False) -> Any:
    """`x` repeated to a shape; `x` itself where it has that already, unless `always`."""
    return x if x.dims == shape and not always else apply(P.BROADCAST, x, shape=tuple(shape))


def operands(*values: Any) -> list[Operand]:
    """The values as tensors of one dtype; Python's and NumPy's scalars take that of the arrays."""
    tensors: list[Any] = [None if is_scalar(v) else convert(v) for v in values]
    arrays = [t.dtype for t in tensors if t is not None]
    scalars = [_python_scalar(v) for v, t in zip(values, tensors) if t is None]
    name = dtypes.result_dtype(arrays, scalars, config.floatx) if scalars else dtypes.promote(*arrays)
    return [
        Tensor.of_array(_scalar_array(_python_scalar(v), name)) if t is None else cast(t, name)
        for v, t in zip(values, tensors)
    ]


def is_scalar(value: Any) -> bool:
    """Whether a value is a number whose dtype gives way to that of arrays."""
    return type(value) in _PYTHON_SCALARS or isinstance(value, np.generic)


def _python_scalar(value: Any) -> bool | int | float:
    return value.item() if isinstance(value, np.generic) else value


def float_operands(*values: Any) -> list[Operand]:
    """As `operands`, and integers and bools become `floatx`."""
    tensors = operands(*values)
    return tensors if dtypes.is_float(tensors[0].dtype) else [cast(t, config.floatx) for t in tensors]


def broadcast_shapes(name: str, *shapes: Shape) -> Shape:
    """The shape to which NumPy would broadcast these.

    Raises:
        ShapeError: if there is none; says which operation needed it.
    """
    rank = max(len(s) for s in shapes)
    result: list[Dimension] = [1] * rank
    for shape in shapes:
        for axis, dimension in enumerate(shape, rank - len(shape)):
            if result[axis] == 1:
                result[axis] = dimension
            elif dimension != 1 and dimension != result[axis]:
                raise ShapeError(
                    f"{name}: the shapes {' and '.join(format_shape(s) for s in shapes)} cannot be broadcast together: "
                    f"{result[axis]} and {dimension} differ and neither is 1. Reshape or expand one of them."
                )
    return tuple(result)
