"""Runs epochs of a program over data: in native code as long as nobody asks to be called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from lamina.callbacks import CallbackList
from lamina.data import ArrayData, BatchSource
from lamina.graph.loop import LoopState
from lamina.models.program import Program, number

Logs = dict[str, Any]


class BatchHooks:
    """The hooks of batches, and of progress, of one mode of running.

    Args:
        mode: `"train"`, `"test"` or `"predict"`.

    Attributes:
        wanted: whether any callback overrides a hook of batches, so that steps must be run one by one.
    """

    def __init__(self, callbacks: CallbackList, mode: str):
        self.wanted = callbacks.wants_batches(mode)
        self.begin: Callable[..., None] = getattr(callbacks, f"on_{mode}_batch_begin")
        self.end: Callable[..., None] = getattr(callbacks, f"on_{mode}_batch_end")
        self.progress = callbacks.on_progress if callbacks.wants_progress() else None


class ArrayEpochs:
    """Epochs over arrays in memory.

    Args:
        model: its `stop_training` ends the run.
        read_logs: gives the running results between steps.
        steps: steps of an epoch; None for as many as the rows give.
    """

    def __init__(
        self,
        model: Any,
        program: Program,
        read_logs: Callable[[], Logs],
        data: ArrayData,
        batch_size: int,
        steps: int | None,
        hooks: BatchHooks,
    ):
        self.model = model
        self.program = program
        self.read_logs = read_logs
        self.rows = data.rows
        self.batch_size = batch_size
        self.hooks = hooks
        whole = -(-data.rows // batch_size)
        self.steps = whole if steps is None else min(steps, whole)
        program.check_rows(min(data.rows, self.steps * batch_size), batch_size)
        self._arrays = program.bind(data)

    def run(self) -> Logs:
        """Runs one epoch, or less when `stop_training` is set, and gives its results in the order of their names."""
        state = self._state(1)
        logs = self.program.new_logs(1)
        self._advance(state, logs, ())
        if not state.done:
            return self.read_logs()
        values = dict(zip(self.program.log_names, logs))
        return {name: number(values[name][0]) for name in sorted(values)}

    def run_many(self, epochs: int, record: Callable[[dict[str, list[Any]]], None]) -> None:
        """Runs several epochs, and records the results of those that were finished, also when interrupted."""
        state = self._state(epochs)
        logs = self.program.new_logs(epochs)
        try:
            self._advance(state, logs, ())
        finally:
            values = dict(zip(self.program.log_names, logs))
            record({name: _as_list(values[name][: state.epoch]) for name in sorted(values)})

    def run_outputs(self) -> list[np.ndarray]:
        """Runs one epoch and gives the outputs of all rows."""
        outputs = self.program.new_outputs(min(self.rows, self.steps * self.batch_size))
        self._advance(self._state(1), (), outputs)
        return outputs

    def _state(self, epochs: int) -> LoopState:
        return LoopState(rows=self.rows, batch_size=self.batch_size, steps=self.steps, epochs=epochs)

    def _advance(self, state: LoopState, logs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        if self.hooks.wanted:
            self._step_by_step(state, logs, outputs)
            return
        pace, progress, advance = self.program.pace, self.hooks.progress, self.program.loop.advance
        while not state.done and not self.model.stop_training:
            left = (state.epochs - state.epoch) * state.steps - state.step
            count = min(pace.steps, left)
            start = perf_counter()
            advance(state, self._arrays, outputs, logs, count)
            pace.learn(count, perf_counter() - start)
            if progress is not None:
                progress(state.step or state.steps, self.read_logs)

    def _step_by_step(self, state: LoopState, logs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        hooks = self.hooks
        while not state.done and not self.model.stop_training:
            step = state.step
            hooks.begin(step, {})
            self.program.loop.advance(state, self._arrays, outputs, logs, 1)
            hooks.end(step, self._batch_logs(step, outputs))
            if hooks.progress is not None:
                hooks.progress(step + 1, self.read_logs)

    def _batch_logs(self, step: int, outputs: Sequence[np.ndarray]) -> Logs:
        if self.program.output is None:
            return self.read_logs()
        rows = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return {"outputs": self.program.nest([o[rows] for o in outputs])}


class BatchEpochs:
    """Epochs over data that comes batch by batch.

    Args:
        prepare: checks a batch and gives it as the model takes it.
        program_of: gives the program for such a batch; equal forms give the same one.
        reset: empties the running results; called before an epoch.
    """

    def __init__(
        self,
        model: Any,
        prepare: Callable[[ArrayData], ArrayData],
        program_of: Callable[[ArrayData], Program],
        read_logs: Callable[[], Logs],
        reset: Callable[[], None],
        source: BatchSource,
        hooks: BatchHooks,
    ):
        self.model = model
        self.prepare = prepare
        self.program_of = program_of
        self.read_logs = read_logs
        self.reset = reset
        self.source = source
        self.hooks = hooks

    @property
    def steps(self) -> int | None:
        return self.source.steps

    def run(self) -> Logs:
        """Runs one epoch, or less when `stop_training` is set, and gives its results in the order of their names."""
        self.reset()
        for _ in self._steps():
            if self.model.stop_training:
                break
        return self.read_logs()

    def run_outputs(self) -> list[np.ndarray]:
        """Runs one epoch and gives the outputs of all rows."""
        parts = list(self._steps())
        return [np.concatenate(arrays) for arrays in zip(*parts)]

    def _steps(self) -> Any:
        hooks = self.hooks
        for step, given in enumerate(self.source.epoch()):
            batch = self.prepare(given)
            if hooks.wanted:
                hooks.begin(step, {})
            program = self.program_of(batch)
            outputs = run_batch(program, batch)
            if hooks.wanted:
                hooks.end(step, {"outputs": program.nest(outputs)} if outputs else self.read_logs())
            if hooks.progress is not None:
                hooks.progress(step + 1, self.read_logs)
            yield outputs


def run_batch(program: Program, batch: ArrayData) -> list[np.ndarray]:
    """Runs a program once on a batch, and gives its outputs."""
    program.check_rows(batch.rows, batch.rows)
    outputs = program.new_outputs(batch.rows) if program.output is not None else []
    state = LoopState(rows=batch.rows, batch_size=batch.rows, steps=1, epochs=1)
    program.loop.advance(state, program.bind(batch), outputs, (), 1)
    return outputs


def _as_list(values: np.ndarray) -> list[Any]:
    return values.tolist() if values.ndim == 1 else list(values)
