"""Layers that take the mean of each window."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.pooling.base import Pooling


class AveragePooling(Pooling):
    """The base of the average pooling layers; arguments as of `Pooling`."""

    def _pool(self, inputs: Any, **arguments: Any) -> Any:
        return ops.average_pool(inputs, **arguments)


class AveragePooling1D(AveragePooling):
    """The mean of each window of a sequence, channel by channel.

    With padding `"same"`, what lies outside of the input does not count.

    Input: `(batch, steps, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window.
        strides: how far the window moves; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 1


class AveragePooling2D(AveragePooling):
    """The mean of each window of an image, channel by channel.

    With padding `"same"`, what lies outside of the input does not count.

    Input: `(batch, height, width, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window, or one for each axis.
        strides: how far the window moves, or one for each axis; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 2


class AveragePooling3D(AveragePooling):
    """The mean of each window of a volume, channel by channel.

    With padding `"same"`, what lies outside of the input does not count.

    Input: `(batch, depth, height, width, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window, or one for each axis.
        strides: how far the window moves, or one for each axis; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 3
