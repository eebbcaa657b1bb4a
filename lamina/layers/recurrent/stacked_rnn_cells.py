"""Cells on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError
from lamina.layers.arguments import call_parameters
from lamina.layers.layer import Layer


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Args:
        cells: the cells, as of `RNN`.

    Call arguments:
        inputs: `(batch, ...)`.
        states: for each cell its state, or the list of them.
        training: passed on to cells that take it.

    Returns:
        The output of the last cell, and the new states in the form of `states`.

    Raises:
        ArgumentError: if there is no cell, or one lacks `call` or `state_size`.

    Example:
        layers.RNN(layers.StackedRNNCells([layers.LSTMCell(64), layers.LSTMCell(64)]))
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ArgumentError(f"{self._title()}: cells must be a list of at least one cell. Received: {cells!r}.")
        for i, cell in enumerate(cells):
            check_cell(self._title(), f"cells[{i}]", cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size_of(self.cells[-1])

    @property
    def output_state(self) -> int | None:
        """Which of all states is the output, where the last cell says which of its own is."""
        own = getattr(self.cells[-1], "output_state", None)
        return None if own is None else len(trees.flatten(self.state_size[:-1])) + own

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states before the first step, for each cell."""
        return [_first_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def call(self, inputs: Any, states: Any, training: bool | None = False, **kwargs: Any) -> tuple[Any, list[Any]]:
        new: list[Any] = []
        for cell, old in zip(self.cells, states, strict=True):
            takes = "training" in call_parameters(type(cell).call)
            options = {**kwargs, "training": training} if takes else kwargs
            several = isinstance(old, (list, tuple))
            call = cell if callable(cell) else cell.call
            inputs, found = call(inputs, list(old) if several else [old], **options)
            new.append(found if several or not isinstance(found, (list, tuple)) else found[0])
        return inputs, new

    def get_config(self) -> dict[str, Any]:
        from lamina import layers  # which imports this module

        return super().get_config() | {"cells": [layers.serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StackedRNNCells:
        from lamina import layers

        return cls(**{**config, "cells": [layers.deserialize(cell) for cell in config["cells"]]})


def _first_state(cell: Any, batch_size: Any, dtype: str) -> Any:
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    size = cell.state_size
    if isinstance(size, int):
        return ops.zeros((batch_size, size), dtype)
    return [ops.zeros((batch_size, one), dtype) for one in size]


def output_size_of(cell: Any) -> int:
    """The size of a cell's output: what it says, or that of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = trees.flatten(cell.state_size)[0]
    if not isinstance(size, int):
        raise ArgumentError(f"The output_size of the cell {cell!r} must be a whole number. Received: {size!r}.")
    return size


def check_cell(owner: str, argument: str, cell: Any) -> Any:
    """The `state_size` of a cell.

    Raises:
        ArgumentError: if it is no cell.
    """
    if not hasattr(type(cell), "call") or isinstance(cell, type):
        raise ArgumentError(
            f"{owner}: {argument} must be a cell, an object with `call(inputs, states)`, such as LSTMCell(32). "
            f"Received: {cell!r}."
        )
    if hasattr(cell, "return_sequences"):
        raise ArgumentError(
            f"{owner}: {argument} must be a cell, which computes one step. Received: {cell!r}, a layer of whole "
            f"sequences, which needs no RNN around it; its cell would be {type(cell).__name__}Cell(...)."
        )
    size = getattr(cell, "state_size", None)
    leaves = trees.flatten(size)
    if not leaves or not all(isinstance(leaf, int) for leaf in leaves):
        raise ArgumentError(
            f"{owner}: {argument} must have a `state_size`, a whole number or a list of them, one for each state. "
            f"Received: a {type(cell).__name__} with state_size {size!r}."
        )
    needed = [p for p in call_parameters(type(cell).call).values() if p.kind is not p.KEYWORD_ONLY]
    if len(needed) < 2 and not any(p.kind is p.VAR_POSITIONAL for p in needed):
        raise ArgumentError(
            f"{owner}: {argument} must have `call(self, inputs, states)`. Received: a {type(cell).__name__}, whose "
            "call takes no states."
        )
    return size


def step_of(owner: str, cell: Any, training: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """What computes a step: takes its inputs and the states, gives the output and the new states.

    The function that is returned raises ArgumentError if the cell gives something else.
    """
    call = cell if callable(cell) else cell.call
    options = {"training": training} if "training" in call_parameters(type(cell).call) else {}

    def step(inputs: Any, states: Any) -> tuple[Any, Any]:
        found = call(inputs, states, **options)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            what = f"{len(found)} values" if isinstance(found, (tuple, list)) else f"a {type(found).__name__}"
            raise ArgumentError(
                f"{owner}: the cell {type(cell).__name__} must give two things, `return output, new_states`. "
                f"Received: {what}."
            )
        return found[0], found[1]

    return step
