"""The meaning of the scalar operations of the loop IR, on NumPy scalars."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import primitives
from lamina.base import dtypes

# Overflow, division by zero and the like are as in NumPy; whoever calls these silences its warnings.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "fma": lambda x, y, z: x * y + z,
    "neg": np.negative, "abs": np.abs, "min": np.minimum, "max": np.maximum, "rem": np.remainder,
    "floordiv": np.floor_divide, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "floor": np.floor,
    "ceil": np.ceil, "round": np.rint, "trunc": np.trunc, "exp": np.exp, "expm1": np.expm1, "log": np.log,
    "log1p": np.log1p, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "erf": primitives.ERF.numpy, "pow": np.power,
    "arctan2": np.arctan2, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "select": lambda condition, x, y: x if condition else y, "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or, "bit_xor": np.bitwise_xor, "bit_not": np.invert, "shift_left": np.left_shift,
    "shift_right": np.right_shift,
}  # fmt: skip


def number(value: Any, dtype: str) -> Any:
    """A Python number as a scalar; integers wrap around."""
    if dtypes.is_integer(dtype):
        bits = 8 * dtypes.size(dtype)
        value = int(value) & ((1 << bits) - 1)
        if dtypes.is_signed(dtype) and value >> (bits - 1):
            value -= 1 << bits
    return _type(dtype)(value)


def cast(value: Any, dtype: str) -> Any:
    """Converts as the primitive `cast` does."""
    if value.dtype == dtypes.to_numpy(dtype):
        return value
    return _type(dtype)(primitives.CAST.numpy(np.asarray(value), dtype))


@functools.cache
def _type(dtype: str) -> Any:
    return dtypes.to_numpy(dtype).type
