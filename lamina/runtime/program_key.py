"""Graphs as text that decides their programs, by which a program is found that was compiled before.

Only structure counts: not the names of inputs, nor where in the user's code operations come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from lamina.base.dims import Dim, format_shape
from lamina.graph import INPUT, Graph, Node
from lamina.graph.node import Array


class Unkeyed(Exception):
    """An attribute cannot be written as text."""


def program_text(graphs: Mapping[str, Graph], streams: Iterable[Node] = (), steady: Iterable[Node] = ()) -> str | None:
    """The text; None where an attribute of some operation cannot be written.

    Args:
        graphs: by the names of their stages; they may share inputs.
        streams: inputs of which a step sees its own rows; steady: those that seldom change between calls.
    """
    numbers: dict[Node, int] = {}
    lines: list[str] = []
    try:
        for name, graph in graphs.items():
            for node in [*graph.inputs, *graph.nodes()]:
                if node not in numbers:
                    numbers[node] = len(numbers)
                    lines.append(_line(node, numbers))
            updates = [(numbers[state], numbers[new]) for state, new in graph.updates]
            inputs, outputs = [numbers[n] for n in graph.inputs], [numbers[n] for n in graph.outputs]
            lines.append(f"graph {name} {inputs} {outputs} {updates}")
    except Unkeyed:
        return None
    for what, nodes in (("streams", streams), ("steady", steady)):
        lines.append(f"{what} {sorted(numbers[n] for n in nodes if n in numbers)}")
    return "\n".join(lines)


def _line(node: Node, numbers: Mapping[Node, int]) -> str:
    what = f"{node.dtype}{format_shape(node.shape)}"
    if node.primitive is INPUT:
        return f"input {what}"
    operands = ",".join(str(numbers[n]) for n in node.inputs)
    attrs = ",".join(f"{name}={_text(value)}" for name, value in node.attrs.items())
    return f"{node.primitive.name}({operands}){attrs} {what}"


def _text(value: Any) -> str:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return repr(value)
    if kind is float:
        return value.hex()
    if kind is Dim:
        return str(value)
    if kind is Graph:
        text = program_text({"body": value})
        if text is None:
            raise Unkeyed
        return f"{{{text}}}"
    if kind is tuple or kind is list:
        return f"({','.join(map(_text, value))})"
    if kind is Array:
        array = value.value
        content = hashlib.sha256(array.tobytes()).hexdigest() if array.nbytes > 64 else array.tobytes().hex()
        return f"{array.dtype}{array.shape}{content}"
    raise Unkeyed
