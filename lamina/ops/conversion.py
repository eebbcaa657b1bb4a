"""Operations on tensors as such: conversion, shape and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import Shape
from lamina.ops import core
from lamina.ops.core import binary, convert, positive, stop_gradient
from lamina.tensor.tensor import Tensor


def cast(x: Any, dtype: Any) -> Tensor:
    """`x` as another dtype. Floats become integers without their fraction, cut to the range; NaN becomes 0."""
    return positive(core.cast(convert(x), dtype))


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a tensor; arrays share their memory with it.

    Args:
        x: a tensor, variable, array, number, or nested lists of numbers.
        dtype: cast to this; None keeps the dtype (Python floats are `floatx`, Python ints int32).
    """
    return positive(convert(x, dtype))


def convert_to_numpy(x: Any) -> np.ndarray:
    """The value as a NumPy array."""
    return convert(x).numpy()


def is_tensor(x: Any) -> bool:
    """Whether `x` is a `Tensor`; variables and arrays are not."""
    return isinstance(x, Tensor)


def shape(x: Any) -> Shape:
    """The shape as a tuple of ints, with a `Dim` for what is not known while tracing.

    A `Dim` can be used in `reshape`, `zeros` and the like, and in arithmetic, where it becomes a number when the
    program runs.
    """
    return tuple(convert(x).dims)


def dtype(x: Any) -> str:
    """The name of the element type."""
    return convert(x).dtype


def result_type(*values: Any) -> str:
    """The dtype in which values, or dtypes given by name, would meet."""
    names = [v if isinstance(v, str) else convert(v).dtype for v in values]
    return dtypes.promote(*[dtypes.canonical(n) for n in names])


def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """`x` as another dtype, with values cut to the range of that dtype instead of wrapping around."""
    x = convert(x)
    name = dtypes.canonical(dtype)
    if dtypes.is_integer(name) and dtypes.is_integer(x.dtype):
        info, own = np.iinfo(name), np.iinfo(x.dtype)
        x = binary(P.MAXIMUM, x, convert(max(int(info.min), int(own.min)), x.dtype))
        x = binary(P.MINIMUM, x, convert(min(int(info.max), int(own.max)), x.dtype))
    return positive(core.cast(x, name))  # floats saturate by themselves


__all__ = [
    "cast", "convert_to_numpy", "convert_to_tensor", "dtype", "is_tensor", "result_type", "saturate_cast", "shape",
    "stop_gradient",
]  # fmt: skip
