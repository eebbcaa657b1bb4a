"""The program as a graph: nodes, how they are built, printed, verified and interpreted."""

from lamina.graph.graph import Graph, topological
from lamina.graph.interpreter import interpret
from lamina.graph.node import CONSTANT, INPUT, Attributes, Node, apply, constant, input_node
from lamina.graph.primitive import KINDS, Primitive, Sample, Spec
from lamina.graph.printer import format_graph
from lamina.graph.source import Source, user_source
from lamina.graph.verifier import verify

__all__ = [
    "CONSTANT", "INPUT", "KINDS", "Attributes", "Graph", "Node", "Primitive", "Sample", "Source", "Spec",
    "apply", "constant", "format_graph", "input_node", "interpret", "topological", "user_source", "verify",
]  # fmt: skip
