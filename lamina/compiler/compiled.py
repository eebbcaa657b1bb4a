"""Graphs and loops as native programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lamina.base import dtypes
from lamina.base.changes import changes
from lamina.base.config import config
from lamina.base.dims import evaluate_shape
from lamina.base.errors import ArgumentError, DTypeError, IndexRangeError
from lamina.compiler.compilation import Compilation
from lamina.graph import Graph, Node, verify
from lamina.graph.index_errors import explained
from lamina.graph.interpreter import bind_symbols
from lamina.graph.loop import BATCH, LoopProgram, LoopState, step_arrays, unchanged

if TYPE_CHECKING:
    from lamina.runtime.program import Layout


class CompiledGraph:
    """A graph as a native program. Called with arrays in the order of the graph's inputs; state changes in place.

    Args:
        steady: inputs that seldom change from one call to the next. What the program makes of them alone is kept, and
            made anew when `lamina.base.changes` says that state has changed, or another array comes.
    """

    def __init__(self, graph: Graph, *, steady: Collection[Node] = (), profiled: bool = False):
        from lamina.runtime.buffers import address, result_array

        self.graph = graph
        self.compilation = Compilation(
            {"main": graph}, steady=frozenset(steady), profiled=profiled, check=lambda: verify(graph)
        )
        self.program = self.compilation.build()
        (plan,) = self.program.plan.stages
        steady = set(steady)
        numbered = list(enumerate(plan.inputs))
        self._data = [(k, number) for k, number in numbered if graph.inputs[k] not in steady]
        self._weights = [(k, number) for k, number in numbered if graph.inputs[k] in steady]
        self._outputs = [(k, self.program.buffers[k].shape, self.program.buffers[k].dtype) for k in plan.outputs]
        self._shapes = [graph.inputs[k].shape for k, _ in self._data]
        states = {state for state, _ in graph.updates}
        self._expected = [(dtypes.to_numpy(n.dtype), n in states) for n in graph.inputs]
        self._empty, self._address = result_array, address
        self._last_key: tuple | None = None

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, address = self.program, self._address
        data = [self._checked(k, arrays[k]) for k, _ in self._data]
        with program.lock:
            layout, shapes = self.prepared(data)
            table = layout.table
            for (_, number), array in zip(self._data, data):
                table[number] = address(array)
            # Most inputs are weights, which lie where they lay at the last call.
            for k, number in self._weights:
                if layout.weights.get(number) is not arrays[k]:
                    layout.weights[number] = self._checked(k, arrays[k])
                    table[number] = address(layout.weights[number])
            results = []
            for (number, _, dtype), shape in zip(self._outputs, shapes):
                result = self._empty(shape, dtype)
                table[number] = address(result)
                results.append(result)
            try:
                program.call(layout)
            except IndexRangeError as error:
                given = {self.graph.inputs[k]: arrays[k] for k, _ in self._data}
                raise explained(error, self.graph, arrays, given) from None
        if self.graph.updates:
            changes.note()
        return results

    def _checked(self, position: int, array: np.ndarray) -> np.ndarray:
        """The array as native code can read it: of the input's dtype, and contiguous."""
        dtype, is_state = self._expected[position]
        if array.dtype != dtype:
            raise DTypeError(
                f"Input {position} of the program {self.graph.name!r}: expected an array of {dtype}. "
                f"Received: {array.dtype}. Convert it with array.astype({dtype.name!r})."
            )
        if array.flags.c_contiguous:
            return array
        if is_state:
            raise ArgumentError(
                f"Input {position} of the program {self.graph.name!r} is state that is changed in place; its array "
                "must be C-contiguous. Give numpy.ascontiguousarray(array), and keep it."
            )
        return np.ascontiguousarray(array)

    def prepared(self, data: Sequence[np.ndarray]) -> tuple[Layout, list[tuple[int, ...]]]:
        """The memory for these inputs, and the shapes of the results; remembered for the last shapes.

        Args:
            data: the inputs that are no weights.
        """
        key: tuple = (config.threads, *[array.shape for array in data])
        if key != self._last_key:
            symbols = bind_symbols(zip(self._shapes, key[1:]))
            shapes = [evaluate_shape(shape, symbols) for _, shape, _ in self._outputs]
            self._last = self.program.layout(symbols), shapes
            self._last_key = key
        return self._last


class CompiledLoop:
    """A loop program as a native program; see `lamina.graph.loop.InterpretedLoop` for what `advance` does."""

    def __init__(self, loop: LoopProgram, *, profiled: bool = False):
        from lamina.codegen.context import Slot

        self.loop = loop
        self._epoch, self._step = int(Slot.EPOCH), int(Slot.STEP)
        self._progress = slice(int(Slot.EPOCH), int(Slot.MAX_STEPS) + 1)
        named = {"prologue": loop.prologue, "body": loop.body, "epilogue": loop.epilogue}
        graphs = {name: graph for name, graph in named.items() if graph is not None}
        self._changes = any(graph.updates for graph in graphs.values())
        self.compilation = Compilation(
            graphs, frozenset(loop.streams), frozenset(loop.steady), loop=True, profiled=profiled, check=loop.verify
        )
        self.program = self.compilation.build()
        self.inputs: dict[Node, int] = {}
        self.outputs: dict[str, list[int]] = {}
        for plan in self.program.plan.stages:
            self.inputs.update(zip(graphs[plan.name].inputs, plan.inputs))
            self.outputs[plan.name] = plan.outputs
        steady = set(loop.steady)
        self._weights = {node: number for node, number in self.inputs.items() if node in steady}
        self._data = {node: number for node, number in self.inputs.items() if node not in steady}

    def advance(
        self,
        state: LoopState,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
        max_steps: int,
    ) -> None:
        """As `lamina.graph.loop.InterpretedLoop.advance`."""
        program = self.program
        with program.lock:
            layout = self.bound(state, arrays, outputs, logs)
            context = layout.context
            context[self._progress] = (
                state.epoch, state.epochs, state.step, state.steps, state.rows, state.batch_size, max_steps,
            )  # fmt: skip
            try:
                program.call(layout)
            except IndexRangeError as error:
                state.epoch, state.step = int(context[self._epoch]), int(context[self._step])
                body = self.loop.body
                given = step_arrays(self.loop, state, arrays)
                raise explained(error, body, given, unchanged(self.loop, arrays)) from None
            finally:
                state.epoch, state.step = int(context[self._epoch]), int(context[self._step])
                if self._changes:
                    changes.note()

    def bound(
        self,
        state: LoopState,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
    ) -> Layout:
        """The program's memory with these arrays in its table, which is left as it is if they are there already."""
        known = state.binding
        if isinstance(known, _Binding) and known.holds(arrays, outputs, logs):
            return known.layout
        streams = self.loop.streams
        symbols = bind_symbols((n.shape, arrays[n].shape) for n in self._data if n not in streams)
        symbols[BATCH] = min(state.batch_size, max(state.rows, 1))
        layout = self.program.layout(symbols)
        for node, number in self._data.items():
            self._place(layout, number, arrays[node], streamed=node in streams)
        # Most are weights, which lie where they lay at the last call.
        for node, number in self._weights.items():
            if layout.weights.get(number) is not arrays[node]:
                layout.weights[number] = arrays[node]
                self._place(layout, number, arrays[node], streamed=False)
        for name, given in (("body", outputs), ("epilogue", logs)):
            for number, array in zip(self.outputs.get(name, ()), given):
                self._place(layout, number, array, streamed=True)
        state.binding = _Binding(layout, arrays, outputs, logs)
        return layout

    def _place(self, layout: Layout, number: int, array: np.ndarray, streamed: bool) -> None:
        from lamina.runtime.buffers import address

        layout.table[number] = address(array)
        if streamed:
            layout.strides[number] = array.nbytes // max(len(array), 1)


class _Binding:
    """Which arrays a running loop has put into its program's table; void once another has put in its own."""

    def __init__(
        self,
        layout: Layout,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
    ):
        self.layout, self.arrays, self.outputs, self.logs = layout, arrays, outputs, logs
        self.token = layout.owner = object()
        self.threads = config.threads

    def holds(
        self, arrays: Mapping[Node, np.ndarray], outputs: Sequence[np.ndarray], logs: Sequence[np.ndarray]
    ) -> bool:
        same = arrays is self.arrays and outputs is self.outputs and logs is self.logs
        return same and self.layout.owner is self.token and self.threads == config.threads
