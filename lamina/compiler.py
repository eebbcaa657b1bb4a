"""Runs the stages one after the other: graph in, something that runs out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.base.config import config
from lamina.graph import Graph, interpret, verify
from lamina.graph.loop import InterpretedLoop, LoopProgram


class InterpretedGraph:
    """Runs a graph in the interpreter; the same face as a compiled graph."""

    def __init__(self, graph: Graph):
        verify(graph)
        self.graph = graph

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return interpret(self.graph, arrays)


def compile_graph(graph: Graph, *, interpret: bool | None = None) -> InterpretedGraph:
    """Turns a graph into something that runs on arrays given in the order of its inputs."""
    return InterpretedGraph(graph)


def compile_loop(program: LoopProgram, *, interpret: bool | None = None) -> InterpretedLoop:
    """Turns a loop program into something with `advance`, as `lamina.graph.loop.InterpretedLoop` has it."""
    return InterpretedLoop(program)
