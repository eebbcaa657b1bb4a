"""Graphs and loops as native programs that mark what their threads are at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lamina.compiler.compilation import Compilation
from lamina.compiler.compiled import CompiledGraph, CompiledLoop
from lamina.graph import Graph, Node
from lamina.graph.loop import LoopProgram, LoopState

if TYPE_CHECKING:
    from lamina.runtime.marks import Marks
    from lamina.runtime.profile import Profile
    from lamina.runtime.program import Layout


class ProfiledGraph(CompiledGraph):
    """A graph whose program marks what its threads are at. State changes in place, as in any other."""

    def __init__(self, graph: Graph, steady: Collection[Node] = ()):
        super().__init__(graph, steady=steady, profiled=True)

    def profile(self, arrays: Sequence[np.ndarray], steps: int, warm_up: int, title: str) -> Profile:
        """Runs the graph on these arrays so many times, and some times before, and tells where the time went."""
        layout, _ = self.prepared([arrays[k] for k, _ in self._data])
        marks = _marks(self.compilation, layout, steps + warm_up)
        for _ in range(steps + warm_up):
            self(arrays)
        return _profile(self.compilation, layout, marks, warm_up, title)


class ProfiledLoop(CompiledLoop):
    """A loop program that marks what its threads are at: `expect`, then `advance`, then `profile`."""

    def __init__(self, loop: LoopProgram):
        super().__init__(loop, profiled=True)

    def expect(
        self,
        state: LoopState,
        arrays: Mapping[Node, np.ndarray],
        outputs: Sequence[np.ndarray],
        logs: Sequence[np.ndarray],
        steps: int,
    ) -> None:
        """Makes room for the marks of so many steps, which `advance` is then to run with the same arguments."""
        self._layout = self.bound(state, arrays, outputs, logs)
        self._marks = _marks(self.compilation, self._layout, steps)

    def profile(self, warm_up: int, title: str) -> Profile:
        """Where the time went, but for the first steps, which are not counted."""
        return _profile(self.compilation, self._layout, self._marks, warm_up, title)


def _marks(compilation: Compilation, layout: Layout, steps: int) -> Marks:
    """Room for the marks of some steps, each with its own epoch around it at most."""
    from lamina.runtime.marks import Marks
    from lamina.schedule.regions import most_runs

    symbols = dict(zip(compilation.symbols, layout.symbols.tolist()))
    runs = sum(most_runs(stage.schedule.items, symbols) for stage in compilation.stages)
    marks = Marks(layout.threads, steps * (2 * runs + 16))
    layout.take_marks(marks)
    return marks


def _profile(compilation: Compilation, layout: Layout, marks: Marks, warm_up: int, title: str) -> Profile:
    from lamina.runtime.profile import Profile

    symbols = dict(zip(compilation.symbols, layout.symbols.tolist()))
    return Profile(title, compilation.stages, symbols, marks, warm_up)
