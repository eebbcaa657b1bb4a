"""Graph to graph: one layout, expansion of composite primitives, simplification, and better loops.

Common subexpressions never exist twice and dead nodes are never visited, by the construction of graphs, so neither
needs a pass.
"""

from lamina.graph import Graph, verify
from lamina.optimize.layout import turn_pictures_once
from lamina.optimize.loops import improve_loops
from lamina.optimize.rewrite import expand, rewrite
from lamina.optimize.simplify import RULES

__all__ = ["RULES", "expand", "optimize", "rewrite"]


def optimize(graph: Graph) -> Graph:
    """The graph that is compiled in place of `graph`; verified after each step."""
    turned = turn_pictures_once(graph)
    if turned is not graph:
        verify(turned, "layout")
    graph = expand(turned)
    verify(graph, "expand")
    graph = rewrite(graph, RULES)
    verify(graph, "simplify")
    better = improve_loops(graph)
    if better is graph:
        return graph
    verify(better, "loops")
    better = rewrite(better, RULES)
    verify(better, "simplify")
    return better
