"""The builder of `Primitive.lower` on NumPy arrays, operation by operation in the dtype asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Value:
    """An array, with its dtype as a name."""

    array: np.ndarray

    @property
    def dtype(self) -> str:
        return self.array.dtype.name


class NumpyBuilder:
    """Counts operations; `fused` says whether fma rounds once or twice."""

    def __init__(self, fused: bool):
        self.fused = fused
        self.operations = 0

    def _done(self, array) -> Value:
        self.operations += 1
        return Value(np.asarray(array))

    def const(self, value, dtype: str) -> Value:
        return Value(np.asarray(value, dtype))

    def add(self, x: Value, y: Value) -> Value:
        return self._done(x.array + y.array)

    def sub(self, x: Value, y: Value) -> Value:
        return self._done(x.array - y.array)

    def mul(self, x: Value, y: Value) -> Value:
        return self._done(x.array * y.array)

    def div(self, x: Value, y: Value) -> Value:
        return self._done(x.array / y.array)

    def neg(self, x: Value) -> Value:
        return self._done(-x.array)

    def abs(self, x: Value) -> Value:
        return self._done(np.abs(x.array))

    def sqrt(self, x: Value) -> Value:
        return self._done(np.sqrt(x.array))

    def trunc(self, x: Value) -> Value:
        return self._done(np.trunc(x.array))

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        if not self.fused:
            return self._done(x.array * y.array + z.array)
        wide = np.float64 if x.dtype == "float32" else np.longdouble
        exact = x.array.astype(wide) * y.array.astype(wide) + z.array.astype(wide)
        return self._done(exact.astype(x.dtype))

    def eq(self, x: Value, y: Value) -> Value:
        return self._done(x.array == y.array)

    def ne(self, x: Value, y: Value) -> Value:
        return self._done(x.array != y.array)

    def lt(self, x: Value, y: Value) -> Value:
        return self._done(x.array < y.array)

    def gt(self, x: Value, y: Value) -> Value:
        return self._done(x.array > y.array)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        return self._done(np.where(condition.array, x.array, y.array))

    def bit_and(self, x: Value, y: Value) -> Value:
        return self._done(x.array & y.array)

    def bit_or(self, x: Value, y: Value) -> Value:
        return self._done(x.array | y.array)

    def bit_xor(self, x: Value, y: Value) -> Value:
        return self._done(x.array ^ y.array)

    def bit_not(self, x: Value) -> Value:
        return self._done(~x.array)

    def shift_left(self, x: Value, y: Value) -> Value:
        return self._done(x.array << y.array)

    def shift_right(self, x: Value, y: Value) -> Value:
        return self._done(x.array >> y.array)

    def cast(self, x: Value, dtype: str) -> Value:
        return self._done(x.array.astype(dtype))

    def bitcast(self, x: Value, dtype: str) -> Value:
        return self._done(np.ascontiguousarray(x.array).view(dtype))
