"""A graph with named ends: what it takes, what it gives, and which inputs it replaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lamina.base.dims import symbols_of
from lamina.graph.node import INPUT, Node


def topological(
    outputs: Iterable[Node], known: Iterable[Node] = (), waits: Mapping[Node, Sequence[Node]] | None = None
) -> list[Node]:
    """Every node that the outputs need, inputs before their users; `known` nodes and what only they need left out.

    Iterative: depth is not limited. The order is depth-first from the outputs, so it depends only on the graph,
    not on when nodes were made.

    Args:
        waits: for nodes, others that come before them though they do not read them.
    """
    waits = waits or {}
    order: list[Node] = []
    done: set[Node] = set(known)
    for root in outputs:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in done:
                continue
            if ready:
                done.add(node)
                order.append(node)
            else:
                stack.append((node, True))
                stack.extend((n, False) for n in reversed((*node.inputs, *waits.get(node, ()))) if n not in done)
    return order


@dataclass(frozen=True)
class Graph:
    """A function as data: (inputs) -> (outputs), with some inputs replaced afterwards.

    Attributes:
        inputs: leaf nodes in the order of the arguments; state inputs among them.
        outputs: the results.
        updates: pairs (input, new value) of state: when the graph has run, the memory of the input
            holds the new value. Every node reads the old value.
        name: shown by the tools.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[Node, Node], ...] = ()
    name: str = "graph"
    roots: tuple[Node, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roots", self.outputs + tuple(new for _, new in self.updates))

    def nodes(self) -> list[Node]:
        """Every node that is needed, in topological order."""
        return topological(self.roots)

    def symbols(self) -> list[str]:
        """Names of the symbols that shapes of the inputs contain, sorted."""
        return sorted(set().union(*(symbols_of(n.shape) for n in self.inputs)) if self.inputs else set())

    def free_inputs(self) -> list[Node]:
        """Input nodes that are read but not listed among the inputs (none in a verified graph)."""
        listed = set(self.inputs)
        return [n for n in self.nodes() if n.primitive is INPUT and n not in listed]
