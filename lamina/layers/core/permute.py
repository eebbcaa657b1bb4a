"""Axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class Permute(Layer):
    """Puts the axes of each sample into another order: `Permute((2, 1))` exchanges steps and features.

    Input: `(batch, ...)`; output: the same with its axes in the new order, the batch first.

    Args:
        dims: which axis comes where, counted from 1.

    Raises:
        ArgumentError: if `dims` does not have each number from 1 on once.
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, (list, tuple)) else (dims,)
        if sorted(self.dims, key=str) != sorted(range(1, len(self.dims) + 1), key=str):
            raise ArgumentError(
                f"{self._title()}: dims must have each axis once, counted from 1 without the batch, such as (2, 1). "
                f"Received: {dims!r}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}
