"""Convolutions that take each channel by itself."""

from __future__ import annotations

from typing import Any

from lamina import constraints, initializers, ops, regularizers
from lamina.layers.convolutional.base import WindowedLayer
from lamina.layers.spatial import whole_number


class DepthwiseConv(WindowedLayer):
    """The base of the depthwise convolutions.

    Args:
        depth_multiplier: number of kernels, and so of outputs, of each channel; 1.
        depthwise_initializer: `"glorot_uniform"`.
        depthwise_regularizer: penalty added to the loss; none.
        depthwise_constraint: projection after each update; none.

    The other arguments are those of `WindowedLayer`.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = whole_number(self._title(), "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def _build_kernels(self, channels: int) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer, regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )  # fmt: skip

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def _convolve(self, inputs: Any, **arguments: Any) -> Any:
        return ops.depthwise_conv(inputs, self.kernel, **arguments)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
        }


class DepthwiseConv1D(DepthwiseConv):
    """Convolves every channel of sequences by itself, with kernels of its own.

    Input: `(batch, steps, channels)`; output: `(batch, windows, channels * depth_multiplier)`, the outputs of a channel
    side by side. Weights: `kernel` `(kernel_size, channels, depth_multiplier)`, then `bias`.

    Args:
        kernel_size: size of the window.
        strides: how far the window moves; 1.
        padding: `"valid"` (default) or `"same"`, as of `Conv1D`.
        depth_multiplier: number of kernels, and so of outputs, of each channel; 1.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        dilation_rate: distance of neighbouring values of a window; 1.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        depthwise_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        depthwise_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """Convolves every channel of images by itself, with kernels of its own.

    Input: `(batch, height, width, channels)`; output: `(batch, windows, windows, channels * depth_multiplier)`, the
    outputs of a channel side by side. Weights: `kernel` `(*kernel_size, channels, depth_multiplier)`, then `bias`.

    Args:
        kernel_size: height and width of the window, or one number for both.
        strides: how far the window moves, for both axes or for each; 1.
        padding: `"valid"` (default) or `"same"`, as of `Conv2D`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    The other arguments, and the errors, are those of `DepthwiseConv1D`.
    """

    rank = 2
