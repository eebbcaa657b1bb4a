"""The search for the operation that made the first NaN or infinity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import format_shape
from lamina.base.errors import NumericError
from lamina.graph import Graph, Node, Primitive, Source, topological, user_source
from lamina.graph.interpreter import bind_symbols, evaluate_nodes
from lamina.tensor.state import state


class debug_nans:
    """Switches the search for NaN on or off, for good or for a `with` block.

    While it is on, an operation on numbers raises NumericError as soon as its result holds a NaN, or an infinity that
    its operands did not hold. Programs made by `function` are run by the interpreter first, and what is wrong in their
    results is traced back to the operation that it comes from.

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
    """Where a NaN or infinity came up.

    Attributes:
        node: the node whose value holds it.
        kind: `"NaN"` or `"infinity"`.
        value: the node's value.
        operands: the values of its inputs.
    """

    node: Node
    kind: str
    value: np.ndarray
    operands: Sequence[np.ndarray] = ()

    @property
    def given(self) -> bool:
        """Whether it was there from the start, in an input or a constant."""
        return not self.node.inputs

    @property
    def source(self) -> Source:
        """The user's line, and the layer."""
        return self.node.source

    def __str__(self) -> str:
        if self.given:
            name = self.node.attrs.get("name", "constant")
            return f"The input {name!r} of shape {format_shape(self.node.shape)} already holds {self.kind}."
        return f"{self.kind} was made by {self.node.primitive.name} at {self.source}, of shape {self.node.shape}."


def find_nan(graph: Graph, arrays: Sequence[np.ndarray]) -> Finding | None:
    """Interprets a graph, and looks for a NaN among its inputs and for what made a NaN or infinity in its results.

    An infinity counts where it was made of finite numbers.

    Args:
        graph: any graph.
        arrays: as for running it; state among them is read but not changed.

    Returns:
        What was found, or None if all is finite.
    """
    for node, array in zip(graph.inputs, arrays):
        if bad_kind(array) == "NaN":
            return Finding(node, "NaN", array)
    return next((f for f in find_origins(graph, arrays) if made_kind(f.value, f.operands)), None)


def find_origins(graph: Graph, arrays: Sequence[np.ndarray]) -> list[Finding]:
    """The operations from which the NaNs and infinities in a graph's results come, the first one first.

    Values that are infinite on purpose and do not reach a result do not count.
    """
    symbols = bind_symbols((n.shape, a.shape) for n, a in zip(graph.inputs, arrays))
    values: dict[Node, np.ndarray] = dict(zip(graph.inputs, arrays))
    evaluate_nodes(graph.roots, dict(values), symbols, values.__setitem__)
    place = {node: i for i, node in enumerate(topological(graph.roots))}
    nodes = {_walk_back(root, values) for root in graph.roots if bad_kind(values[root])}
    return [
        Finding(n, bad_kind(values[n]), values[n], [values[i] for i in _operands(n)])
        for n in sorted(nodes, key=lambda n: place[n])
    ]


def _walk_back(node: Node, values: Mapping[Node, np.ndarray]) -> Node:
    """The first operation on the way to a node's value whose operands, but for inputs and constants, are finite."""
    while True:
        bad = [n for n in _operands(node) if n.inputs and bad_kind(values[n])]
        if not bad:
            return node
        with_nan = [n for n in bad if bad_kind(values[n]) == "NaN"]
        node = min(with_nan or bad, key=lambda n: n.serial)


def _operands(node: Node) -> tuple[Node, ...]:
    """What a value is computed from: for a result of a loop or branch, what that was given."""
    return node.inputs[0].inputs if node.kind == "result" else node.inputs


def bad_kind(array: np.ndarray) -> str:
    """`"NaN"`, `"infinity"`, or nothing where all is finite."""
    if not dtypes.is_float(array.dtype.name) or np.isfinite(array).all():
        return ""
    return "NaN" if np.isnan(array).any() else "infinity"


def made_kind(value: np.ndarray, operands: Sequence[np.ndarray]) -> str:
    """What an operation brought in: NaN always counts, an infinity where no operand held one."""
    kind = bad_kind(value)
    if kind == "infinity" and any(bad_kind(a) for a in operands):
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
