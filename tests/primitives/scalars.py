"""A builder for `lower` that computes at once: a scalar holds its values at every index of the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import evaluate
from lamina.primitives import CAST, ERF


class Scalar:
    """The values of one scalar expression, and its dtype."""

    def __init__(self, value: Any, dtype: str):
        self.value = np.asarray(value, dtypes.to_numpy(dtype))
        self.dtype = dtype


class Reader:
    """An operand, of which an index gives an element. Indices outside are a mistake of the lowering.

    The first place of an empty operand may be read: what is there must not show in the result.
    """

    def __init__(self, array: np.ndarray):
        self.array = array
        self.shape = array.shape

    def __call__(self, index: Sequence[Scalar]) -> Scalar:
        assert len(index) == len(self.shape)
        for place, size in zip(index, self.shape):
            assert place.dtype == "int64"
            assert np.all((place.value >= 0) & (place.value < max(size, 1))), "reads outside of the operand"
        if self.array.size == 0:
            return widened(np.full((), 99).astype(self.array.dtype))
        return widened(self.array[tuple(place.value for place in index)])


def widened(array: np.ndarray) -> Scalar:
    """An element as `lower` receives it: half floats arrive as float32."""
    return Scalar(array, dtypes.compute_dtype(dtypes.canonical(array.dtype)))


class Builder:
    """What `lower` asks for, done with NumPy. Operands must have one dtype, as in machine code."""

    def __init__(self, symbols: dict[str, int] | None = None):
        self.symbols = symbols or {}

    def const(self, value: Any, dtype: str) -> Scalar:
        return Scalar(np.array(value).astype(dtypes.to_numpy(dtype)), dtype)

    def dim(self, dimension: Any) -> Scalar:
        return Scalar(evaluate(dimension, self.symbols), "int64")

    def cast(self, x: Scalar, dtype: str) -> Scalar:
        return Scalar(CAST.numpy(x.value, dtype=dtype), dtype)

    def bitcast(self, x: Scalar, dtype: str) -> Scalar:
        return Scalar(x.value.view(dtypes.to_numpy(dtype)), dtype)

    def select(self, condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
        assert condition.dtype == "bool" and x.dtype == y.dtype
        return Scalar(np.where(condition.value, x.value, y.value), x.dtype)

    def check_index(self, index: Scalar, size: Scalar) -> Scalar:
        assert index.dtype == size.dtype == "int64"
        return index

    def rsqrt(self, x: Scalar) -> Scalar:
        return Scalar(1 / np.sqrt(x.value), x.dtype)

    def fma(self, x: Scalar, y: Scalar, z: Scalar) -> Scalar:
        assert x.dtype == y.dtype == z.dtype
        return Scalar(x.value * y.value + z.value, x.dtype)

    def erf(self, x: Scalar) -> Scalar:
        return Scalar(ERF.numpy(x.value), x.dtype)

    def shift_left(self, x: Scalar, y: Scalar) -> Scalar:
        _assert_in_width(y)
        return Scalar(np.left_shift(x.value, y.value), x.dtype)

    def shift_right(self, x: Scalar, y: Scalar) -> Scalar:
        _assert_in_width(y)
        return Scalar(np.right_shift(x.value, y.value), x.dtype)

    def floordiv(self, x: Scalar, y: Scalar) -> Scalar:
        _assert_divides(x, y)
        return Scalar(np.floor_divide(x.value, y.value), x.dtype)

    def rem(self, x: Scalar, y: Scalar) -> Scalar:
        _assert_divides(x, y)
        return Scalar(np.remainder(x.value, y.value), x.dtype)


def _assert_in_width(count: Scalar) -> None:
    assert np.all((count.value >= 0) & (count.value < 8 * dtypes.size(count.dtype))), "a machine leaves this undefined"


def _assert_divides(x: Scalar, y: Scalar) -> None:
    if not dtypes.is_float(x.dtype):
        assert x.dtype == y.dtype
        assert not np.any(y.value == 0), "a machine traps here"
        if dtypes.is_signed(x.dtype):
            assert not np.any((y.value == -1) & (x.value == np.iinfo(x.dtype).min)), "a machine traps here"


def _plain(function: Callable[..., Any]) -> Callable[..., Scalar]:
    def method(self: Builder, *operands: Scalar) -> Scalar:
        assert len({operand.dtype for operand in operands}) == 1
        return Scalar(function(*(operand.value for operand in operands)), operands[0].dtype)

    return method


def _comparison(function: Callable[..., Any]) -> Callable[..., Scalar]:
    def method(self: Builder, x: Scalar, y: Scalar) -> Scalar:
        assert x.dtype == y.dtype
        return Scalar(function(x.value, y.value), "bool")

    return method


_PLAIN = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
    "min": np.minimum, "max": np.maximum, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "round": np.rint,
    "bit_and": np.bitwise_and, "bit_or": np.bitwise_or, "bit_xor": np.bitwise_xor, "bit_not": np.invert,
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "pow": np.power, "arctan2": np.arctan2,
}  # fmt: skip
_COMPARISONS = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
                "ge": np.greater_equal}  # fmt: skip
for _name, _function in _PLAIN.items():
    setattr(Builder, _name, _plain(_function))
for _name, _function in _COMPARISONS.items():
    setattr(Builder, _name, _comparison(_function))


def every_index(shape: Sequence[int]) -> tuple[Scalar, ...]:
    """The index of every element of a result, as one scalar an axis."""
    return tuple(Scalar(places, "int64") for places in np.indices(shape))


def fold(primitive: Any, array: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Folds axes element by element with the lowering of a reduction, from its identity."""
    kept = [axis for axis in range(array.ndim) if axis not in axes]
    count = math.prod(array.shape[axis] for axis in axes)
    lines = array.transpose([*kept, *axes]).reshape([*(array.shape[axis] for axis in kept), count])
    first = widened(np.zeros((), array.dtype))
    builder = Builder()
    accumulator = builder.const(primitive.identity(first.dtype), first.dtype)
    accumulator.value = np.broadcast_to(accumulator.value, lines.shape[:-1])
    for place in range(count):
        accumulator = primitive.lower(builder, accumulator, widened(lines[..., place]))
    return accumulator.value
