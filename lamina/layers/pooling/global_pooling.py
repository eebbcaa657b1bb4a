"""Layers that sum up all of time or space in one value a channel."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.spatial import SampleShape, SpatialLayer


class GlobalPooling(SpatialLayer):
    """The base of the global pooling layers.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
        keepdims: whether the axes of space stay, with size 1; False.
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.keepdims = bool(keepdims)
        self.built = True

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        spatial, channels = self._parts(input_shape)
        if 0 in spatial:
            raise ShapeError(
                f"{self._title()}: an input of shape {tuple(input_shape)} has no places to sum up. Give data whose "
                f"{'axis' if self.rank == 1 else 'axes'} {', '.join(map(str, self._spatial_axes))} are not empty."
            )
        return self._joined(input_shape[0], (1,) * self.rank if self.keepdims else (), channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling(GlobalPooling):
    """The base of the layers that take the largest value of each channel."""

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        return ops.max(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The base of the layers that take the mean of each channel."""

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        return ops.mean(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest value of each channel of a sequence.

    Input: `(batch, steps, channels)`; output: `(batch, channels)`, or `(batch, 1, channels)` with `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        keepdims: whether the axis of steps stays, with size 1; False.
    """

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest value of each channel of an image.

    Input: `(batch, height, width, channels)`; output: `(batch, channels)`, or `(batch, 1, 1, channels)` with
    `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
        keepdims: whether height and width stay, with size 1; False.
    """

    rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest value of each channel of a volume.

    Input: `(batch, depth, height, width, channels)`; output: `(batch, channels)`, or `(batch, 1, 1, 1, channels)`
    with `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.
        keepdims: whether depth, height and width stay, with size 1; False.
    """

    rank = 3


class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel of a sequence.

    Input: `(batch, steps, channels)`; output: `(batch, channels)`, or `(batch, 1, channels)` with `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        keepdims: whether the axis of steps stays, with size 1; False.

    Call arguments:
        inputs: a tensor.
        mask: bools `(batch, steps)`; the mean is that of the steps where they are True.
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        self.compute_output_shape(tuple(inputs.shape))
        kept = ops.expand_dims(ops.cast(mask, "bool"), self._channel_axis)
        axis = self._spatial_axes[0]
        total = ops.sum(ops.where(kept, inputs, 0.0), axis=axis, keepdims=self.keepdims)
        return total / ops.sum(ops.cast(kept, inputs.dtype), axis=axis, keepdims=self.keepdims)


class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel of an image.

    Input: `(batch, height, width, channels)`; output: `(batch, channels)`, or `(batch, 1, 1, channels)` with
    `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
        keepdims: whether height and width stay, with size 1; False.
    """

    rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel of a volume.

    Input: `(batch, depth, height, width, channels)`; output: `(batch, channels)`, or `(batch, 1, 1, 1, channels)`
    with `keepdims`.

    Args:
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.
        keepdims: whether depth, height and width stay, with size 1; False.
    """

    rank = 3
