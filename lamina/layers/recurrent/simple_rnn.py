"""The plain recurrent layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.recurrent.cell import RecurrentCell, like, product, single
from lamina.layers.recurrent.cell_layer import CellLayer


class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: `h = activation(inputs @ kernel + bias + h @ recurrent_kernel)`.

    Args:
        units, ..., seed: as of `SimpleRNN`.

    Call arguments:
        inputs: `(batch, features)`.
        states: `(batch, units)`, by itself or in a list.
        training: whether dropout applies.

    Returns:
        The output, which is the new state too, and the new state in the form of `states`.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        super().__init__(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, **kwargs,
        )  # fmt: skip

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> tuple[Any, Any]:
        for_inputs, for_state = self._masks_for(inputs, training)
        total = product(inputs, self.kernel, for_inputs)
        if self.bias is not None:
            total = total + self.bias
        output = self.activation(total + product(single(states), self.recurrent_kernel, for_state))
        return output, like(states, output)


class SimpleRNN(CellLayer):
    """A recurrent layer whose output is fed back: `h = activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Input: `(batch, steps, features)`; output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`.

    Args:
        units: size of the output and of the state.
        activation: `"tanh"`.
        use_bias: whether a bias is added; True.
        kernel_initializer: of the weights for the inputs; `"glorot_uniform"`.
        recurrent_initializer: of the weights for the state; `"orthogonal"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the
            loss; none.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each update; none.
        dropout: share of the inputs that is set to 0 while training, the same ones in all steps; 0.
        recurrent_dropout: share of the state that is; 0.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as of `RNN`.
        seed: of the random numbers; drawn when None.

    Call arguments:
        sequences, initial_state, mask, training: as of `RNN`; there is one state, `(batch, units)`.

    Raises:
        ArgumentError: if `units` is not a positive whole number, or a rate of dropout is not within 0 and 1.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        cell = SimpleRNNCell(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="simple_rnn_cell", **self._for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
