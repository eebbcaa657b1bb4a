"""The search for the operation that made the first NaN or infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import format_shape
from lamina.base.errors import NumericError
from lamina.graph import Graph, Node, Primitive, Source, user_source
from lamina.graph.interpreter import bind_symbols, evaluate_nodes
from lamina.tensor.state import state


class debug_nans:
    """Switches the search for NaN on or off, for good or for a `with` block.

    While it is on, an operation on numbers raises NumericError as soon as its result holds a NaN, or an infinity that
    its operands did not hold. Programs made by `function` are then run by the interpreter, step by step.

    Args:
        enabled: on or off.

    Example:
        with debug_nans():
            loss = model_loss(x, y)
    """

    def __init__(self, enabled: bool = True):
        self._before = state.nans
        state.change(nans=bool(enabled))

    def __enter__(self) -> debug_nans:
        return self

    def __exit__(self, *exception: object) -> None:
        state.change(nans=self._before)


class Finding(NamedTuple):
    """Where the first NaN or infinity came up.

    Attributes:
        node: the node whose value holds it.
        kind: `"NaN"` or `"infinity"`.
        given: whether it was there from the start, in an input or a constant.
        source: the user's line, and the layer.
    """

    node: Node
    kind: str
    given: bool
    source: Source

    def __str__(self) -> str:
        if self.given:
            name = self.node.attrs.get("name", "constant")
            return f"The input {name!r} of shape {format_shape(self.node.shape)} already holds {self.kind}."
        return f"{self.kind} was made by {self.node.primitive.name} at {self.source}, of shape {self.node.shape}."


class _Found(Exception):
    """Ends the interpretation of a graph at the first finding."""

    def __init__(self, finding: Finding):
        self.finding = finding


def find_nan(graph: Graph, arrays: Sequence[np.ndarray]) -> Finding | None:
    """Interprets a graph up to the first node that makes a NaN, or an infinity from finite operands.

    Args:
        graph: any graph.
        arrays: as for running it; state among them is read but not changed.

    Returns:
        What was found, or None if all is finite.
    """
    known = dict(zip(graph.inputs, arrays))
    for node, array in known.items():
        if bad_kind(array) == "NaN":
            return Finding(node, "NaN", True, node.source)
    values: dict[Node, np.ndarray] = dict(known)

    def watch(node: Node, value: np.ndarray) -> None:
        values[node] = value
        kind = made_kind(value, [values[n] for n in node.inputs], not node.inputs)
        if kind:
            raise _Found(Finding(node, kind, not node.inputs, node.source))

    symbols = bind_symbols((n.shape, a.shape) for n, a in known.items())
    try:
        evaluate_nodes(graph.roots, known, symbols, watch)
    except _Found as found:
        return found.finding
    return None


def bad_kind(array: np.ndarray) -> str:
    """`"NaN"`, `"infinity"`, or nothing where all is finite."""
    if not dtypes.is_float(array.dtype.name) or np.isfinite(array).all():
        return ""
    return "NaN" if np.isnan(array).any() else "infinity"


def made_kind(value: np.ndarray, operands: Sequence[np.ndarray], leaf: bool = False) -> str:
    """What an operation brought in: NaN always counts, an infinity where no operand held one; never of a leaf."""
    kind = bad_kind(value)
    if kind == "infinity" and (leaf or any(bad_kind(a) for a in operands)):
        return ""
    return kind


def check_result(primitive: Primitive, operands: Sequence[np.ndarray], value: np.ndarray) -> None:
    """Raises NumericError if an operation that just ran made a NaN or an infinity."""
    kind = made_kind(value, operands)
    if not kind:
        return
    origin = "its operands hold NaN already" if any(bad_kind(a) == "NaN" for a in operands) else "from finite operands"
    if kind == "NaN" and origin == "from finite operands" and any(bad_kind(a) for a in operands):
        origin = "from operands that hold infinities"
    raise NumericError(
        f"{primitive.name} at {user_source()} gave {kind} ({origin}), in a result of shape {format_shape(value.shape)}."
    )


def check_graph(graph: Graph, arrays: Sequence[np.ndarray]) -> None:
    """Raises NumericError if running a graph on arrays makes a NaN or an infinity; the arrays stay as they are."""
    finding = find_nan(graph, arrays)
    if finding is not None:
        raise NumericError(str(finding))


_TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree up to rounding; whole numbers and bools must be equal."""
    tolerance = _TOLERANCES.get(a.dtype.name)
    if tolerance is None:
        return bool(np.array_equal(a, b))
    a, b = a.astype(np.float64), b.astype(np.float64)
    scale = np.max(np.abs(a), where=np.isfinite(a), initial=0.0)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= tolerance * np.maximum(np.abs(a), scale * 0.1) + np.finfo(np.float32).tiny
    return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))
