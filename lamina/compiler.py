"""The only place that knows every stage: graph in, a native program that runs on arrays out.

    graph -> optimize -> schedule (kernels, phases, lifetimes) -> codegen (LLVM text) -> runtime (machine code)

`lamina.debug` shows what each stage made of a function.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import evaluate_shape
from lamina.base.errors import ArgumentError, DTypeError
from lamina.graph import Graph, Node, verify
from lamina.graph import interpret as interpret_graph
from lamina.graph.interpreter import bind_symbols
from lamina.graph.loop import BATCH, InterpretedLoop, LoopProgram, LoopState

if TYPE_CHECKING:
    from lamina.runtime.program import Layout, Program
    from lamina.schedule.expr import Buffer


class InterpretedGraph:
    """Runs a graph in the interpreter; the same face as a compiled graph."""

    def __init__(self, graph: Graph):
        verify(graph)
        self.graph = graph

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return interpret_graph(self.graph, arrays)


def compile_graph(graph: Graph, *, interpret: bool | None = None) -> InterpretedGraph | CompiledGraph:
    """Turns a graph into something that runs on arrays given in the order of its inputs.

    Args:
        interpret: run in the NumPy interpreter; default `config.interpret`.
    """
    if config.interpret if interpret is None else interpret:
        return InterpretedGraph(graph)
    return CompiledGraph(graph)


def compile_loop(program: LoopProgram, *, interpret: bool | None = None) -> InterpretedLoop | CompiledLoop:
    """Turns a loop program into something with `advance`, as `lamina.graph.loop.InterpretedLoop` has it."""
    if config.interpret if interpret is None else interpret:
        return InterpretedLoop(program)
    return CompiledLoop(program)


class Compilation:
    """A program on its way through the stages; each stage's result is made when first asked for.

    Attributes:
        graphs: optimised graphs by name: `main`, or `prologue`, `body` and `epilogue`.
        stages: their schedules.
        symbols: names of the sizes that stay open until the program runs.
    """

    def __init__(self, graphs: Mapping[str, Graph], streams: frozenset[Node] = frozenset(), loop: bool = False):
        from lamina.codegen.driver import Stage
        from lamina.optimize import optimize
        from lamina.schedule.schedule import schedule
        from lamina.schedule.target import host_target

        self.target = host_target()
        self.graphs = {name: optimize(graph) for name, graph in graphs.items()}
        self.inputs: dict[Node, Buffer] = {}
        self.stages: list[Stage] = []
        symbols = {s for g in graphs.values() for s in g.symbols()} | ({BATCH} if loop else set())
        self.symbols = sorted(symbols)
        for name, graph in self.graphs.items():
            plan = schedule(graph, self.target, self.inputs)
            self.inputs.update(plan.inputs)
            moving = set(plan.outputs) if name in ("body", "epilogue") else set()
            if name == "body":
                moving |= {plan.inputs[n] for n in streams}
            self.stages.append(Stage(name, plan, frozenset(moving)))

    @functools.cached_property
    def text(self) -> str:
        """The whole program as LLVM text."""
        from lamina.codegen.driver import write_program
        from lamina.runtime.spinning import barrier_ir

        return write_program(self.stages, self.symbols, self.target, barrier_ir(self.target))

    def key(self) -> str:
        """The name of the machine code in the cache: decided by the loop IR, so no LLVM text is needed to find it."""
        from lamina.codegen.driver import describe_program
        from lamina.runtime import native

        return native.object_key(describe_program(self.stages, self.symbols) + _fingerprint(), self.target)

    def build(self) -> Program:
        """The program in machine code, from the cache where it is there."""
        from lamina.codegen.driver import ENTRY, buffer_table
        from lamina.runtime import cache, native
        from lamina.runtime.program import Program

        key = self.key()
        data = cache.get(key)
        if data is None:
            data = native.compile_object(self.text, self.target)
            cache.put(key, data)
        library = native.load(data, [ENTRY])
        return Program(library, ENTRY, self.stages, buffer_table(self.stages), self.symbols)


@functools.cache
def _fingerprint() -> str:
    """Changes whenever the code generator's own files do, so that an edited compiler never finds old code."""
    folder = Path(__file__).parent / "codegen"
    facts = []
    for directory, _, files in os.walk(folder):
        for name in sorted(files):
            if name.endswith(".py"):
                found = os.stat(os.path.join(directory, name))
                facts.append(f"{name}:{found.st_size}:{found.st_mtime_ns}")
    return "\n".join(sorted(facts))


class CompiledGraph:
    """A graph as a native program. Called with arrays in the order of the graph's inputs; state changes in place."""

    def __init__(self, graph: Graph):
        from lamina.runtime.buffers import address, result_array

        verify(graph)
        self.graph = graph
        self.compilation = Compilation({"main": graph})
        self.program = self.compilation.build()
        plan = self.compilation.stages[0].schedule
        number = self.program.number
        self._inputs = [number[plan.inputs[n]] for n in graph.inputs]
        self._outputs = [(number[b], b.shape, b.dtype) for b in plan.outputs]
        self._shapes = [n.shape for n in graph.inputs]
        states = {state for state, _ in graph.updates}
        self._expected = [(dtypes.to_numpy(n.dtype), n in states) for n in graph.inputs]
        self._empty, self._address = result_array, address
        self._last_key: tuple | None = None

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, address = self.program, self._address
        arrays = [self._checked(k, a) for k, a in enumerate(arrays)]
        key = (config.threads, *[a.shape for a in arrays])
        with program.lock:
            layout, shapes = self._prepared(key)
            table = layout.table
            for number, array in zip(self._inputs, arrays):
                table[number] = address(array)
            results = []
            for (number, _, dtype), shape in zip(self._outputs, shapes):
                result = self._empty(shape, dtype)
                table[number] = address(result)
                results.append(result)
            program.call(layout)
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

    def _prepared(self, key: tuple) -> tuple[Layout, list[tuple[int, ...]]]:
        """The memory for arrays of these shapes, and the shapes of the results; remembered for the last shapes."""
        if key != self._last_key:
            symbols = bind_symbols(zip(self._shapes, key[1:]))
            shapes = [evaluate_shape(shape, symbols) for _, shape, _ in self._outputs]
            self._last = self.program.layout(symbols), shapes
            self._last_key = key
        return self._last


class CompiledLoop:
    """A loop program as a native program; see `lamina.graph.loop.InterpretedLoop` for what `advance` does."""

    def __init__(self, loop: LoopProgram):
        from lamina.codegen.driver import Slot

        loop.verify()
        self.loop = loop
        self._epoch, self._step = int(Slot.EPOCH), int(Slot.STEP)
        self._progress = slice(int(Slot.EPOCH), int(Slot.MAX_STEPS) + 1)
        named = {"prologue": loop.prologue, "body": loop.body, "epilogue": loop.epilogue}
        graphs = {name: graph for name, graph in named.items() if graph is not None}
        self.compilation = Compilation(graphs, frozenset(loop.streams), loop=True)
        self.program = self.compilation.build()
        self.schedules = {s.name: s.schedule for s in self.compilation.stages}
        self.inputs = {n: self.program.number[b] for n, b in self.compilation.inputs.items()}

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
            layout = self._bound(state, arrays, outputs, logs)
            context = layout.context
            context[self._progress] = (
                state.epoch, state.epochs, state.step, state.steps, state.rows, state.batch_size, max_steps,
            )  # fmt: skip
            try:
                program.call(layout)
            finally:
                state.epoch, state.step = int(context[self._epoch]), int(context[self._step])

    def _bound(
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
        symbols = bind_symbols((n.shape, arrays[n].shape) for n in self.inputs if n not in streams)
        symbols[BATCH] = min(state.batch_size, max(state.rows, 1))
        layout = self.program.layout(symbols)
        for node, number in self.inputs.items():
            self._place(layout, number, arrays[node], streamed=node in streams)
        for name, given in (("body", outputs), ("epilogue", logs)):
            written = self.schedules[name].outputs if name in self.schedules else []
            for buffer, array in zip(written, given):
                self._place(layout, self.program.number[buffer], array, streamed=True)
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
