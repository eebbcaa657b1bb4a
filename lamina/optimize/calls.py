"""Calls vanish: what they run becomes part of the graph that they stand in.

The same work of a forward pass and of its gradient stays apart all the same, since the operands of the second wait
(`lamina.primitives.waiting`).
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import primitives as p
from lamina.graph import Graph, Node, Source, apply, results, topological
from lamina.graph.body import bodies
from lamina.optimize.loops import rebuilt, with_operands


def take_in_calls(graph: Graph) -> Graph:
    """The graph without calls, those in loops and branches included; the graph itself where there are none."""
    return rebuilt(graph, _taken_in) if _has_calls(graph) else graph


def _has_calls(graph: Graph) -> bool:
    return any(
        node.primitive is p.CALL or any(map(_has_calls, bodies(node).values()))
        for node in graph.nodes()
        if node.kind == "control"
    )


def _taken_in(node: Node, operands: Sequence[Node]) -> dict[int, Node]:
    inside = {name: take_in_calls(body) for name, body in bodies(node).items()}
    if node.primitive is not p.CALL:
        return dict(enumerate(results(with_operands(node, operands, inside))))
    body = inside["body"]
    mapping = dict(zip(body.inputs, operands))
    for part in topological(body.outputs, body.inputs):
        source = _source(part.source, node.source)
        mapping[part] = apply(part.primitive, *(mapping[n] for n in part.inputs), source=source, **part.attrs)
    return {k: mapping[n] for k, n in enumerate(body.outputs)}


def _source(part: Source, whole: Source) -> Source:
    """Where a node of a body comes from. Calls that do the same share a body, which knows the layers of one of them."""
    return part if part.scope.startswith(whole.scope) else part._replace(scope=whole.scope)
