"""Convolutions in two cheaper steps: each channel by itself, then each place by itself."""

from __future__ import annotations

from typing import Any

from lamina import constraints, initializers, ops, regularizers
from lamina.layers.convolutional.base import WindowedLayer
from lamina.layers.spatial import whole_number


class SeparableConv(WindowedLayer):
    """The base of the separable convolutions (Chollet, 2017).

    Args:
        filters: number of channels of the output.
        depth_multiplier: number of kernels of each channel in the first step; 1.
        depthwise_initializer, pointwise_initializer: of the kernels of the two steps; `"glorot_uniform"`.
        depthwise_regularizer, pointwise_regularizer: penalties added to the loss; none.
        depthwise_constraint, pointwise_constraint: projections after each update; none.

    The other arguments are those of `WindowedLayer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **kwargs,
        )  # fmt: skip
        self.filters = whole_number(self._title(), "filters", filters)
        self.depth_multiplier = whole_number(self._title(), "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def _build_kernels(self, channels: int) -> None:
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel", shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer, regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )  # fmt: skip
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(*[1] * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer, regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )  # fmt: skip

    def _output_channels(self, channels: int | None) -> int:
        return self.filters

    def _convolve(self, inputs: Any, **arguments: Any) -> Any:
        return ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **arguments)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(SeparableConv):
    """Convolves every channel of sequences by itself, then mixes the channels of each step.

    Input: `(batch, steps, channels)`; output: `(batch, windows, filters)`. Weights: `depthwise_kernel`
    `(kernel_size, channels, depth_multiplier)`, `pointwise_kernel` `(1, channels * depth_multiplier, filters)`, `bias`.

    Args:
        filters: number of channels of the output.
        kernel_size: size of the window.
        strides: how far the window moves; 1.
        padding: `"valid"` (default) or `"same"`, as of `Conv1D`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        dilation_rate: distance of neighbouring values of a window; 1.
        depth_multiplier: number of kernels of each channel in the first step; 1.
        activation: function of the result; none.
        use_bias: whether a bias is added at the end; True.
        depthwise_initializer, pointwise_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties; none.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, or an unknown padding.
        ShapeError: if no window fits into the input.
    """

    rank = 1


class SeparableConv2D(SeparableConv):
    """Convolves every channel of images by itself, then mixes the channels of each place.

    Input: `(batch, height, width, channels)`; output: `(batch, windows, windows, filters)`. Weights: `depthwise_kernel`
    `(*kernel_size, channels, depth_multiplier)`, `pointwise_kernel` `(1, 1, channels * depth_multiplier, filters)`,
    `bias`.

    Args:
        filters: number of channels of the output.
        kernel_size: height and width of the window, or one number for both.
        strides: how far the window moves, for both axes or for each; 1.
        padding: `"valid"` (default) or `"same"`, as of `Conv2D`.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.

    The other arguments, and the errors, are those of `SeparableConv1D`.
    """

    rank = 2
