"""A graph that is run again and again over the rows of arrays: epochs of steps, as one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.base.errors import IndexRangeError, VerificationError
from lamina.graph.graph import Graph
from lamina.graph.index_errors import explained
from lamina.graph.interpreter import interpret
from lamina.graph.node import Node
from lamina.graph.verifier import verify

BATCH = "batch"


@dataclass(frozen=True)
class LoopProgram:
    """`for epoch: prologue; for step: body on the next rows; epilogue`.

    The three graphs share state by sharing input nodes: what one updates, the next reads.

    Attributes:
        body: run once a step, with the symbol `batch` set to the number of rows in the step. Each of its outputs
            has `batch` as leading dimension and is written to the step's rows of a whole array.
        streams: inputs of the body whose leading dimension is `batch`: given as whole arrays, of which each
            step sees its own rows. All other inputs are seen whole at every step.
        prologue: run before the first step of an epoch; no outputs.
        epilogue: run after the last step of an epoch; its outputs are written to row `epoch` of arrays that
            have one more leading dimension.
        steady: inputs that seldom change between two runs of the program, such as the weights of a model.
    """

    body: Graph
    streams: tuple[Node, ...] = ()
    prologue: Graph | None = None
    epilogue: Graph | None = None
    steady: tuple[Node, ...] = ()

    def stages(self) -> list[Graph]:
        return [g for g in (self.prologue, self.body, self.epilogue) if g is not None]

    def verify(self, stage: str = "") -> None:
        for graph in self.stages():
            verify(graph, stage)
        if self.prologue is not None and self.prologue.outputs:
            raise VerificationError("The prologue of a loop program has outputs; there is nowhere to put them.")


@dataclass
class LoopState:
    """How far a loop has come. `advance` of a running loop continues from here.

    Attributes:
        rows: rows of the streams; batch_size: rows of a step (the last may have fewer).
        steps: steps of an epoch; epochs: the epoch at which to stop.
        epoch, step: the next to run.
        binding: what a running loop remembers from one `advance` to the next.
    """

    rows: int
    batch_size: int
    steps: int
    epochs: int
    epoch: int = 0
    step: int = 0
    binding: object = None

    @property
    def done(self) -> bool:
        return self.epoch >= self.epochs


class InterpretedLoop:
    """Runs a loop program in the interpreter; the same face as the compiled loop."""

    def __init__(self, program: LoopProgram):
        program.verify()
        self.program = program

    def advance(
        self,
        state: LoopState,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
        max_steps: int,
    ) -> None:
        """Runs at most `max_steps` steps, with the prologues and epilogues that fall due, and moves `state` on.

        Args:
            arrays: an array for every input of the three graphs; state is replaced in place. A mapping that was
                given with the same `state` before must hold the same arrays.
            outputs: arrays of `rows` rows for the outputs of the body.
            logs: arrays of `epochs` rows for the outputs of the epilogue.
        """
        program = self.program
        for _ in range(max_steps):
            if state.done:
                return
            if state.step == 0 and program.prologue is not None:
                interpret(program.prologue, [arrays[n] for n in program.prologue.inputs])
            if state.step < state.steps:
                self._step(state, arrays, outputs)
            state.step += 1
            if state.step >= state.steps:
                if program.epilogue is not None:
                    results = interpret(program.epilogue, [arrays[n] for n in program.epilogue.inputs])
                    for log, value in zip(logs, results):
                        log[state.epoch] = value
                state.epoch, state.step = state.epoch + 1, 0

    def _step(self, state: LoopState, arrays: Mapping[Node, np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        rows = rows_of_step(state)
        given = step_arrays(self.program, state, arrays)
        try:
            values = interpret(self.program.body, given)
        except IndexRangeError as error:
            raise explained(error, self.program.body, given, unchanged(self.program, arrays)) from None
        for array, value in zip(outputs, values):
            array[rows] = value


def rows_of_step(state: LoopState) -> slice:
    """The rows of the step that is next."""
    start = state.step * state.batch_size
    return slice(start, min(start + state.batch_size, state.rows))


def unchanged(program: LoopProgram, arrays: Mapping[Node, np.ndarray]) -> dict[Node, np.ndarray]:
    """The arrays that the program only reads."""
    changed = {id(arrays[node]) for graph in program.stages() for node, _ in graph.updates}
    return {node: array for node, array in arrays.items() if id(array) not in changed}


def step_arrays(program: LoopProgram, state: LoopState, arrays: Mapping[Node, np.ndarray]) -> list[np.ndarray]:
    """What the next step's body is given: of streams the step's rows."""
    rows = rows_of_step(state)
    return [arrays[n][rows] if n in program.streams else arrays[n] for n in program.body.inputs]
