"""Which index was out of range, where a native program can only say that one was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import evaluate_shape
from lamina.base.errors import IndexRangeError
from lamina.graph.graph import Graph, topological
from lamina.graph.interpreter import bind_symbols, evaluate_nodes, run_node
from lamina.graph.node import Node
from lamina.graph.source import Source


def explained(
    error: IndexRangeError, graph: Graph, arrays: Sequence[np.ndarray], data: Mapping[Node, np.ndarray]
) -> IndexRangeError:
    """The error with the layer, the line, the index, the range, and where the index is; as it came if none is found.

    Args:
        graph: what was run.
        arrays: what its inputs were, in order; they are not changed.
        data: arrays of the caller's, whole, in which to look for the index, by the inputs that they are for.
    """
    symbols = bind_symbols((n.shape, a.shape) for n, a in zip(graph.inputs, arrays))
    known: dict[Node, Any] = dict(zip(graph.inputs, arrays))
    candidates = [n for n in graph.nodes() if n.primitive.kind in ("index", "scatter") and n.inputs]
    values = dict(known)
    for node in candidates:
        places = [n for n in node.inputs if dtypes.is_integer(n.dtype)]
        try:
            for step in topological(places, values):
                values[step] = run_node(step, [values[n] for n in step.inputs], symbols)
            run_node(node, [values.get(n, _stand_in(n, symbols)) for n in node.inputs], symbols)
        except IndexRangeError as found:
            return _described(found, _sources(places, data))
    try:
        evaluate_nodes(graph.roots, known, symbols)  # it is within a loop or a branch
    except IndexRangeError as found:
        return _described(found, data)
    return error


def _stand_in(node: Node, symbols: Mapping[str, int]) -> np.ndarray:
    """An array of the shape of a value that need not be known, without memory of its own."""
    zero = np.zeros((), dtypes.to_numpy(node.dtype))
    return np.broadcast_to(zero, evaluate_shape(node.shape, symbols))


def _sources(places: Iterable[Node], data: Mapping[Node, np.ndarray]) -> dict[Node, np.ndarray]:
    """The arrays from which these values come."""
    needed = set(topological(places))
    return {node: array for node, array in data.items() if node in needed}


def _described(found: IndexRangeError, data: Mapping[Node, np.ndarray]) -> IndexRangeError:
    index, size = found.index, found.size
    if index is None or size is None:
        return found
    source = found.source if isinstance(found.source, Source) else Source("", 0)
    layer = f"layer {source.scope!r}: " if source.scope else ""
    line = f" ({source.file}:{source.line})" if source.file else ""
    where = _place_in(data, index)
    batch = f", at {list(found.place)} of the batch" if found.place else ""
    allowed = f"from 0 to {size - 1}" if size else "none, as the axis is empty"
    return IndexRangeError(
        f"{layer}index {index} is out of range{line}. Expected: {allowed}, for an axis of size {size}. Received: "
        f"{index}{batch}{where}. {_advice(index, size)}", index, size, found.place,
    )  # fmt: skip


def _place_in(data: Mapping[Node, np.ndarray], index: int) -> str:
    """Where in the data the index stands, as words; nothing where it is not there."""
    for node, array in data.items():
        name = node.attrs.get("name")
        if not name or not array.ndim or array.dtype.kind not in "iuf":
            continue
        places = np.argwhere(array == index)
        if len(places):
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            return f", which is {name}[{', '.join(map(str, places[0]))}]{more}"
    return ""


def _advice(index: int, size: int) -> str:
    if index < 0:
        return "Give numbers of at least 0; padding needs a number of its own, such as 0."
    return (
        f"Give numbers below {size}, or make the axis larger: input_dim={index + 1} or more for an Embedding, as many "
        "units as classes for the last layer."
    )
