"""The states that a stateful layer keeps from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ShapeError
from lamina.tensor import Variable


class Memory:
    """Variables for the states of a layer, one row for each sample of a batch.

    They are no weights: neither saved nor counted, as in Keras.

    Args:
        owner: what messages call the layer.
        states: the first states, for a batch of known size.
        dtype: of the variables.
    """

    def __init__(self, owner: str, states: Any, dtype: str):
        self.owner = owner
        self.variables = [
            Variable(np.asarray(s), dtype=dtype, trainable=False, name="rnn_state") for s in trees.flatten(states)
        ]
        self.batch = int(self.variables[0].shape[0])

    def reset(self) -> None:
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    def values(self, batch: Any) -> list[Any]:
        """The states for a batch. Where its size is open, the program checks that there are as many samples as states.

        Raises:
            ShapeError: if the batch has another size.
        """
        self._check(batch)
        return [_rows(ops.convert_to_tensor(v), batch) for v in self.variables]

    def keep(self, states: Sequence[Any]) -> None:
        """Assigns the states after a batch."""
        for variable, state in zip(self.variables, states, strict=True):
            self._check(state.dims[0])
            variable.assign(ops.cast(_rows(state, self.batch), variable.dtype))

    def _check(self, batch: Any) -> None:
        if isinstance(batch, int) and batch != self.batch:
            raise ShapeError(
                f"{self.owner} is stateful, with states for {self.batch} samples: every batch must have as many. "
                f"Received: a batch of {batch}."
            )


def _rows(state: Any, count: Any) -> Any:
    """The first rows of a state; there must be so many."""
    return state if state.dims[0] == count else ops.take(state, ops.arange(count), axis=0)
