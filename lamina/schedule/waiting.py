"""Which nodes wait for others that they do not read.

`after(x, others)` takes no memory and no time. It vanishes here: what reads it reads x itself, as a node of its own,
though another one may say the same; and the kernel that this node is computed in comes after those of the others. So
what a gradient computes again is computed when the gradient has come there, and not before.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from lamina.graph import Graph, Node, Spec, apply, topological
from lamina.primitives import AFTER

Waits = Mapping[Node, list[Node]]


def without_waiting(graph: Graph) -> tuple[Graph, Waits]:
    """The graph without `after`, and for nodes that read such the nodes to be computed before."""
    order = graph.nodes()
    if not any(node.primitive is AFTER for node in order):
        return graph, {}
    new: dict[Node, Node] = {}
    awaited: dict[Node, list[Node]] = {}
    waits: dict[Node, list[Node]] = {}
    for node in order:
        others = [n for operand in node.inputs for n in awaited.get(operand, ())]
        if node.primitive is AFTER:
            new[node] = new[node.inputs[0]]
            awaited[node] = [*others, *(new[n] for n in node.inputs[1:])]
            continue
        inputs = tuple(new[n] for n in node.inputs)
        if others:
            spec = Spec(node.shape, node.dtype, node.results)
            new[node] = Node(node.primitive, inputs, node.attrs, spec, node.source)
            waits[new[node]] = list(dict.fromkeys(others))
        else:
            same = inputs == node.inputs
            new[node] = node if same else apply(node.primitive, *inputs, source=node.source, **node.attrs)
    updates = tuple((state, new[value]) for state, value in graph.updates)
    graph = Graph(graph.inputs, tuple(new[n] for n in graph.outputs), updates, graph.name)
    computed = set(graph.nodes())
    return graph, {node: _computed(others, computed) for node, others in waits.items()}


def _computed(nodes: Iterable[Node], computed: Container[Node]) -> list[Node]:
    """The nodes that are computed, and in the place of the others the nearest ones that those are made of."""
    found: dict[Node, None] = {}
    stack, seen = list(nodes), set(nodes)
    while stack:
        node = stack.pop()
        if node in computed:
            found[node] = None
        else:
            stack.extend(n for n in node.inputs if n not in seen)
            seen.update(node.inputs)
    return list(found)


def in_turn(anchors: dict[Node, None], graph: Graph, waits: Waits) -> dict[Node, None]:
    """The anchors, each after those that it reads or waits for; those for early results first.

    A weight whose gradient is found early is then changed early, and the gradient need not be kept until the end.
    """
    depth: dict[Node, int] = {}
    for node in topological(graph.roots, waits=waits):
        depth[node] = 1 + max((depth[n] for n in (*node.inputs, *waits.get(node, ()))), default=0)
    order = topological(sorted(graph.roots, key=depth.__getitem__), waits=waits)
    return {node: None for node in order if node in anchors}


def awaited_anchors(anchors: dict[Node, None], waits: Waits) -> dict[Node, list[Node]]:
    """For anchors that wait, or in which something is computed that does: the anchors for which they wait."""
    if not waits:
        return {}
    found: dict[Node, list[Node]] = {}
    for anchor in anchors:
        others = [n for node in _cone(anchor, anchors) for n in waits.get(node, ())]
        if others:
            found[anchor] = list(dict.fromkeys(n for other in others for n in _nearest(other, anchors)))
    return found


def _cone(anchor: Node, anchors: dict[Node, None]) -> list[Node]:
    """An anchor, and what is computed where it reads it."""
    found, stack = {anchor: None}, [anchor]
    while stack:
        for operand in stack.pop().inputs:
            if operand not in anchors and operand not in found:
                found[operand] = None
                stack.append(operand)
    return list(found)


def _nearest(node: Node, anchors: dict[Node, None]) -> list[Node]:
    """The node if it is an anchor, otherwise those that it is computed from."""
    return [node] if node in anchors else [n for part in _cone(node, anchors) for n in part.inputs if n in anchors]
