"""Graph to graph: no calls, one layout, expansion of composite primitives, simplification, and better loops.

Common subexpressions never exist twice and dead nodes are never visited, by the construction of graphs, so neither
needs a pass.
"""

from lamina.graph import Graph, verify
from lamina.optimize.calls import take_in_calls
from lamina.optimize.layout import turn_pictures_once
from lamina.optimize.loops import improve_loops
from lamina.optimize.rewrite import expand, rewrite
from lamina.optimize.simplify import RULES
from lamina.optimize.used_rows import touch_used_rows

__all__ = ["RULES", "expand", "optimize", "rewrite"]


def optimize(graph: Graph) -> Graph:
    """The graph that is compiled in place of `graph`; verified after each step."""
    better = _with_better_loops(_simplified(graph))
    sparse = touch_used_rows(better)
    if sparse is not better:
        verify(sparse, "used rows")
    return sparse


def _simplified(graph: Graph) -> Graph:
    flat = take_in_calls(graph)
    if flat is not graph:
        verify(flat, "calls")
    turned = turn_pictures_once(flat)
    if turned is not flat:
        verify(turned, "layout")
    graph = expand(turned)
    verify(graph, "expand")
    graph = rewrite(graph, RULES)
    verify(graph, "simplify")
    return graph


def _with_better_loops(graph: Graph) -> Graph:
    better = improve_loops(graph)
    if better is graph:
        return graph
    verify(better, "loops")
    better = rewrite(better, RULES)
    verify(better, "simplify")
    return better
