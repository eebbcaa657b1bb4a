"""Positions as rotations."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.layer import Layer


class RotaryEmbedding(Layer):
    """Turns pairs of features by angles that grow with the position, so that products tell how far apart two are.

    Feature `i` of the first half and feature `i` of the second make a pair. For queries and keys, before attention.

    Input: `(batch, steps, features)`, `(batch, steps, heads, features)`, or others; output: the same shape.

    Args:
        max_wavelength: of the slowest rotation, over 2 pi; 10000.
        scaling_factor: what positions are divided by; 1.
        sequence_axis: the axis of steps; 1.
        feature_axis: the axis of features, of even size; the last.

    Call arguments:
        inputs: a tensor.
        start_index: the position of the first step, a number or a tensor; 0.
        positions: the position of every step, `(steps,)`; in a row from `start_index` when None.

    Raises:
        ShapeError: if the number of features is odd, or not known.

    Source: Su et al., 2021.
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.max_wavelength = max_wavelength
        self.scaling_factor = scaling_factor
        self.sequence_axis = sequence_axis
        self.feature_axis = feature_axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        rank = len(inputs.shape)
        steps, features = self.sequence_axis % rank, self.feature_axis % rank
        size = inputs.shape[features]
        if size is None or size % 2:
            raise ShapeError(
                f"{self._title()}: the number of features (axis {self.feature_axis}) must be known and even. Received: "
                f"input shape {tuple(inputs.shape)}."
            )
        if positions is None:
            positions = ops.arange(inputs.dims[steps], dtype="int32") + start_index
        turns = ops.cast(positions, "float32") / self.scaling_factor
        speeds = ops.power(1.0 / self.max_wavelength, ops.arange(0, size, 2, dtype="float32") / size)
        angles = self._along(turns, steps, rank) * self._along(speeds, features, rank)
        sine, cosine = (ops.cast(wave(angles), inputs.dtype) for wave in (ops.sin, ops.cos))
        first, second = ops.split(inputs, 2, axis=features)
        return ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=features)

    @staticmethod
    def _along(vector: Any, axis: int, rank: int) -> Any:
        """A vector as a tensor of some rank that lies along one axis."""
        return ops.reshape(vector, tuple(vector.dims[0] if i == axis else 1 for i in range(rank)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "max_wavelength": self.max_wavelength,
            "scaling_factor": self.scaling_factor,
            "sequence_axis": self.sequence_axis,
            "feature_axis": self.feature_axis,
        }
