"""Initializers that draw nothing at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.initializers.initializer import Initializer, standard_dtype


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return ops.zeros(tuple(shape), dtype=standard_dtype(dtype))


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return ops.ones(tuple(shape), dtype=standard_dtype(dtype))


class Constant(Initializer):
    """One value everywhere, or the values of an array of the weight's shape.

    Args:
        value: a number, or an array that broadcasts to the weight's shape; 0.
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        value = np.asarray(self.value)
        try:
            filled = np.broadcast_to(value, tuple(shape))
        except ValueError:
            raise ShapeError(
                f"Constant: a value of shape {value.shape} does not fit a weight of shape {tuple(shape)}."
            ) from None
        return ops.convert_to_tensor(np.array(filled), dtype=standard_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        plain = isinstance(self.value, (bool, int, float))
        return {"value": self.value if plain else np.asarray(self.value).tolist()}


class Identity(Initializer):
    """The identity matrix times `gain` (1): for square kernels that start by passing their input."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        if len(shape) != 2:
            raise ShapeError(f"Identity makes matrices only. Received: shape={tuple(shape)}, of rank {len(shape)}.")
        return self.gain * ops.eye(shape[0], shape[1], dtype=standard_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
