"""`model.profile`: real steps in an instrumented program, on copies of everything that they change."""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lamina.base.config import config
from lamina.base.errors import ArgumentError
from lamina.compiler import ProfiledLoop
from lamina.data import ArrayData
from lamina.data.batches import is_batch_source
from lamina.graph.loop import InterpretedLoop, LoopState
from lamina.models.arguments import DEFAULT_BATCH_SIZE, check_count
from lamina.models.forms import form_of
from lamina.models.pace import Pace
from lamina.models.program import Program
from lamina.models.programs import Builder
from lamina.runtime.buffers import aligned_copy

if TYPE_CHECKING:
    from lamina.runtime.profile import Profile

DEFAULT_STEPS = 20
# Steps before those that are measured: caches fill, and threads wake up.
_WARM_UP = 3


class Profiling:
    """What a model tells of its own speed."""

    def profile(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        trace: str | os.PathLike[str] | None = None,
    ) -> Profile:
        """Runs real steps with every kernel timed, and tells where the time went.

        The steps are those of `fit`, or of `predict` without targets, in a program that is instrumented for it; they
        change copies, so that weights, optimizer, metrics and random numbers are as before.

        Args:
            x: inputs, as arrays; every step takes the next rows, and rows that fill no whole batch are left out.
            y: targets; None to profile prediction.
            batch_size: rows of a step; 32.
            steps: how many are measured, after three that are not; 20.
            trace: a file to write what every thread did to, for chrome://tracing or ui.perfetto.dev.

        Returns:
            A `lamina.runtime.profile.Profile`. Printing it shows a table of kernels with their time, operations, bytes,
            shares of what the machine can do at most, and the layers that they come from; `kernels`, `layers` and
            `to_dict()` give the same as data, `chrome_trace(path)` writes the trace.

        Raises:
            DataError: if the data cannot be used.
            ArgumentError: if the model is not compiled for training, runs in the interpreter, or x is batches.

        Example:
            print(model.profile(x_train, y_train, batch_size=64))
        """
        size = check_count("batch_size", batch_size, DEFAULT_BATCH_SIZE)
        count = check_count("steps", steps, DEFAULT_STEPS)
        if is_batch_source(x):
            raise ArgumentError(
                "profile: x must be arrays, of which every step takes the next rows; give one batch of it, as arrays. "
                f"Received: {type(x).__name__}."
            )
        model: Any = self
        if config.interpret or model.run_eagerly:
            raise ArgumentError(
                "profile: the model runs in the interpreter, which has no kernels. Unset LAMINA_INTERPRET, and compile "
                "the model with run_eagerly=False."
            )
        data = model._data(x, y)
        if y is None:
            what, program = "prediction", _prediction(model, data)
        else:
            data = model._ready(data)
            what, program = "training", _training(model, data)
        result = _run(program, data, min(size, data.rows), count, f"{what} of {model.name}")
        if trace is not None:
            result.chrome_trace(trace)
        return result


def _training(model: Any, data: ArrayData) -> Program:
    """What `fit` runs. It is built for the interpreter, as only its graphs are wanted."""
    variables = model.trainable_variables
    if variables and not model.optimizer.built:
        model.optimizer.build(variables)
    builder = Builder(model, model._compiled(), model.optimizer, True, False)
    return builder.training(form_of(data), shuffle=data.rows > 1, whole=True)


def _prediction(model: Any, data: ArrayData) -> Program:
    """What `predict` runs."""
    model._build_on(data)
    return Builder(model, None, None, True, False).prediction(form_of(data))


def _run(program: Program, data: ArrayData, batch_size: int, steps: int, title: str) -> Profile:
    """Runs whole batches, epoch after epoch, until there are steps enough."""
    interpreted = program.loop
    assert isinstance(interpreted, InterpretedLoop), "the builder was asked for the interpreter"
    loop = ProfiledLoop(interpreted.program)
    # Steps change copies, so that the model is not touched whatever happens.
    arrays = program.bind(data)
    changed = [arrays[state] for graph in interpreted.program.stages() for state, _ in graph.updates]
    copies = {id(array): aligned_copy(array) for array in changed}
    arrays = {node: copies.get(id(array), array) for node, array in arrays.items()}
    total = steps + _WARM_UP
    each = data.rows // batch_size
    state = LoopState(rows=each * batch_size, batch_size=batch_size, steps=each, epochs=total)
    outputs = program.new_outputs(data.rows) if program.output is not None else []
    logs = program.new_logs(total)
    loop.expect(state, arrays, outputs, logs, total)
    pace, done = Pace(), 0
    while done < total:
        count = min(pace.steps, total - done)
        start = perf_counter()
        loop.advance(state, arrays, outputs, logs, count)
        pace.learn(count, perf_counter() - start)
        done += count
    return loop.profile(_WARM_UP, f"{title}, batch of {batch_size}")
