"""A compiled loop with its data and variables bound to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.trees import unflatten
from lamina.compiler import compile_graph, compile_loop
from lamina.data import ArrayData
from lamina.graph import Node
from lamina.graph.loop import LoopProgram
from lamina.models.numerics import CheckedLoop, check_data
from lamina.models.pace import Pace
from lamina.models.stateful import Stateful, check_rows
from lamina.random import SeedGenerator
from lamina.tensor import Trace


class Program:
    """A compiled loop, and where in it the data and the variables go.

    Attributes:
        loop: has `advance`, see `lamina.graph.loop`.
        log_names: names of the results that the loop logs for each epoch.
        output: the structure of the body's outputs, with `(row shape, dtype)` as leaves; None without outputs.
        pace: how many steps to ask of the loop at a time.
    """

    def __init__(
        self,
        trace: Trace,
        program: LoopProgram,
        data: Sequence[Node],
        orders: Sequence[Node] = (),
        log_names: Sequence[str] = (),
        output: Any = None,
        seeds: SeedGenerator | None = None,
        interpret: bool | None = None,
        check: bool = False,
        stateful: tuple[Stateful, ...] = (),
    ):
        loop = compile_loop(program, interpret=interpret)
        self.loop = CheckedLoop(loop, program) if check else loop
        self.log_names = tuple(log_names)
        self.log_shapes: list[Any] = [n.shape for n in program.epilogue.outputs] if program.epilogue else []
        self.output = output
        self.pace = Pace()
        self._check = check
        self._data = tuple(data)
        self._orders = tuple(orders)
        self._seeds = seeds
        self._states = trace.arrays()
        self._stateful = stateful

    def check_rows(self, rows: int, batch_size: int) -> None:
        """Raises ShapeError where a layer keeps states for batches of another size."""
        if self._stateful:
            check_rows(self._stateful, rows, batch_size)

    def bind(self, data: ArrayData) -> dict[Node, np.ndarray]:
        """The arrays of all inputs, for one run on this data.

        Raises:
            DataError: if NaN is looked for, and the data holds it.
        """
        if self._check:
            check_data(self._data, data.arrays())
        arrays = self._states.copy()
        arrays.update(zip(self._data, data.arrays()))
        if self._orders:
            order = np.empty(data.rows, np.int64)
            arrays.update((node, order) for node in self._orders)
        return arrays

    def reseed(self, seed: int) -> None:
        """Starts the shuffling anew from a seed."""
        if self._seeds is not None:
            self._seeds.reset(seed)

    def new_logs(self, epochs: int) -> list[np.ndarray]:
        """Room for the results of some epochs."""
        return [np.zeros((epochs, *shape), np.float32) for shape in self.log_shapes]

    def new_outputs(self, rows: int) -> list[np.ndarray]:
        """Room for the outputs of some rows."""
        return [np.empty((rows, *shape), dtypes.to_numpy(dtype)) for shape, dtype in self.output[1]]

    def nest(self, outputs: list[np.ndarray]) -> Any:
        """The outputs in the structure that the model returns."""
        structure = self.output[0]
        return outputs[0] if structure is None else unflatten(structure, outputs)


class ResultReader:
    """Reads the running metrics, between steps."""

    def __init__(self, objective: Any, interpret: bool | None = None):
        trace = Trace()
        with trace.stage("results"):
            self.names, values = results_of(objective)
            graph = trace.finish(values)
        self._sorted = sorted((name, place) for place, name in enumerate(self.names))
        arrays = trace.arrays()
        self._run = compile_graph(graph, interpret=interpret)
        self._arrays = [arrays[n] for n in graph.inputs]

    def __call__(self) -> dict[str, float]:
        """The results by name, in the order of the names."""
        values = self._run(self._arrays)
        return {name: number(values[place]) for name, place in self._sorted}


def number(value: np.ndarray) -> Any:
    """A scalar array as a float, another array as it is."""
    return float(value) if value.ndim == 0 else value


def results_of(objective: Any) -> tuple[list[str], list[Any]]:
    """Names and values of all running metrics; a metric with several results gives each under its own name."""
    names: list[str] = []
    values: list[Any] = []
    for name, metric in objective.named():
        result = metric.result()
        entries = result if isinstance(result, dict) else {name: result}
        names += entries.keys()
        values += entries.values()
    return names, values
