"""Loops made smaller: what need not be done step by step is done for all steps at once, outside.

A product of a step's input with a weight is one product of all inputs, before the loop. A product that only goes into
an output, or into a sum over all steps (the gradient of a weight), is one product after it. In training, products with
weights that stay in the nearest caches are left where they are. What nobody reads is left out. Carries whose values are
wanted at every step are kept in one array. Loops that differ only in their outputs, as a loop and the one that its
gradient runs again, are one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina import primitives as p
from lamina.graph import Graph, Node, apply, body_graph, results, substitute, topological
from lamina.graph.body import bodies
from lamina.graph.source import inherited_source
from lamina.optimize.loop import Loop


def improve_loops(graph: Graph) -> Graph:
    """The graph with better loops; bodies and loops in bodies included."""
    if not any(n.kind == "control" for n in graph.nodes()):
        return graph
    merged = rebuilt(graph, _Merger(graph))
    used, trained = _used(merged), _there_and_back(merged)
    return rebuilt(merged, lambda node, operands: _improved(node, operands, used[node], node in trained))


def rebuilt(graph: Graph, replace: Callable[[Node, Sequence[Node]], dict[int, Node]]) -> Graph:
    """Rebuilds a graph; `replace` says for every loop, branch or call, with its new operands, what its results are."""
    new: dict[Node, Node] = {}
    found: dict[Node, dict[int, Node]] = {}
    for node in topological(graph.roots):
        if node.kind == "control":
            with inherited_source(node.source):
                found[node] = replace(node, [new[n] for n in node.inputs])
        elif node.kind == "result":
            new[node] = found[node.inputs[0]][node.attrs["index"]]
        else:
            new[node] = substitute([node], {n: new[n] for n in node.inputs})[node]
    updates = tuple((state, new[value]) for state, value in graph.updates)
    return Graph(graph.inputs, tuple(new[n] for n in graph.outputs), updates, graph.name)


def _used(graph: Graph) -> dict[Node, set[int]]:
    """The results of every loop and branch that something reads."""
    found: dict[Node, set[int]] = {}
    for node in graph.nodes():
        if node.kind == "control":
            found.setdefault(node, set())
        elif node.kind == "result":
            found[node.inputs[0]].add(node.attrs["index"])
    return found


def _there_and_back(graph: Graph) -> set[Node]:
    """Loops of which one runs backwards over what the other has left at each step, as a gradient does."""
    found: set[Node] = set()
    for node in graph.nodes():
        if node.primitive is p.SCAN:
            count, steps = node.attrs["carries"], node.attrs["steps"]
            for operand in node.inputs[count : count + steps]:
                other = operand.inputs[0] if operand.kind == "result" else None
                if other is not None and other.primitive is p.SCAN and other.attrs["reverse"] != node.attrs["reverse"]:
                    found |= {node, other}
    return found


def _key(node: Node) -> object:
    """What loops have in common that run the same steps."""
    attrs = node.attrs
    carries = attrs["carries"]
    body = attrs["body"]
    return node.inputs, attrs["length"], attrs["reverse"], carries, attrs["kept"], body.inputs, body.outputs[:carries]


class _Merger:
    """Makes one loop of those that differ only in their outputs."""

    def __init__(self, graph: Graph):
        self._outputs: dict[object, dict[Node, None]] = {}
        for node in graph.nodes():
            if node.primitive is p.SCAN:
                own = node.attrs["body"].outputs[node.attrs["carries"] :]
                self._outputs.setdefault(_key(node), {}).update(dict.fromkeys(own))

    def __call__(self, node: Node, operands: Sequence[Node]) -> dict[int, Node]:
        if node.primitive is not p.SCAN:
            return dict(enumerate(results(with_operands(node, operands, {}))))
        body, count = node.attrs["body"], node.attrs["carries"]
        together = list(self._outputs[_key(node)])
        whole = Graph(body.inputs, (*body.outputs[:count], *together), (), body.name)
        found = results(with_operands(node, operands, {"body": whole}))
        places = [*range(count), *(count + together.index(n) for n in body.outputs[count:])]
        return {k: found[place] for k, place in enumerate(places)}


def with_operands(node: Node, operands: Sequence[Node], changed: dict[str, Graph]) -> Node:
    """A loop or branch with other operands, and with other graphs in the place of some."""
    return apply(node.primitive, *operands, source=node.source, **{**node.attrs, **changed})


def _improved(node: Node, operands: Sequence[Node], used: set[int], trained: bool) -> dict[int, Node]:
    """The results that are used of a loop or branch, from a better one."""
    inside = {name: improve_loops(body) for name, body in bodies(node).items()}
    if node.primitive is p.SCAN and not any(node.attrs["kept"]):
        return Loop(node, operands, inside["body"], used, trained).results()
    if node.primitive is p.COND:
        kept = sorted(used)
        yes, no = (body_graph(b.inputs, [b.outputs[k] for k in kept]) for b in (inside["yes"], inside["no"]))
        return dict(zip(kept, p.cond(operands[0], yes, no, operands[1:])))
    return dict(enumerate(results(with_operands(node, operands, inside))))
