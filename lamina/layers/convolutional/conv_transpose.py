"""Transposed convolutions, which enlarge sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.convolutional.base import KernelLayer
from lamina.layers.spatial import SampleShape, whole_numbers


class ConvTranspose(KernelLayer):
    """The base of the transposed convolutions.

    Along an axis of size `n`, with stride `s` and a window that spans `k = (kernel_size - 1) * dilation_rate + 1`, the
    output has `(n - 1) * s + max(k, s)` places with padding `"valid"` and `n * s` with `"same"`. With an
    `output_padding` `p` it has `(n - 1) * s + k + p` and `(n - 1) * s + k % 2 + p`.

    Args:
        filters: number of channels of the output.
        output_padding: places to add at the end of each axis, below its stride; as above when None.

    The other arguments are those of `KernelLayer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = whole_numbers(self._title(), "output_padding", output_padding, self.rank, least=0)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ArgumentError(
                    f"{self._title()}: output_padding must be below strides along every axis. Received: "
                    f"output_padding={self.output_padding}, strides={self.strides}."
                )

    def _build_kernels(self, channels: int) -> None:
        self._add_kernel((*self.kernel_size, self.filters, channels))

    def _convolve(self, inputs: Any, **arguments: Any) -> Any:
        return ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **arguments)

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        spatial, _ = self._parts(input_shape)
        sizes = tuple(None if size is None else self._enlarged(axis, size) for axis, size in enumerate(spatial))
        return self._joined(input_shape[0], sizes, self.filters)

    def _enlarged(self, axis: int, size: int) -> int:
        stride = self.strides[axis]
        span = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        if self.output_padding is None:
            return size * stride if self.padding == "same" else (size - 1) * stride + max(span, stride)
        least = span % 2 if self.padding == "same" else span
        return (size - 1) * stride + least + self.output_padding[axis]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"output_padding": self.output_padding}


class Conv1DTranspose(ConvTranspose):
    """Enlarges sequences with learnt kernels: each input adds its kernel, scaled, to a window of the output.

    Input: `(batch, steps, channels)`; output: `(batch, more steps, filters)`, as many as `ConvTranspose` says. Weights:
    `kernel` `(kernel_size, filters, channels)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: size of the window.
        strides: by how much the sequence grows; 1.
        padding: `"valid"` (default): all that the windows reach; `"same"`: `steps * strides`.
        output_padding: steps to add at the end, below `strides`; as many as padding asks for when None.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, steps)`.
        dilation_rate: distance of neighbouring values of a window; 1. Only 1 where `strides` is larger.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        kernel_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, an unknown padding, or an `output_padding`
            that is not below `strides`.
    """

    rank = 1


class Conv2DTranspose(ConvTranspose):
    """Enlarges images with learnt kernels: each input adds its kernel, scaled, to a window of the output.

    Input: `(batch, height, width, channels)`; output: `(batch, larger height, larger width, filters)`, as
    `ConvTranspose` says. Weights: `kernel` `(*kernel_size, filters, channels)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: height and width of the window, or one number for both.
        strides: by how much the image grows, for both axes or for each; 1.
        padding: `"valid"` (default): all that the windows reach; `"same"`: the image's size times `strides`.
        output_padding: places to add at the end of each axis, below its stride; as many as padding asks for when None.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, height, width)`.
        dilation_rate: distance of neighbouring values of a window; 1. Only 1 where `strides` is larger.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        kernel_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.

    Raises:
        ArgumentError: for numbers that are no positive whole numbers, an unknown padding, or an `output_padding`
            that is not below `strides`.
    """

    rank = 2


class Conv3DTranspose(ConvTranspose):
    """Enlarges volumes with learnt kernels: each input adds its kernel, scaled, to a window of the output.

    Input: `(batch, depth, height, width, channels)`; output: the same, larger, with `filters` channels, as
    `ConvTranspose` says. Weights: `kernel` `(*kernel_size, filters, channels)`, then `bias` `(filters,)`.

    Args:
        filters: number of channels of the output.
        kernel_size: depth, height and width of the window, or one number for all.
        data_format: `"channels_last"`, or `"channels_first"` for `(batch, channels, depth, height, width)`; as in
            Keras it comes before `output_padding` here.

    The other arguments, and the errors, are those of `Conv2DTranspose`.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *args, **kwargs)
