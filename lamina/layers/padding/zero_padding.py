"""Layers that put zeros around their input."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.spatial import SampleShape, SpatialLayer, pairs


class ZeroPadding(SpatialLayer):
    """The base of the padding layers.

    Args:
        padding: numbers of zeros, as `pairs` reads them.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self._pairs = pairs(self._title(), "padding", padding, self.rank)
        self.padding: tuple[Any, ...] = self._pairs[0] if self.rank == 1 else self._pairs
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.pad(inputs, self._all_axes(self._pairs))

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        spatial, channels = self._parts(input_shape)
        sizes = zip(spatial, self._pairs, strict=True)
        padded = tuple(None if size is None else size + before + after for size, (before, after) in sizes)
        return self._joined(input_shape[0], padded, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(ZeroPadding):
    """Zeros before and after each sequence.

    Input: `(batch, steps, channels)`.

    Args:
        padding: a number of zeros for both ends, or a pair `(before, after)`; 1.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.

    Raises:
        ArgumentError: for negative or other wrong numbers.
    """

    rank = 1


class ZeroPadding2D(ZeroPadding):
    """Zeros around each image.

    Input: `(batch, height, width, channels)`.

    Args:
        padding: a number of zeros for every side, `(height, width)` for both sides of each, or
            `((top, bottom), (left, right))`; 1.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    Raises:
        ArgumentError: for negative or other wrong numbers.
    """

    rank = 2


class ZeroPadding3D(ZeroPadding):
    """Zeros around each volume.

    Input: `(batch, depth, height, width, channels)`.

    Args:
        padding: a number of zeros for every side, one for each axis, or a pair for each axis; 1.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    Raises:
        ArgumentError: for negative or other wrong numbers.
    """

    rank = 3
