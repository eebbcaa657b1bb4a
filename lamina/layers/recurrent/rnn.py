"""The recurrent layer over any cell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from lamina import ops
from lamina.base import dtypes, trees
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers import remat
from lamina.layers.input_spec import advice_on_steps
from lamina.layers.layer import Layer
from lamina.layers.recurrent.cell import DropoutCell
from lamina.layers.recurrent.memory import Memory
from lamina.layers.recurrent.over_time import Loop, step_mask
from lamina.layers.recurrent.stacked_rnn_cells import StackedRNNCells, check_cell, output_size_of, step_of


class RNN(Layer):
    """Runs a cell over the steps of sequences, in one loop of the native program.

    Input: `(batch, steps, ...)`, where the number of steps may be open; output: `(batch, output_size)`, or
    `(batch, steps, output_size)` with `return_sequences`.

    Args:
        cell: an object, mostly a layer, with `call(inputs, states)`, which gives the output of a step and the new
            states; `state_size`, an int, or a list of ints for several states; perhaps `output_size`, the first of
            the states' sizes otherwise; and perhaps `get_initial_state(batch_size)`. Or a list of cells, of which
            each takes the output of the one before.
        return_sequences: whether the outputs of all steps are given, instead of that of the last one; False.
        return_state: whether the last states are given too, after the output; False.
        go_backwards: whether the last step comes first. The outputs are in the order in which they came to be; False.
        stateful: whether a batch begins with the states in which the one before ended, sample by sample, until
            `reset_state()`; the size of the batch must be known. False.
        unroll: accepted as in Keras, without effect: a compiled loop is as fast for two steps, and faster for more.
        zero_output_for_mask: whether the output of a step that is masked is zero. Otherwise it is that of the step
            before; before the first step that counts, it is the state where the cell gives a state as output, and
            zero where it does not. False.

    Call arguments:
        sequences: `(batch, steps, ...)`.
        initial_state: the states before the first step, a tensor or a list of them; zeros when None. As in Keras, a
            layer that is given one finds no mask by itself: give `mask` too.
        mask: bools `(batch, steps)`: where False, the states stay as they are; the mask of the sequences when None.
        training: whether this is a training step; passed on to cells that take it.

    Returns:
        The output, or a tuple of it and the states, with a list for each cell that has several.

    Raises:
        ArgumentError: if the cell lacks `call` or `state_size`, or `initial_state` has another number of states.
        ShapeError: if sequences, states or mask do not have the shapes above.

    Example:
        class Counter(layers.Layer):
            state_size = 1

            def call(self, inputs, states):
                total = states[0] + ops.sum(inputs, axis=-1, keepdims=True)
                return total, [total]

        totals = layers.RNN(Counter(), return_sequences=True)(x)
    """

    _remat_of_parts = True  # of a recurrent layer the steps are computed again, and not the loop

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        sizes = check_cell(self._title(), "cell", self.cell)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.state_size = [sizes] if isinstance(sizes, int) else list(sizes)
        self.supports_masking = True
        self._memory: Memory | None = None

    # ---- weights and states ----

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        self._check_shape(sequences_shape)
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self._memory is None:
            if sequences_shape[0] is None:
                raise ShapeError(
                    f"{self._title()}: stateful=True needs a known size of the batch, as there is a state for each "
                    f"sample. Give it: `Input(batch_shape=(32, ...))`. Received: input shape {tuple(sequences_shape)}."
                )
            self._memory = Memory(self._title(), self.get_initial_state(sequences_shape[0]), self.variable_dtype)

    def _check_shape(self, shape: Any) -> None:
        if len(shape) < 3 or not all(size is None or isinstance(size, int) for size in shape):
            raise ShapeError(
                f"{self._title()} takes one tensor of rank 3 or more: (batch, steps, features). Received: input shape "
                f"{tuple(shape)}. {advice_on_steps(shape)} Initial states go in as `initial_state`."
            )

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states before the first step, for a batch of this size: what the cell says, or zeros."""
        if hasattr(self.cell, "get_initial_state"):
            states = self.cell.get_initial_state(batch_size=batch_size)
            return list(states) if isinstance(states, (list, tuple)) else [states]
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return [ops.zeros((batch_size, size), dtype) for size in self.state_size]

    @property
    def states(self) -> list[Any] | None:
        """The variables with the states of a stateful layer; None before it is built, and for other layers."""
        return None if self._memory is None else self._memory.variables

    def reset_state(self) -> None:
        """Sets the states of a stateful layer to zero."""
        if self._memory is not None:
            self._memory.reset()

    reset_states = reset_state

    # ---- computing ----

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = False) -> Any:
        self._check_shape(sequences.shape)
        batch = sequences.dims[0]
        states = self._first_states(batch, initial_state)
        counts = None if mask is None else step_mask(self._title(), trees.flatten(mask)[0], sequences)
        recompute = bool(training) and remat.takes_loop(self, lambda: self.compute_output_shape(sequences.shape))
        loop = Loop(
            self._title(), self._step(training), (batch, *self._output_dims(sequences.shape)), self._output_dtype(),
            getattr(self.cell, "output_state", None), self.go_backwards, self.return_sequences,
            self.zero_output_for_mask, recompute,
        )  # fmt: skip
        with ExitStack() as stack:
            stack.enter_context(remat.parts_of_it(self._remat is not None))
            for cell in self._dropout_cells():
                stack.enter_context(cell.same_dropout(batch, training))
            output, states = loop.run(sequences, states, counts)
        if self._memory is not None:
            self._memory.keep(trees.flatten(states))
        output, states = trees.map_structure(self._given, (output, states))
        return (output, *states) if self.return_state else output

    def _step(self, training: Any) -> Any:
        return step_of(self._title(), self.cell, training)

    def _dropout_cells(self) -> list[DropoutCell]:
        cells = [self.cell, *self.cell.sublayers()] if isinstance(self.cell, Layer) else []
        return [cell for cell in cells if isinstance(cell, DropoutCell)]

    def _given(self, value: Any) -> Any:
        """A result in the dtype of the layer."""
        return ops.cast(value, self.compute_dtype) if dtypes.is_float(value.dtype) else value

    def _first_states(self, batch: Any, given: Any) -> list[Any]:
        """The states before the first step."""
        begin = self.get_initial_state(batch)
        if given is None:
            return begin if self._memory is None else trees.unflatten(begin, self._memory.values(batch))
        wanted, found = trees.flatten(begin), [ops.convert_to_tensor(s) for s in trees.flatten(given)]
        if len(found) != len(wanted):
            raise ArgumentError(
                f"{self._title()}: initial_state must have {len(wanted)} tensor(s), for state sizes {self.state_size}. "
                f"Received: {len(found)}."
            )
        for place, (expected, state) in enumerate(zip(wanted, found)):
            if tuple(state.dims) != tuple(expected.dims):
                raise ShapeError(
                    f"{self._title()}: initial_state {place} must be of shape {tuple(expected.shape)}, the batch of "
                    f"the sequences and the size of the state. Received: {tuple(state.shape)}."
                )
        return trees.unflatten(begin, [ops.cast(s, b.dtype) for s, b in zip(found, wanted)])

    def _output_dims(self, sequences_shape: Sequence[int | None]) -> tuple[int, ...]:
        """The shape of the output of one step, without the batch."""
        return (output_size_of(self.cell),)

    def _output_dtype(self) -> str:
        return getattr(self.cell, "compute_dtype", self.compute_dtype)

    # ---- shapes, masks, description ----

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        self._check_shape(sequences_shape)
        batch, steps = sequences_shape[:2]
        own = self._output_dims(sequences_shape)
        shape = (batch, steps, *own) if self.return_sequences else (batch, *own)
        return (shape, *self._state_shapes(sequences_shape)) if self.return_state else shape

    def _state_shapes(self, sequences_shape: Any) -> list[Any]:
        batch = sequences_shape[0]
        return [(batch, size) if isinstance(size, int) else [(batch, one) for one in size] for size in self.state_size]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the sequences, where all outputs are given; states have none."""
        masks = trees.flatten(previous_mask)
        mask = masks[0] if masks and self.return_sequences else None
        return [mask, *[None] * len(self.state_size)] if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        from lamina import layers  # which imports this module

        return super().get_config() | {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": layers.serialize(self.cell),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RNN:
        from lamina import layers

        return cls(**{**config, "cell": layers.deserialize(config["cell"])})
