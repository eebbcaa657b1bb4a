"""Unit normalisation."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.layer import Layer
from lamina.layers.normalization.affine import checked_axis, normal_axes


class UnitNormalization(Layer):
    """Divides every sample by its Euclidean norm over one or more axes, so that the norm is 1; zeros stay zeros.

    Args:
        axis: the axis (-1), or a list of axes.

    Raises:
        ArgumentError: if `axis` is no whole number or list of them.
    """

    def __init__(self, axis: int | list[int] | tuple[int, ...] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = checked_axis(self._title(), axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.normalize(inputs, axis=normal_axes(self, inputs.shape), order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        normal_axes(self, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}
