"""The layer that finds padding by its value."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer
from lamina.layers.masks import set_mask


class Masking(Layer):
    """Marks the steps of a sequence whose values all equal a number as padding, and sets them to 0.

    Layers after it that heed masks skip these steps.

    Input: `(batch, steps, features)`; output: the same shape.

    Args:
        mask_value: the number; 0.

    Raises:
        ArgumentError: if it is no number.
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(mask_value, (int, float)) and not hasattr(mask_value, "__array__"):
            raise ArgumentError(f"{self._title()}: mask_value must be a number. Received: {mask_value!r}.")
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True for the steps that have another value: `(batch, steps)`."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        mask = self.compute_mask(inputs)
        outputs = ops.where(ops.expand_dims(mask, -1), inputs, ops.zeros((), inputs.dtype))
        set_mask(outputs, mask)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mask_value": self.mask_value}
