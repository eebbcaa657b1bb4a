"""Convolutions of sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.convolutional.base import KernelLayer
from lamina.layers.spatial import whole_number


class Conv(KernelLayer):
    """The base of the convolutions.

    Args:
        filters: number of channels of the output.
        groups: parts into which the channels are cut, each convolved with its own share of the filters; 1.

    The other arguments are those of `KernelLayer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.groups = whole_number(self._title(), "groups", groups)
        if self.filters % self.groups:
            raise ArgumentError(
                f"{self._title()}: filters must be a multiple of groups. Received: filters={self.filters}, "
                f"groups={self.groups}. Choose filters={-(-self.filters // self.groups) * self.groups}, for example."
            )

    def _build_kernels(self, channels: int) -> None:
        if channels % self.groups or not channels:
            raise ShapeError(
                f"{self._title()}: the input's channels must be a multiple of groups, and not 0. Received: {channels} "
                f"channel(s), groups={self.groups}. Choose groups that divide both the channels and the filters."
            )
        self._add_kernel((*self.kernel_size, channels // self.groups, self.filters))

    def _convolve(self, inputs: Any, **arguments: Any) -> Any:
        return ops.conv(inputs, self.kernel, **arguments)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups}


class Conv1D(Conv):
    """Convolves sequences with learnt kernels: each output is a weighted sum of a window of the input.

    Input: `(batch, steps, channels)`; output: `(batch, windows, filters)`. Weights: `kernel`
    `(kernel_size, channels / groups, filters)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: size of the window.
        strides: how far the window moves; 1.
        padding: `"valid"` (default): only windows within the input; `"same"`: as many windows as steps divided by
            `strides`, with zeros at both ends; `"causal"`: the same, with all zeros before the first step, so that
            no output sees later inputs.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        dilation_rate: distance of neighbouring values of a window; 1. Only 1 where `strides` is larger.
        groups: parts into which the channels are cut, each convolved with its own share of the filters; 1.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        kernel_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, an unknown padding, or groups that do not
            divide the filters.
        ShapeError: if groups do not divide the input's channels, or no window fits into the input.
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Conv):
    """Convolves images with learnt kernels: each output is a weighted sum of a window of the input.

    Input: `(batch, height, width, channels)`; output: `(batch, windows, windows, filters)`. Weights: `kernel`
    `(*kernel_size, channels / groups, filters)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: height and width of the window, or one number for both.
        strides: how far the window moves, for both axes or for each; 1.
        padding: `"valid"` (default): only windows within the input; `"same"`: as many windows along an axis as its
            size divided by its stride, with zeros around the image.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
        dilation_rate: distance of neighbouring values of a window; 1. Only 1 where `strides` is larger.
        groups: parts into which the channels are cut, each convolved with its own share of the filters; 1.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        kernel_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, an unknown padding, or groups that do not
            divide the filters.
        ShapeError: if groups do not divide the input's channels, or no window fits into the input.
    """

    rank = 2


class Conv3D(Conv):
    """Convolves volumes with learnt kernels: each output is a weighted sum of a window of the input.

    Input: `(batch, depth, height, width, channels)`; output: `(batch, windows, windows, windows, filters)`. Weights:
    `kernel` `(*kernel_size, channels / groups, filters)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: depth, height and width of the window, or one number for all.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`.

    The other arguments, and the errors, are those of `Conv2D`.
    """

    rank = 3
