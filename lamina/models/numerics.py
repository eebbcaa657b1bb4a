"""The search for the operation that made the first NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import format_shape
from lamina.base.errors import DataError, NumericError
from lamina.graph import Node
from lamina.graph.interpreter import interpret
from lamina.graph.loop import LoopProgram, LoopState
from lamina.tensor.debugging import Finding, bad_kind, find_origins


class CheckedLoop:
    """Runs a loop step by step and looks at the state after each one.

    When something in it is no longer finite, the step is undone and done again in the interpreter, to say
    where that came from. The state is left as it was before the step.

    Args:
        loop: the loop to run.
        program: what it does.
    """

    def __init__(self, loop: Any, program: LoopProgram):
        self.loop = loop
        self.program = program
        self._states = [s for graph in program.stages() for s, _ in graph.updates]

    def advance(
        self,
        state: LoopState,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
        max_steps: int,
    ) -> None:
        """As `advance` of any loop.

        Raises:
            NumericError: if a step makes a NaN or infinity.
        """
        for _ in range(max_steps):
            if state.done:
                return
            epoch, step = state.epoch, state.step
            before = {node: arrays[node].copy() for node in self._states}
            self.loop.advance(state, arrays, outputs, logs, 1)
            if not self._finite(arrays, outputs, self._rows(state, step)):
                for node, value in before.items():
                    arrays[node][...] = value
                state.epoch, state.step = epoch, step
                self._explain(state, arrays, before)

    @staticmethod
    def _rows(state: LoopState, step: int) -> slice:
        start = step * state.batch_size
        return slice(start, min(start + state.batch_size, state.rows))

    def _finite(self, arrays: Mapping[Node, np.ndarray], outputs: Sequence[np.ndarray], rows: slice) -> bool:
        seen = [arrays[s] for s, _ in self.program.body.updates] + [o[rows] for o in outputs]
        return not any(bad_kind(a) for a in seen)

    def _explain(self, state: LoopState, arrays: Mapping[Node, np.ndarray], before: dict[Node, np.ndarray]) -> None:
        """Raises the error that says where the step went wrong; the state is as before the step, and stays so."""
        prologue = self.program.prologue
        if state.step == 0 and prologue is not None:
            interpret(prologue, [arrays[n] for n in prologue.inputs])
        rows = self._rows(state, state.step)
        body = self.program.body
        given = [arrays[n][rows] if n in self.program.streams else arrays[n] for n in body.inputs]
        found = find_origins(body, given)
        for node, value in before.items():
            arrays[node][...] = value
        where = f"epoch {state.epoch + 1}, step {state.step + 1} of {state.steps}"
        if not found:
            raise NumericError(
                f"In {where} the compiled program made a NaN or an infinity that the interpreter does not make. "
                "This is a defect in Lamina: please report it with the model and data."
            )
        raise NumericError(f"In {where} {describe(found[0])}")


def check_data(nodes: Iterable[Node], arrays: Iterable[np.ndarray]) -> None:
    """Checks the user's data.

    Args:
        nodes: the inputs that the arrays are for, which have their names.

    Raises:
        DataError: if an array holds NaN or infinity; says where.
    """
    for node, array in zip(nodes, arrays):
        if bad_kind(array):
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise DataError(
                f"{node.attrs['name']} holds {array[place]} in row {place[0]}"
                + (f", at index {place[1:]} of the row" if place[1:] else "")
                + ". Remove or fill such values (numpy.nan_to_num, or the mean of the column)."
            )


def describe(found: Finding) -> str:
    """What an operation did wrong, with the user's line, the layer, and the range of what it read."""
    node, kind, value, operands = found
    wrong = int(np.count_nonzero(~np.isfinite(value)))
    layer = f" in layer {found.source.scope!r}" if found.source.scope else ""
    line = f", line {found.source.file}:{found.source.line}" if found.source.file else ""
    ranges = "; ".join(_ranges(operands))
    return (
        f"the operation {node.primitive.name}{layer}{line} was the first to make {kind}: {wrong} of {value.size} "
        f"values of its result ({node.dtype}{format_shape(node.shape)}). It read {ranges or 'no operands'}. "
        "The model is as it was before this step. Often the learning rate is too high, the data is not scaled, or "
        "a logarithm or division meets zero."
    )


def _ranges(operands: Sequence[np.ndarray]) -> Iterator[str]:
    for operand in operands:
        if operand.size:
            yield f"values from {operand.min():.6g} to {operand.max():.6g}"
