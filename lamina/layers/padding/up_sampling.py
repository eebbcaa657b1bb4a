"""Layers that enlarge time, images and volumes by whole factors."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.spatial import SampleShape, SpatialLayer, choice, whole_number, whole_numbers

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling(SpatialLayer):
    """The base of the layers that repeat every place.

    Args:
        size: how often, for all axes or for each.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
    """

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self._factors = whole_numbers(self._title(), "size", size, self.rank)
        self.size: Any = self._factors
        self.built = True

    def call(self, inputs: Any) -> Any:
        first = self.data_format == "channels_first"
        outputs = ops.moveaxis(inputs, 1, -1) if first else inputs
        for axis, factor in enumerate(self._factors, 1):
            if factor > 1:
                outputs = ops.repeat(outputs, factor, axis=axis)
        return ops.moveaxis(outputs, -1, 1) if first else outputs

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        spatial, channels = self._parts(input_shape)
        sizes = zip(spatial, self._factors, strict=True)
        return self._joined(input_shape[0], tuple(None if n is None else n * factor for n, factor in sizes), channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size, "data_format": self.data_format}


class UpSampling1D(UpSampling):
    """Repeats every step of each sequence.

    Input: `(batch, steps, channels)`; output: `(batch, steps * size, channels)`.

    Args:
        size: how often; 2.

    Raises:
        ArgumentError: if it is not a positive whole number.
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(size, "channels_last", **kwargs)
        self.size = whole_number(self._title(), "size", size)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class UpSampling2D(UpSampling):
    """Enlarges each image by whole factors.

    Input: `(batch, height, width, channels)`; output: `(batch, height * size[0], width * size[1], channels)`.

    Args:
        size: the factor, or one each for height and width; 2.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
        interpolation: `"nearest"` (default) repeats every place; `"bilinear"`, `"bicubic"`, `"lanczos3"` and
            `"lanczos5"` as in `ops.image.resize`.

    Raises:
        ArgumentError: for a factor that is no positive whole number, or an unknown interpolation.
        ShapeError: if height or width is not known and `interpolation` is another than `"nearest"`.
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = choice(self._title(), "interpolation", interpolation, INTERPOLATIONS)

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        (height, width), _ = self._parts(self.compute_output_shape(tuple(inputs.shape)))
        if height is None or width is None:
            raise ShapeError(
                f"{self._title()}: interpolation={self.interpolation!r} needs inputs of known height and width. "
                f"Received: input shape {tuple(inputs.shape)}. Give the input fixed sizes, or use "
                "interpolation='nearest'."
            )
        return ops.image.resize(inputs, (height, width), self.interpolation, data_format=self.data_format)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"interpolation": self.interpolation}


class UpSampling3D(UpSampling):
    """Repeats every place of each volume.

    Input: `(batch, depth, height, width, channels)`; output: the same with depth, height and width multiplied.

    Args:
        size: how often, or a number for each axis; 2.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    Raises:
        ArgumentError: for a factor that is no positive whole number.
    """

    rank = 3
