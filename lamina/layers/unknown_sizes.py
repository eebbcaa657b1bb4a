"""Sizes that are not known while a model is put together: the batch, and the axes that an `Input` leaves open.

Most shapes follow exactly from such symbols: `batch`, `4*axis1`. Where they do not (every second row of an image
of unknown height), a layer is tried with two stand-ins for every open axis. A size that differs between the trials
becomes a symbol of its own, which remembers its two stand-ins: equal ones are one symbol, so that two branches that
halve the same axis can still be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.base.dims import Dim, Dimension, Shape, symbols_of
from lamina.base.errors import ShapeError
from lamina.graph import Graph, Spec, apply, parameters, topological
from lamina.graph.loop import BATCH

# Multiples of these divide well: by strides, by pools, by the sizes of patches.
_TRIALS = (1920, 2688)

_stand_ins: dict[str, tuple[int, int]] = {}


def open_shape(sizes: Sequence[int | None]) -> Shape:
    """A shape with a symbol for every None: the batch for axis 0, one for each other axis."""
    return tuple(_symbol(axis) if size is None else size for axis, size in enumerate(sizes))


def _symbol(axis: int) -> Dim:
    if axis == 0:
        return Dim(BATCH)
    name = f"axis{axis}"
    _stand_ins[name] = (axis * _TRIALS[0], axis * _TRIALS[1])
    return Dim(name)


def has_open_axes(shapes: Sequence[Shape]) -> bool:
    """Whether a shape depends on more than the size of the batch."""
    return any(symbols_of(shape) - {BATCH} for shape in shapes)


def at_trial(shape: Shape, trial: int) -> Shape:
    """The shape with the stand-ins of one of the two trials; the batch stays a symbol."""
    values = {name: _stand_ins[name][trial] for name in symbols_of(shape) if name in _stand_ins}
    return substitute_shape(shape, values)


def from_trials(first: Shape, second: Shape) -> Shape:
    """The shape that was `first` in one trial and `second` in the other.

    Raises:
        ShapeError: if no symbol can say that.
    """
    if len(first) != len(second):
        raise ShapeError("The rank depends on sizes that are not known.")
    return tuple(_from_trials(a, b) for a, b in zip(first, second))


def _from_trials(first: Dimension, second: Dimension) -> Dimension:
    if first == second:
        return first
    if isinstance(first, int) and isinstance(second, int):
        return _derived(first, second)
    if isinstance(first, Dim) and isinstance(second, Dim):
        (a,), (b,) = first.terms, second.terms
        if a[0] == b[0] and not first.constant and not second.constant:
            return _derived(a[1], b[1]) * Dim(a[0])
    raise ShapeError(f"The size is {first} or {second}, depending on sizes that are not known.")


def _derived(first: int, second: int) -> Dim:
    for name, pair in _stand_ins.items():
        if pair == (first, second):
            return Dim(name)
    name = f"size_{first}_{second}"
    _stand_ins[name] = (first, second)
    return Dim(name)


def substitute_shape(shape: Shape, values: Mapping[str, Dimension]) -> Shape:
    """A shape with sizes, or other symbols, in place of some symbols."""
    return tuple(substitute(d, values) for d in shape)


def substitute(dimension: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """A dimension with sizes, or other symbols, in place of some of its symbols."""
    if isinstance(dimension, int):
        return dimension
    total: Dimension = dimension.constant
    for term, coefficient in dimension.terms:
        product: Dimension = coefficient
        for symbol in term.split("*"):
            product = product * values.get(symbol, Dim(symbol))
        total = total + product
    return total


def symbols_in(value: Any) -> set[str]:
    """The symbols in an attribute of an operation: a dimension, or a nested tuple with some."""
    if isinstance(value, Dim):
        return symbols_of((value,))
    if isinstance(value, Graph):
        nodes = [*value.inputs, *value.nodes()]
        return {s for n in nodes for item in (n.shape, *n.attrs.values()) for s in symbols_in(item)}
    return {s for item in value for s in symbols_in(item)} if isinstance(value, tuple) else set()


def substitute_in(value: Any, values: Mapping[str, Dimension]) -> Any:
    """An attribute of an operation with sizes in place of symbols."""
    if isinstance(value, Dim):
        return substitute(value, values)
    if isinstance(value, Graph):
        return _body(value, values)
    return tuple(substitute_in(item, values) for item in value) if isinstance(value, tuple) else value


def _body(graph: Graph, values: Mapping[str, Dimension]) -> Graph:
    """The body of a loop or branch with sizes in place of symbols."""
    specs = [Spec(tuple(substitute_in(n.shape, values)), n.dtype) for n in graph.inputs]
    inputs = parameters(specs)
    new = dict(zip(graph.inputs, inputs))
    for node in topological(graph.outputs, graph.inputs):
        attrs = {name: substitute_in(value, values) for name, value in node.attrs.items()}
        new[node] = apply(node.primitive, *(new[n] for n in node.inputs), source=node.source, **attrs)
    return Graph(tuple(inputs), tuple(new[n] for n in graph.outputs), (), graph.name)
