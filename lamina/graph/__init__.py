"""The program as a graph: nodes, how they are built, printed, verified and interpreted."""

from lamina.graph.body import body_graph, close_over, parameters, result, results, substitute
from lamina.graph.graph import Graph, topological
from lamina.graph.interpreter import interpret
from lamina.graph.node import CONSTANT, INPUT, Attributes, Node, apply, constant, input_node
from lamina.graph.primitive import KINDS, SEVERAL, Primitive, Sample, Spec
from lamina.graph.printer import format_graph
from lamina.graph.source import Source, user_source
from lamina.graph.verifier import verify

__all__ = [
    "CONSTANT", "INPUT", "KINDS", "SEVERAL", "Attributes", "Graph", "Node", "Primitive", "Sample", "Source", "Spec",
    "apply", "body_graph", "close_over", "constant", "format_graph", "input_node", "interpret", "parameters", "result",
    "results", "substitute", "topological", "user_source", "verify",
]  # fmt: skip
