"""Layers that take the largest value of each window."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.pooling.base import Pooling


class MaxPooling(Pooling):
    """The base of the max pooling layers; arguments as of `Pooling`, with a `pool_size` of 2."""

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def _pool(self, inputs: Any, **arguments: Any) -> Any:
        return ops.max_pool(inputs, **arguments)


class MaxPooling1D(MaxPooling):
    """The largest value of each window of a sequence, channel by channel.

    Input: `(batch, steps, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window; 2.
        strides: how far the window moves; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 1


class MaxPooling2D(MaxPooling):
    """The largest value of each window of an image, channel by channel.

    Input: `(batch, height, width, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window, or one for each axis; 2.
        strides: how far the window moves, or one for each axis; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 2


class MaxPooling3D(MaxPooling):
    """The largest value of each window of a volume, channel by channel.

    Input: `(batch, depth, height, width, channels)`; output: the same with the numbers of windows.

    Args:
        pool_size: size of the window, or one for each axis; 2.
        strides: how far the window moves, or one for each axis; `pool_size` when None.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    Raises:
        ArgumentError: for sizes or strides that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 3
