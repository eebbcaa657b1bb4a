"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any

from lamina import activations, ops
from lamina.layers.recurrent.cell import RecurrentCell, Shape, like, product, single
from lamina.layers.recurrent.cell_layer import CellLayer
from lamina.layers.recurrent.lstm import cudnn_choice


class GRUCell(RecurrentCell):
    """One step of `GRU`.

    Args:
        units, ..., seed: as of `GRU`.

    Call arguments:
        inputs: `(batch, features)`.
        states: `(batch, units)`, by itself or in a list.
        training: whether dropout applies.

    Returns:
        The output, which is the new state too, and the new state in the form of `states`.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = bool(reset_after)

    def _shapes(self, input_shape: Shape) -> tuple[Shape, Shape, Shape]:
        """With `reset_after`, inputs and state have a bias each."""
        kernel, recurrent_kernel, bias = super()._shapes(input_shape)
        return kernel, recurrent_kernel, (2, *bias) if self.reset_after else bias

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> tuple[Any, Any]:
        hidden = single(states)
        for_inputs, for_state = self._masks_for(inputs, training)
        from_inputs = product(inputs, self.kernel, for_inputs)
        if self.bias is not None:
            from_inputs = from_inputs + (self.bias[0] if self.reset_after else self.bias)
        step = self._reset_after if self.reset_after else self._reset_before
        update, candidate = step(from_inputs, hidden, for_state)
        output = update * hidden + (1 - update) * candidate
        return output, like(states, output)

    def _reset_after(self, from_inputs: Any, hidden: Any, masks: list[Any]) -> tuple[Any, Any]:
        """The update gate and the candidate, where the reset gate takes from what the state gives."""
        from_state = product(hidden, self.recurrent_kernel, masks)
        if self.bias is not None:
            from_state = from_state + self.bias[1]
        update, reset, candidate = ops.split(from_inputs, 3, axis=-1)
        update_state, reset_state, candidate_state = ops.split(from_state, 3, axis=-1)
        update = self.recurrent_activation(update + update_state)
        reset = self.recurrent_activation(reset + reset_state)
        return update, self.activation(candidate + reset * candidate_state)

    def _reset_before(self, from_inputs: Any, hidden: Any, masks: list[Any]) -> tuple[Any, Any]:
        """The update gate and the candidate, where the reset gate takes from the state itself."""
        gates, last = ops.split(self.recurrent_kernel, [2 * self.units], axis=-1)
        both = product(hidden, gates, masks[:2])
        update, reset, candidate = ops.split(from_inputs, 3, axis=-1)
        update_state, reset_state = ops.split(both, 2, axis=-1)
        update = self.recurrent_activation(update + update_state)
        reset = self.recurrent_activation(reset + reset_state)
        return update, self.activation(candidate + product(reset * hidden, last, masks[2:]))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(CellLayer):
    """A recurrent layer with one state, and gates that say how much of it is renewed.

    Input: `(batch, steps, features)`; output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`.

    Args:
        units: size of the output and of the state.
        activation: of the candidate for the state; `"tanh"`.
        recurrent_activation: of the gates; `"sigmoid"`.
        use_bias: whether biases are added; True.
        kernel_initializer: of the weights for the inputs; `"glorot_uniform"`.
        recurrent_initializer: of the weights for the state; `"orthogonal"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties added to the
            loss; none.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each update; none.
        dropout: share of the inputs that is set to 0 while training, the same ones in all steps; 0.
        recurrent_dropout: share of the state that is; 0. Where it is not 0, each gate has a choice of its own, as in
            Keras, and a step takes several products instead of one.
        seed: of the random numbers; drawn when None.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as of `RNN`.
        reset_after: whether the reset gate comes after the product of the state, which then has a bias of its own
            (the bias is `(2, 3 * units)`), or before; True. Without it a step takes two products instead of one.
        use_cudnn: accepted as in Keras, without effect.

    Call arguments:
        sequences, initial_state, mask, training: as of `RNN`; there is one state, `(batch, units)`.

    Raises:
        ArgumentError: if `units` is not a positive whole number, or a rate of dropout is not within 0 and 1.

    Source: Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder", versions 1 (`reset_after`)
        and 3.
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
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        cell = GRUCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout,
            reset_after=reset_after, seed=seed, name="gru_cell", **self._for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = cudnn_choice(self._title(), use_cudnn)
