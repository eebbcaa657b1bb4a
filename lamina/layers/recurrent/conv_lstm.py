"""The long short-term memory whose products are convolutions, for sequences of images and the like."""

from __future__ import annotations

from typing import Any

from lamina import activations, ops
from lamina.base.dims import Dimension
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.recurrent.cell import GatedCell, Shape, forget_at_first, product
from lamina.layers.recurrent.cell_layer import CellLayer
from lamina.layers.recurrent.lstm import remembered
from lamina.layers.spatial import SpatialLayer, padding_mode, whole_number, whole_numbers


class ConvLSTMCell(SpatialLayer, GatedCell):
    """One step of `ConvLSTM1D`, `ConvLSTM2D` or `ConvLSTM3D`.

    Args:
        rank: number of axes of space.
        filters, ..., seed: as of `ConvLSTM2D`.

    Call arguments:
        inputs: `(batch, *space, channels)`, or channels first.
        states: the output of the step before, and the memory: both of the shape of the output.
        training: whether dropout applies.

    Returns:
        The output `h`, and the new states `[h, c]`.
    """

    gates = 4
    mask_count = 4

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        self.rank = rank
        super().__init__(
            data_format, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, **kwargs,
        )  # fmt: skip
        title = self._title()
        self.filters = whole_number(title, "filters", filters)
        self.kernel_size = whole_numbers(title, "kernel_size", kernel_size, rank)
        self.strides = whole_numbers(title, "strides", strides, rank)
        self.padding = padding_mode(title, padding)
        self.dilation_rate = whole_numbers(title, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{title}: strides above 1 do not go together with a dilation_rate above 1. Received: strides="
                f"{self.strides}, dilation_rate={self.dilation_rate}. Set one of them to 1."
            )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.filters, self.filters]
        self.output_size = self.filters

    def _shapes(self, input_shape: Shape) -> tuple[Shape, Shape, Shape]:
        space, channels = self._parts(input_shape)
        if channels is None or None in space:
            raise ShapeError(
                f"{self._title()}: the axes of space and the channels of the input must be known, as the state has "
                f"their sizes. Received: input shape {tuple(input_shape)} of a step."
            )
        self._state_dims = self.output_shape(input_shape)[1:]
        wide = self.gates * self.filters
        return (*self.kernel_size, channels, wide), (*self.kernel_size, self.filters, wide), (wide,)

    def _first_bias(self) -> Any:
        return forget_at_first(self.bias_initializer, self.filters) if self.unit_forget_bias else self.bias_initializer

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output, and of both states, for inputs of this shape."""
        counts = self._windows(
            input_shape, "kernel_size", self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return self._joined(input_shape[0], counts, self.filters)

    def compute_output_shape(self, input_shape: Shape, states_shape: Any = None) -> Any:
        shape = self.output_shape(input_shape)
        return shape, [shape, shape]

    def state_dims(self) -> tuple[Dimension, ...]:
        return self._state_dims  # type: ignore[return-value]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states before the first step: zeros of the shape of the output."""
        return [ops.zeros((batch_size, *self._state_dims), self.compute_dtype) for _ in self.state_size]

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> tuple[Any, list[Any]]:
        hidden, memory = states
        for_inputs, for_state = self._masks_for(inputs, training)
        axis = self._channel_axis
        total = product(inputs, self.kernel, for_inputs, self._convolved, axis)
        if self.bias is not None:
            total = total + ops.reshape(self.bias, self._joined(1, (1,) * self.rank, self.gates * self.filters))
        total = total + product(hidden, self.recurrent_kernel, for_state, self._convolved_again, axis)
        return remembered(ops.split(total, 4, axis=axis), memory, self.activation, self.recurrent_activation)

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return ops.conv(
            x, kernel, strides=self.strides, padding=self.padding, data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )  # fmt: skip

    def _convolved_again(self, hidden: Any, kernel: Any) -> Any:
        return ops.conv(hidden, kernel, strides=1, padding="same", data_format=self.data_format)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rank": self.rank,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class ConvLSTM(CellLayer):
    """A long short-term memory for sequences of images and the like: its products are convolutions.

    Input: `(batch, steps, *space, channels)`, or `(batch, steps, channels, *space)` with channels first; output:
    `(batch, *windows, filters)`, or `(batch, steps, *windows, filters)` with `return_sequences`. Only batch and steps
    may be open.

    Args:
        filters: number of channels of the output and of both states.
        kernel_size: of the window, for all axes of space or for each.
        strides: how far the window over the inputs moves; 1.
        padding: `"valid"` or `"same"`, of the inputs; that of the state is always `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; that of the configuration when None.
        dilation_rate: distance of neighbouring values of a window over the inputs; 1.
        activation, recurrent_activation, use_bias, ..., unit_forget_bias, ..., seed: as of `LSTM`; with dropout, each
            gate has a choice of its own.
        return_sequences, return_state, go_backwards, stateful: as of `RNN`.

    Call arguments:
        sequences, initial_state, mask, training: as of `RNN`; the states are the output and the memory.

    Raises:
        ArgumentError: for sizes that are not positive whole numbers, another padding, or strides together with
            dilation.
        ShapeError: if the sizes of space are not known.

    Source: Shi et al., 2015, "Convolutional LSTM network".
    """

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        cell = ConvLSTMCell(
            self.rank, filters, kernel_size, strides=strides, padding=padding, data_format=data_format,
            dilation_rate=dilation_rate, activation=activation, recurrent_activation=recurrent_activation,
            use_bias=use_bias, kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="conv_lstm_cell", **self._for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    def _check_shape(self, shape: Any) -> None:
        if len(shape) != self.rank + 3 or not all(size is None or isinstance(size, int) for size in shape):
            raise ShapeError(
                f"{self._title()} takes one tensor of rank {self.rank + 3}: (batch, steps, *space, channels). "
                f"Received: input shape {tuple(shape)}. One sequence goes in as `x[None]`."
            )

    def _output_dims(self, sequences_shape: Any) -> tuple[int, ...]:
        return self.cell.output_shape((sequences_shape[0], *sequences_shape[2:]))[1:]

    def _state_shapes(self, sequences_shape: Any) -> list[Any]:
        return [(sequences_shape[0], *self._output_dims(sequences_shape))] * 2

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["rank"]
        return config


class ConvLSTM1D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 1


class ConvLSTM2D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 2


class ConvLSTM3D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 3
