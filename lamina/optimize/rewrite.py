"""The rewrite engine: rebuilds a graph from its leaves, asking the rules of each node's primitive on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from lamina.base.errors import CompileError
from lamina.graph import Graph, Node, Primitive, apply, topological
from lamina.graph.body import bodies
from lamina.graph.source import inherited_source

Rule = Callable[[Node], "Node | None"]
# A node that rules still change after so many steps is being turned in circles.
MOST_STEPS = 32


def rewrite(graph: Graph, rules: Mapping[Primitive | None, Sequence[Rule]]) -> Graph:
    """Applies rules until none fires.

    Args:
        rules: for each primitive, functions that give an equivalent node or None. Rules under None are asked for
            every node. A rule sees a node whose operands are already rewritten.
    """
    general = tuple(rules.get(None, ()))
    new: dict[Node, Node] = {}

    def settle(node: Node) -> Node:
        for _ in range(MOST_STEPS):
            for rule in (*rules.get(node.primitive, ()), *general):
                changed = rule(node)
                if changed is not None and changed is not node:
                    node = changed
                    break
            else:
                return node
        raise CompileError(f"Rewrite rules do not settle on {node} ({node.source}).")

    for node in topological(graph.roots):
        with inherited_source(node.source):
            new[node] = settle(_rebuild(node, new, lambda body: rewrite(body, rules)))
    return _with_roots(graph, new)


def expand(graph: Graph, kept: Collection[Primitive] = ()) -> Graph:
    """Replaces primitives that say themselves with others by what they say, as often as there are any.

    Args:
        kept: primitives that stay.
    """
    while _has_composites(graph, kept):
        new: dict[Node, Node] = {}
        for node in topological(graph.roots):
            built = _rebuild(node, new, lambda body: expand(body, kept))
            with inherited_source(node.source):
                say = None if built.primitive in kept else built.primitive.expand
                new[node] = built if say is None else say(built)
        graph = _with_roots(graph, new)
    return graph


def _has_composites(graph: Graph, kept: Collection[Primitive]) -> bool:
    return any(
        (n.primitive.expand is not None and n.primitive not in kept)
        or any(_has_composites(body, kept) for body in bodies(n).values())
        for n in graph.nodes()
    )


def _rebuild(node: Node, new: Mapping[Node, Node], inside: Callable[[Graph], Graph]) -> Node:
    """A node with new operands, and what `inside` makes of the graphs that it runs."""
    inputs = tuple(new[n] for n in node.inputs)
    changed = {name: inside(body) for name, body in bodies(node).items()} if node.kind == "control" else {}
    if inputs == node.inputs and all(changed[name] == node.attrs[name] for name in changed):
        return node
    return apply(node.primitive, *inputs, source=node.source, **{**node.attrs, **changed})


def _with_roots(graph: Graph, new: Mapping[Node, Node]) -> Graph:
    outputs = tuple(new[n] for n in graph.outputs)
    updates = tuple((state, new[value]) for state, value in graph.updates)
    return Graph(graph.inputs, outputs, updates, graph.name)
