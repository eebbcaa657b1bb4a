"""Layers that cut time or space into a given number of parts, and sum up each."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.spatial import SampleShape, SpatialLayer, whole_numbers


class AdaptivePooling(SpatialLayer):
    """The base of the adaptive pooling layers.

    Part `i` of `n` of an axis of size `s` goes from `floor(i * s / n)` to `ceil((i + 1) * s / n)`, so that parts may
    share places.

    Args:
        output_size: how many parts, for all axes or for each.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.output_size = whole_numbers(self._title(), "output_size", output_size, self.rank)
        self.built = True

    def _check(self, inputs: Any) -> None:
        spatial, _ = self._parts(tuple(inputs.shape))
        if any(not size for size in spatial):
            raise ShapeError(
                f"{self._title()}: the sizes of space must be known, and not 0, to be cut into {self.output_size} "
                f"parts. Received: input shape {tuple(inputs.shape)}."
            )

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        _, channels = self._parts(input_shape)
        return self._joined(input_shape[0], self.output_size, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"output_size": self.output_size, "data_format": self.data_format}


class AdaptiveAveragePooling(AdaptivePooling):
    """The base of the layers that take the mean of each part."""

    def call(self, inputs: Any) -> Any:
        self._check(inputs)
        return ops.adaptive_average_pool(inputs, self.output_size, data_format=self.data_format)


class AdaptiveMaxPooling(AdaptivePooling):
    """The base of the layers that take the largest value of each part."""

    def call(self, inputs: Any) -> Any:
        self._check(inputs)
        return ops.adaptive_max_pool(inputs, self.output_size, data_format=self.data_format)


class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each part of a sequence that is cut into a given number of parts.

    Input: `(batch, steps, channels)`; output: the same with `output_size` in place of steps.

    Args:
        output_size: how many parts.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
    """

    rank = 1


class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each part of an image that is cut into a given number of parts.

    Input: `(batch, height, width, channels)`; output: the same with `output_size` in place of height and width.

    Args:
        output_size: how many parts, for all axes or for each.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
    """

    rank = 2


class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each part of a volume that is cut into a given number of parts.

    Input: `(batch, depth, height, width, channels)`; output: the same with `output_size` in place of
    depth, height and width.

    Args:
        output_size: how many parts, for all axes or for each.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.
    """

    rank = 3


class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest value of each part of a sequence that is cut into a given number of parts.

    Input: `(batch, steps, channels)`; output: the same with `output_size` in place of steps.

    Args:
        output_size: how many parts.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
    """

    rank = 1


class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest value of each part of an image that is cut into a given number of parts.

    Input: `(batch, height, width, channels)`; output: the same with `output_size` in place of height and width.

    Args:
        output_size: how many parts, for all axes or for each.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
    """

    rank = 2


class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest value of each part of a volume that is cut into a given number of parts.

    Input: `(batch, depth, height, width, channels)`; output: the same with `output_size` in place of
    depth, height and width.

    Args:
        output_size: how many parts, for all axes or for each.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.
    """

    rank = 3
