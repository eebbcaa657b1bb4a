"""Layers that cut off the edges of their input."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ShapeError
from lamina.layers.spatial import SampleShape, SpatialLayer, pairs


class Cropping(SpatialLayer):
    """The base of the cropping layers.

    Args:
        cropping: numbers of places to cut off, as `pairs` reads them.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
    """

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self._pairs = pairs(self._title(), "cropping", cropping, self.rank)
        self.cropping: tuple[Any, ...] = self._pairs[0] if self.rank == 1 else self._pairs
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        edges = (slice(before, -after or None) for before, after in self._all_axes(self._pairs))
        return inputs[tuple(edges)]

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        spatial, channels = self._parts(input_shape)
        left = [None if n is None else n - sum(pair) for n, pair in zip(spatial, self._pairs, strict=True)]
        if any(size is not None and size < 1 for size in left):
            raise ShapeError(
                f"{self._title()}: cropping={self.cropping} leaves nothing of an input of shape {tuple(input_shape)}. "
                "Crop less, or give larger inputs."
            )
        return self._joined(input_shape[0], tuple(left), channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping, "data_format": self.data_format}


class Cropping1D(Cropping):
    """Cuts off the ends of each sequence.

    Input: `(batch, steps, channels)`.

    Args:
        cropping: how many steps at both ends, or a pair `(first, last)`; 1.

    Raises:
        ArgumentError: for negative or other wrong numbers.
        ShapeError: if nothing would be left.
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, "channels_last", **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class Cropping2D(Cropping):
    """Cuts off the edges of each image.

    Input: `(batch, height, width, channels)`.

    Args:
        cropping: how many places at every side, `(height, width)` for both sides of each, or
            `((top, bottom), (left, right))`; 0.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    Raises:
        ArgumentError: for negative or other wrong numbers.
        ShapeError: if nothing would be left.
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(Cropping):
    """Cuts off the edges of each volume.

    Input: `(batch, depth, height, width, channels)`.

    Args:
        cropping: how many places at every side, one number for each axis, or a pair for each axis; 1.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    Raises:
        ArgumentError: for negative or other wrong numbers.
        ShapeError: if nothing would be left.
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)
