"""The reference executor: walks a graph and runs the NumPy meaning of every node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.changes import changes
from lamina.base.dims import Dim, Shape, divide, evaluate, symbols_of
from lamina.base.errors import IndexRangeError, ShapeError
from lamina.graph.graph import Graph, topological
from lamina.graph.node import Node

Watcher = Callable[[Node, np.ndarray], None]


def bind_symbols(shapes: Iterable[tuple[Shape, tuple[int, ...]]]) -> dict[str, int]:
    """The values of symbols that make declared shapes equal to actual ones.

    Raises:
        ShapeError: if they cannot be equal.
    """
    symbols: dict[str, int] = {}
    open_: list[tuple[Dim, int, Shape, tuple[int, ...]]] = []
    for declared, actual in shapes:
        if len(declared) != len(actual):
            raise ShapeError(f"Expected an array of shape {declared}, of rank {len(declared)}. Received: {actual}.")
        for expected, found in zip(declared, actual):
            if isinstance(expected, Dim):
                _bind_symbol(symbols, expected, found)
                open_.append((expected, found, declared, actual))
            elif expected != found:
                raise ShapeError(f"Expected an array of shape {declared}. Received: {actual}.")
    for expected, found, declared, actual in open_:
        known = symbols_of((expected,)) <= symbols.keys()
        if (known or len(symbols_of((expected,))) == 1) and (not known or evaluate(expected, symbols) != found):
            raise ShapeError(
                f"Expected an array of shape {declared} where {symbols}. Received: {actual}. "
                "Dimensions that share a symbol must be equal."
            )
    return symbols


def _bind_symbol(symbols: dict[str, int], expected: Dim, found: int) -> None:
    """Notes the value of the only symbol of a dimension, where there is one."""
    if len(expected.terms) == 1 and expected.terms[0][0] not in symbols and "*" not in expected.terms[0][0]:
        symbol, factor = expected.terms[0]
        value = divide(found - expected.constant, factor)
        if isinstance(value, int) and value >= 0:
            symbols[symbol] = value


def concrete_attrs(attrs: Mapping[str, Any], symbols: Mapping[str, int]) -> dict[str, Any]:
    """Attributes with every symbolic dimension replaced by its number, and every graph by a function of arrays."""

    def concrete(value: Any) -> Any:
        if isinstance(value, Dim):
            return evaluate(value, symbols)
        if isinstance(value, Graph):
            return _Body(value, symbols)
        if isinstance(value, tuple):
            return tuple(concrete(v) for v in value)
        return value

    return {name: concrete(value) for name, value in attrs.items()}


class _Body:
    """A graph that an operation runs, perhaps many times: from arrays to arrays."""

    def __init__(self, graph: Graph, symbols: Mapping[str, int]):
        self._graph, self._symbols = graph, symbols
        self._order = topological(graph.outputs, graph.inputs)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        values = dict(zip(self._graph.inputs, arrays))
        for node in self._order:
            values[node] = run_node(node, [values[n] for n in node.inputs], self._symbols)
        return [values[n] for n in self._graph.outputs]


def run_node(node: Node, operands: Sequence[np.ndarray], symbols: Mapping[str, int]) -> Any:
    """The value of one node, as an array of exactly its dtype; a tuple of them where it has several results."""
    try:
        with np.errstate(all="ignore"):
            value = node.primitive.numpy(*operands, **concrete_attrs(node.attrs, symbols))
    except IndexRangeError as error:
        error.source = error.source or node.source
        raise
    if node.results:
        return tuple(np.asarray(v, dtype=dtypes.to_numpy(s.dtype)) for v, s in zip(value, node.results, strict=True))
    return np.asarray(value, dtype=dtypes.to_numpy(node.dtype))


def evaluate_nodes(
    outputs: Sequence[Node],
    known: Mapping[Node, np.ndarray],
    symbols: Mapping[str, int],
    watcher: Watcher | None = None,
) -> list[np.ndarray]:
    """The values of `outputs`, given the values of some nodes.

    Args:
        known: values that need no computing; at least every input that is needed.
        symbols: the numbers of symbolic dimensions.
        watcher: called with every node and its value as soon as it is computed, but for those of several results.
    """
    values: dict[Node, Any] = dict(known)
    for node in topological(outputs, known):
        values[node] = run_node(node, [values[n] for n in node.inputs], symbols)
        if watcher is not None and not node.results:
            watcher(node, values[node])
    return [values[n] for n in outputs]


def interpret(graph: Graph, arrays: Sequence[np.ndarray], watcher: Watcher | None = None) -> list[np.ndarray]:
    """Runs a graph on arrays in the order of its inputs; state arrays are replaced in place.

    Returns:
        The outputs, which share no memory with the state.
    """
    symbols = bind_symbols((n.shape, a.shape) for n, a in zip(graph.inputs, arrays))
    known = dict(zip(graph.inputs, arrays))
    results = evaluate_nodes(graph.roots, known, symbols, watcher)
    count = len(graph.outputs)
    outputs = [np.array(r, copy=True) for r in results[:count]]
    fresh = [np.array(r, copy=True) for r in results[count:]]
    for (state, _), value in zip(graph.updates, fresh):
        known[state][...] = value
    if fresh:
        changes.note()
    return outputs
