"""A graph as text, one node a line."""

from __future__ import annotations

from dataclasses import replace

from lamina.base.dims import format_shape
from lamina.graph.body import bodies
from lamina.graph.graph import Graph
from lamina.graph.node import CONSTANT, INPUT, Node


def format_graph(graph: Graph, sources: bool = False) -> str:
    """The graph as text: `%3 = add(%1, %2) : float32(batch, 64)`.

    Args:
        sources: also show the user's line and layer of every node.
    """
    names: dict[Node, str] = {}
    lines = [f"graph {graph.name} {{"]
    for node in [*graph.inputs, *(n for n in graph.nodes() if n.primitive is not INPUT)]:
        names[node] = f"%{len(names)}"
        lines.append(f"  {_format_node(node, names)}" + (f"    # {node.source}" if sources else ""))
        for name, body in bodies(node).items():
            lines += [f"    {line}" for line in format_graph(replace(body, name=name), sources).split("\n")]
    lines.append(f"  return {', '.join(names[n] for n in graph.outputs)}")
    lines += [f"  update {names[state]} := {names[new]}" for state, new in graph.updates]
    return "\n".join([*lines, "}"])


def _format_node(node: Node, names: dict[Node, str]) -> str:
    type_ = f"{node.dtype}{format_shape(node.shape)}"
    if node.primitive is INPUT:
        return f"{names[node]} = input {node.attrs['name']!r} : {type_}"
    if node.primitive is CONSTANT:
        return f"{names[node]} = constant {node.attrs['value']!r} : {type_}"
    if node.results:
        type_ = ", ".join(f"{s.dtype}{format_shape(s.shape)}" for s in node.results)
    operands = [names[n] for n in node.inputs]
    attributes = [f"{k}={v!r}" for k, v in node.attrs.items() if not isinstance(v, Graph)]
    return f"{names[node]} = {node.primitive.name}({', '.join(operands + attributes)}) : {type_}"
