"""A penalty on values that pass."""

from __future__ import annotations

from typing import Any

from lamina import regularizers
from lamina.layers.layer import Layer


class ActivityRegularization(Layer):
    """Adds `l1 * sum(|x|) + l2 * sum(x²)` of its inputs, for each row, to the loss, and passes them on unchanged.

    Args:
        l1, l2: factors of the two sums, at least 0; 0.

    Raises:
        ArgumentError: if a factor is below 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"l1": self.l1, "l2": self.l2}
        del config["activity_regularizer"]
        return config
