"""What all convolutions have in common: the window, the bias, the activation."""

from __future__ import annotations

from typing import Any

from lamina import activations, constraints, initializers, ops, regularizers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.spatial import SampleShape, SpatialLayer, SpatialSpec, padding_mode, whole_number, whole_numbers


class WindowedLayer(SpatialLayer):
    """The base of the convolutions.

    A subclass makes its kernels in `_build_kernels`, says how many channels come out in `_output_channels`, and
    computes the convolution in `_convolve`; this class adds the bias and applies the activation.

    Args:
        kernel_size: of the window, for all axes or for each.
        strides: how far the window moves; 1.
        padding: one of `paddings`.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
        dilation_rate: distance of neighbouring values of a window; 1.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        bias_initializer: `"zeros"`.
        bias_regularizer, activity_regularizer: penalties added to the loss; none.
        bias_constraint: projection after each update; none.
    """

    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, activity_regularizer=activity_regularizer, **kwargs)
        title = self._title()
        self.kernel_size = whole_numbers(title, "kernel_size", kernel_size, self.rank)
        self.strides = whole_numbers(title, "strides", strides, self.rank)
        self.padding = padding_mode(title, padding, self.paddings)
        self.dilation_rate = whole_numbers(title, "dilation_rate", dilation_rate, self.rank)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    # ---- what subclasses write ----

    def _build_kernels(self, channels: int) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not say what its kernels are.")

    def _output_channels(self, channels: int | None) -> int | None:
        raise NotImplementedError(f"{type(self).__name__} does not say how many channels come out of it.")

    def _convolve(self, inputs: Any, **arguments: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how it convolves.")

    # ---- what they share ----

    def build(self, input_shape: SampleShape) -> None:
        _, channels = self._parts(input_shape)
        if channels is None:
            raise ShapeError(
                f"{self._title()}: the number of channels (axis {self._channel_axis}) must be known to make "
                f"the kernel. Received: input shape {tuple(input_shape)}."
            )
        self.compute_output_shape(input_shape)
        self._build_kernels(channels)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self._output_channels(channels),), initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = SpatialSpec(self.rank, self.data_format, channels)

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        outputs = self._convolve(
            inputs,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            outputs = outputs + self._bias_for(outputs)
        return self.activation(outputs)

    def _bias_for(self, outputs: Any) -> Any:
        """The bias in a shape that goes with the layout of the outputs."""
        if self.data_format == "channels_last":
            return self.bias
        return ops.reshape(self.bias, (1, outputs.shape[1], *[1] * self.rank))

    def compute_output_shape(self, input_shape: SampleShape) -> SampleShape:
        counts = self._windows(
            input_shape, "kernel_size", self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        channels = self._output_channels(input_shape[self._channel_axis])
        return self._joined(input_shape[0], counts, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }

    def _check_steps(self) -> None:
        """ArgumentError if the window both leaps and is spread out, which these layers refuse, as Keras does."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{self._title()}: strides above 1 do not go together with a dilation_rate above 1. Received: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}. Set one of them to 1."
            )


class KernelLayer(WindowedLayer):
    """The base of the convolutions with one kernel and a number of filters.

    Args:
        filters: number of channels of the output.
        kernel_initializer: `"glorot_uniform"`.
        kernel_regularizer: penalty added to the loss; none.
        kernel_constraint: projection after each update; none.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        *,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(kernel_size, **kwargs)
        self.filters = whole_number(self._title(), "filters", filters)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self._check_steps()

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip

    def _output_channels(self, channels: int | None) -> int:
        return self.filters

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }
