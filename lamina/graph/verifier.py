"""Checks a graph between two stages of the compiler."""

from __future__ import annotations

from lamina.base.errors import VerificationError
from lamina.graph.graph import Graph
from lamina.graph.node import INPUT, Node
from lamina.graph.primitive import Spec


def verify(graph: Graph, stage: str = "") -> None:
    """Raises VerificationError where the graph breaks an invariant; names the stage, the node and its source.

    Invariants: shapes and dtypes are what `infer` says; inputs are listed, once; an update replaces a listed
    input, at most once, by a value of its shape and dtype; symbols all come from the inputs.
    """
    where = f"after stage {stage!r}: " if stage else ""
    if len(set(graph.inputs)) != len(graph.inputs):
        raise VerificationError(f"{where}graph {graph.name!r} lists an input twice.")
    unlisted = graph.free_inputs()
    if unlisted:
        raise VerificationError(f"{where}graph {graph.name!r} reads {unlisted[0]} ({unlisted[0].source}), not listed.")
    for node in graph.nodes():
        _verify_node(node, where)
    replaced: set[Node] = set()
    for state, new in graph.updates:
        if state.primitive is not INPUT or state not in graph.inputs or state in replaced:
            raise VerificationError(f"{where}update of {state}: not an input of the graph, or replaced twice.")
        replaced.add(state)
        if (state.shape, state.dtype) != (new.shape, new.dtype):
            raise VerificationError(f"{where}update of {state} by {new} ({new.source}): shape or dtype differ.")


def _verify_node(node: Node, where: str) -> None:
    if node.primitive is INPUT:
        return
    expected: Spec = node.primitive.infer(*node.inputs, **node.attrs)
    if (tuple(expected.shape), expected.dtype, expected.results) != (node.shape, node.dtype, node.results):
        raise VerificationError(f"{where}{node} ({node.source}) should be {expected.dtype}{expected.shape}.")
    for value in node.attrs.values():
        if isinstance(value, Graph):
            verify(value, f"{where}in {node.primitive.name}")
