"""What a gradient tape remembers, and how that is differentiated."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from lamina import autodiff, graph, primitives
from lamina.graph import Node
from lamina.tensor.variable import Variable

_live: weakref.WeakSet[Recording] = weakref.WeakSet()


def is_remembered(node: Node) -> bool:
    """Whether any tape that can still give gradients holds the value of a node."""
    return any(node in recording.values for recording in _live)


class Recording:
    """The operations that one tape saw.

    Attributes:
        values: the arrays of nodes; of results and of what they were computed from.
        recorded: nodes of operations that ran while the tape was recording.
        watched: nodes that the user, or the reading of a variable, asked to watch.
        pauses: ranges of node serials that were made while recording was stopped.
    """

    def __init__(self) -> None:
        self.values: dict[Node, np.ndarray] = {}
        self.recorded: set[Node] = set()
        self.watched: set[Node] = set()
        self.pauses: list[tuple[int, int]] = []
        self._reads: dict[int, tuple[Variable, list[Node]]] = {}
        _live.add(self)

    def depends(self, node: Node | None) -> bool:
        """Whether a concrete value was watched, or computed from one that was."""
        return node in self.recorded or node in self.watched

    def watch(self, node: Node, value: np.ndarray | None = None) -> None:
        self.watched.add(node)
        if value is not None:
            self.values[node] = value

    def saw(self, variable: Variable, node: Node) -> None:
        """Notes that a variable was read as this node; after an assignment it is read as another."""
        nodes = self._reads.setdefault(id(variable), (variable, []))[1]
        if node not in nodes:
            nodes.append(node)

    def reads(self, variable: Variable) -> list[Node]:
        found = self._reads.get(id(variable))
        return list(found[1]) if found else []

    def record(self, node: Node, value: np.ndarray, operands: Iterable[tuple[Node, np.ndarray]]) -> None:
        """Keeps an operation, if it depends on anything watched."""
        operands = list(operands)
        if any(self.depends(operand) for operand, _ in operands):
            self.values[node] = value
            self.recorded.add(node)
            for operand, array in operands:
                self.values.setdefault(operand, array)

    def paused(self, node: Node) -> bool:
        """Whether a node was made while recording was stopped."""
        return any(first < node.serial < last for first, last in self.pauses)


def differentiate(
    targets: Sequence[Node], sources: Sequence[Node], seeds: Sequence[Node], is_boundary: Callable[[Node], bool]
) -> list[Node | None]:
    """Gradients of the targets with respect to the sources, where boundary nodes count as constants.

    Args:
        is_boundary: whether what a node was computed from is none of the tape's business.
    """
    cut = _cut(targets, sources, is_boundary)
    if not cut:
        return autodiff.gradients(targets, sources, seeds)
    mapping = graph.substitute(targets, cut)
    gradients = autodiff.gradients([mapping[t] for t in targets], [mapping.get(s, s) for s in sources], seeds)
    # Back to the nodes that other tapes know.
    kept = [g for g in gradients if g is not None]
    restored = graph.substitute(kept, {mapping[node]: node for node in cut})
    return [None if g is None else restored[g] for g in gradients]


def _cut(targets: Sequence[Node], sources: Sequence[Node], is_boundary: Callable[[Node], bool]) -> dict[Node, Node]:
    """Leaves to put in the place of boundary nodes, for those behind which there is a source."""
    boundary = [n for n in graph.topological(targets) if n.inputs and is_boundary(n)]
    wanted = set(sources)
    return {
        node: graph.input_node(node.shape, node.dtype, "outside")
        for node in boundary
        if wanted.intersection(graph.topological(node.inputs)) or node in wanted
    }


def total(parts: Iterable[Node | None]) -> Node | None:
    """The sum of gradients; None where all are None."""
    result: Node | None = None
    for part in parts:
        if part is not None:
            result = part if result is None else primitives.add(result, part)
    return result
