"""Root-mean-square normalisation."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.layer import Layer
from lamina.layers.normalization.affine import checked_axis, checked_epsilon, known_sizes, normal_axes


class RMSNormalization(Layer):
    """Divides every sample by the root of its mean square over one or more axes, then multiplies by `scale`.

    Args:
        axis: the axis (-1), or a list of axes; `scale` has their sizes, in the order of the axes.
        epsilon: added to the mean square; 1e-6.

    Raises:
        ArgumentError: if an argument is out of its range.
        ShapeError: if the size of an axis is not known.

    Source: Zhang and Sennrich, 2019.
    """

    def __init__(self, axis: int | list[int] | tuple[int, ...] = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = checked_axis(self._title(), axis)
        self.epsilon = checked_epsilon(self._title(), epsilon)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._axes = normal_axes(self, input_shape)
        self.scale = self.add_weight(name="scale", shape=known_sizes(self, input_shape, self._axes), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return ops.rms_normalization(inputs, scale=self.scale, axis=self._axes, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        normal_axes(self, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "epsilon": self.epsilon}
