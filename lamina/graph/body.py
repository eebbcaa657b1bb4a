"""Graphs as attributes of nodes: the bodies of loops and branches, and the several results that they give.

A body is closed: what it reads is among its inputs. Its inputs are *parameters*, which are the same nodes in all
bodies, so that two bodies that say the same are equal, and so are the loops around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from lamina.base.dims import Shape
from lamina.base.errors import VerificationError
from lamina.graph.graph import Graph, topological
from lamina.graph.node import INPUT, Node, apply
from lamina.graph.primitive import Primitive, Spec


class Typed(Protocol):
    """Anything with a shape and a dtype: a `Spec` or a `Node`."""

    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> str: ...


def _result_infer(x: Any, *, index: int) -> Spec:
    if not 0 <= index < len(x.results):
        raise VerificationError(f"result: index {index} of a {x.dtype}{x.shape} with {len(x.results)} results.")
    return x.results[index]


RESULT = Primitive("result", "result", infer=_result_infer, numpy=lambda x, index: x[index])


def result(node: Node, index: int) -> Node:
    """One of the results of an operation that has several."""
    return apply(RESULT, node, index=index)


def results(node: Node) -> list[Node]:
    """All the results of an operation that has several."""
    return [result(node, k) for k in range(len(node.results))]


def parameters(specs: Iterable[Typed]) -> list[Node]:
    """The inputs of a body with these shapes and dtypes: the same nodes whenever they are asked for."""
    return [
        apply(INPUT, shape=tuple(s.shape), dtype=s.dtype, name=f"p{k}", identity=("parameter", k))
        for k, s in enumerate(specs)
    ]


def body_graph(inputs: Sequence[Node], outputs: Sequence[Node], name: str = "body") -> Graph:
    """A body that computes `outputs`, with parameters in the place of `inputs`, which may be any nodes."""
    given = parameters(inputs)
    mapping = substitute(outputs, dict(zip(inputs, given)))
    return Graph(tuple(given), tuple(mapping[n] for n in outputs), (), name)


def substitute(roots: Sequence[Node], replacements: Mapping[Node, Node]) -> dict[Node, Node]:
    """Every node that the roots need, with some replaced: a map from old to new."""
    mapping = dict(replacements)
    for node in topological(roots, replacements):
        inputs = [mapping[n] for n in node.inputs]
        same = all(new is old for new, old in zip(inputs, node.inputs))
        mapping[node] = node if same else apply(node.primitive, *inputs, source=node.source, **node.attrs)
    return mapping


def bodies(node: Node) -> dict[str, Graph]:
    """The graphs that a node runs, by the names of its attributes."""
    return {name: value for name, value in node.attrs.items() if isinstance(value, Graph)}


def close_over(inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """What a body reads beside its inputs: the nodes nearest to it that do not depend on them.

    Such a node is computed once, outside. Constants and what else needs no operands stay in the body.
    """
    own = set(inputs)
    varying = set(inputs)
    for node in topological(outputs, inputs):
        if any(n in varying for n in node.inputs):
            varying.add(node)
    given: dict[Node, None] = {}
    for node in (*outputs, *(n for v in topological(outputs, inputs) if v in varying for n in v.inputs)):
        if node not in varying and node not in own and (node.inputs or node.primitive is INPUT):
            given[node] = None
    return list(given)
