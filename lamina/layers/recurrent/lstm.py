"""The long short-term memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import activations, ops
from lamina.base.errors import ArgumentError
from lamina.layers.recurrent.cell import RecurrentCell, forget_at_first, product
from lamina.layers.recurrent.cell_layer import CellLayer


class LSTMCell(RecurrentCell):
    """One step of `LSTM`.

    Args:
        units, ..., seed: as of `LSTM`.

    Call arguments:
        inputs: `(batch, features)`.
        states: the output `h` of the step before, and the memory `c`: both `(batch, units)`.
        training: whether dropout applies.

    Returns:
        The output `h`, and the new states `[h, c]`.
    """

    gates = 4

    def __init__(
        self,
        units: int,
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
        super().__init__(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.units, self.units]

    def _first_bias(self) -> Any:
        return forget_at_first(self.bias_initializer, self.units) if self.unit_forget_bias else self.bias_initializer

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> tuple[Any, list[Any]]:
        hidden, memory = states
        for_inputs, for_state = self._masks_for(inputs, training)
        total = product(inputs, self.kernel, for_inputs)
        if self.bias is not None:
            total = total + self.bias
        total = total + product(hidden, self.recurrent_kernel, for_state)
        return remembered(ops.split(total, 4, axis=-1), memory, self.activation, self.recurrent_activation)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


def remembered(gates: Sequence[Any], memory: Any, activation: Any, recurrent_activation: Any) -> tuple[Any, list[Any]]:
    """The output of a long short-term memory, and its new states.

    Args:
        gates: the sums for what comes in, what stays, the candidate for the memory, and what comes out.
    """
    take, keep, candidate, give = gates
    memory = recurrent_activation(keep) * memory + recurrent_activation(take) * activation(candidate)
    hidden = recurrent_activation(give) * activation(memory)
    return hidden, [hidden, memory]


class LSTM(CellLayer):
    """A recurrent layer with a memory, and gates that say what goes into it, what stays, and what comes out.

    Input: `(batch, steps, features)`; output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`.

    Args:
        units: size of the output and of both states.
        activation: of the candidate for the memory, and of the memory on its way out; `"tanh"`.
        recurrent_activation: of the gates; `"sigmoid"`.
        use_bias: whether a bias is added; True.
        kernel_initializer: of the weights for the inputs; `"glorot_uniform"`.
        recurrent_initializer: of the weights for the state; `"orthogonal"`.
        bias_initializer: `"zeros"`.
        unit_forget_bias: whether the bias of the gate that forgets begins as 1; True.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the
            loss; none.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each update; none.
        dropout: share of the inputs that is set to 0 while training, the same ones in all steps; 0.
        recurrent_dropout: share of the state that is; 0. Where it is not 0, each gate has a choice of its own, as in
            Keras, and a step takes several products instead of one.
        seed: of the random numbers; drawn when None.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as of `RNN`.
        use_cudnn: accepted as in Keras, without effect.

    Call arguments:
        sequences, initial_state, mask, training: as of `RNN`; the states are the output and the memory,
            `[(batch, units), (batch, units)]`.

    Raises:
        ArgumentError: if `units` is not a positive whole number, or a rate of dropout is not within 0 and 1.

    Source: Hochreiter and Schmidhuber, 1997, "Long short-term memory"; the gate that forgets: Gers et al., 2000; its
        bias: Jozefowicz et al., 2015.
    """

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        cell = LSTMCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="lstm_cell", **self._for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = cudnn_choice(self._title(), use_cudnn)


def cudnn_choice(owner: str, value: Any) -> Any:
    """`value` if it is one of those that Keras takes, or ArgumentError."""
    if value not in ("auto", True, False):
        raise ArgumentError(f"{owner}: use_cudnn must be 'auto', True or False. Received: {value!r}.")
    return value
