"""Positions as waves of many lengths."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.layer import Layer


class SinePositionEncoding(Layer):
    """What is added to embedded tokens to tell their positions: sines and cosines of growing wavelengths.

    Input: `(batch, steps, features)`, of which only the shape counts; output: the same shape.

    Args:
        max_wavelength: of the longest wave, over 2 pi; 10000.

    Call arguments:
        inputs: a tensor.
        start_index: the position of the first step, a number or a tensor; 0.

    Source: Vaswani et al., 2017.
    """

    def __init__(self, max_wavelength: float = 10000, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.max_wavelength = max_wavelength
        self.built = True

    def call(self, inputs: Any, start_index: Any = 0) -> Any:
        *_, steps, features = inputs.dims
        places = ops.arange(features, dtype="int32")
        # Waves change over thousands of steps, which half floats cannot tell apart.
        exponents = ops.cast(2 * (places // 2), "float32") / ops.cast(ops.convert_to_tensor(features), "float32")
        frequencies = ops.power(1.0 / self.max_wavelength, exponents)
        positions = ops.cast(ops.arange(steps, dtype="int32") + start_index, "float32")
        angles = ops.expand_dims(positions, 1) * ops.expand_dims(frequencies, 0)
        waves = ops.where(ops.equal(places % 2, 0), ops.sin(angles), ops.cos(angles))
        return ops.broadcast_to(ops.cast(waves, self.compute_dtype), inputs.dims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"max_wavelength": self.max_wavelength}
