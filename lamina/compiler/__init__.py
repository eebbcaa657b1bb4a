"""The only place that knows every stage: graph in, a native program that runs on arrays out.

    graph -> optimize -> schedule (kernels, phases, lifetimes) -> codegen (LLVM text) -> runtime (machine code)

`lamina.debug` shows what each stage made of a function.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from lamina.base.config import config
from lamina.base.errors import IndexRangeError
from lamina.compiler.compilation import Compilation
from lamina.compiler.compiled import CompiledGraph, CompiledLoop
from lamina.compiler.profiled import ProfiledGraph, ProfiledLoop
from lamina.graph import Graph, Node, verify
from lamina.graph import interpret as interpret_graph
from lamina.graph.index_errors import explained
from lamina.graph.loop import InterpretedLoop, LoopProgram

__all__ = [
    "Compilation", "CompiledGraph", "CompiledLoop", "InterpretedGraph", "ProfiledGraph", "ProfiledLoop",
    "compile_graph", "compile_loop",
]  # fmt: skip


class InterpretedGraph:
    """Runs a graph in the interpreter; the same face as a compiled graph."""

    def __init__(self, graph: Graph):
        verify(graph)
        self.graph = graph

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        try:
            return interpret_graph(self.graph, arrays)
        except IndexRangeError as error:
            raise explained(error, self.graph, arrays, dict(zip(self.graph.inputs, arrays))) from None


def compile_graph(
    graph: Graph, *, steady: Collection[Node] = (), interpret: bool | None = None
) -> InterpretedGraph | CompiledGraph:
    """Turns a graph into something that runs on arrays given in the order of its inputs.

    Args:
        steady: inputs that seldom change from one call to the next: variables that are only read.
        interpret: run in the NumPy interpreter; default `config.interpret`.
    """
    if config.interpret if interpret is None else interpret:
        return InterpretedGraph(graph)
    return CompiledGraph(graph, steady=steady)


def compile_loop(program: LoopProgram, *, interpret: bool | None = None) -> InterpretedLoop | CompiledLoop:
    """Turns a loop program into something with `advance`, as `lamina.graph.loop.InterpretedLoop` has it."""
    if config.interpret if interpret is None else interpret:
        return InterpretedLoop(program)
    return CompiledLoop(program)
