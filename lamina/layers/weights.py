"""The weights of layers: how they are made, found, set and penalised."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import constraints, initializers, ops, regularizers
from lamina.base import dtypes
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.random import SeedGenerator
from lamina.tensor import Trace, Variable

if TYPE_CHECKING:
    from lamina.layers.layer import Layer

# Attributes that hold no part of a layer.
_INTERNAL = frozenset(
    {
        "_constructor_call", "_losses", "_frozen", "_build_shape", "input_spec", "_weights", "_programs", "_tensors",
        "_calls",
    }
)  # fmt: skip


def make(owner: str, shape: Any, initializer: Any, dtype: str, trainable: bool, name: str | None) -> Variable:
    """A variable with its first value, for a layer named `owner`."""
    name = name or "variable"
    shape = () if shape is None else (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
            raise ShapeError(
                f"Layer {owner!r}: weight {name!r} cannot have the shape {shape}: {size!r} is not a size. A size that "
                "comes from the input must be known when the layer is built: give the input shape in full."
            )
    if initializer is None:
        initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
    variable = Variable(initializers.get(initializer), shape=shape, dtype=dtype, trainable=trainable, name=name)
    variable.path = f"{owner}/{name}"
    return variable


def attach(variable: Variable, regularizer: Any, constraint: Any) -> None:
    """Hangs on a variable what the loss and the optimizer do with it; both read these two attributes."""
    variable.regularizer = regularizers.get(regularizer)  # type: ignore[attr-defined]
    variable.constraint = constraints.get(constraint)  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1024)
def _holds(kind: type) -> str:
    """What an attribute of this type is to a layer: `"part"`, `"container"` of parts, or nothing."""
    from lamina.layers.layer import Layer

    if issubclass(kind, (Layer, Variable, SeedGenerator)):
        return "part"
    return "container" if issubclass(kind, (dict, list, tuple)) else ""


def _parts_in(values: Iterable[Any]) -> Iterator[Any]:
    """The layers, variables and generators among values, and in nested lists, tuples and dicts among them."""
    for value in values:
        kind: Any = type(value)
        holds = _holds(kind)
        if holds == "part":
            yield value
        elif holds:
            yield from _parts_in(value.values() if isinstance(value, dict) else value)


def _attributes(layer: Layer) -> list[Any]:
    """The layers, variables and generators that a layer has as attributes."""
    return list(_parts_in(value for name, value in list(vars(layer).items()) if name not in _INTERNAL))


def own_variables(layer: Layer, attributes: Sequence[Any] | None = None) -> list[Variable]:
    """Weights of a layer itself: those it added, and variables that are its attributes; trainable ones first.

    Args:
        attributes: what its attributes hold, if that is known already.
    """
    found = {id(v): v for v in layer._weights}
    parts = _attributes(layer) if attributes is None else attributes
    found.update((id(v), v) for v in parts if isinstance(v, Variable))
    declared = {id(v) for v in layer._frozen}
    return sorted(found.values(), key=lambda v: not (v.trainable or id(v) in declared))


def _parts(layer: Layer, recursive: bool) -> dict[int, tuple[Layer, list[Any]]]:
    """A layer and those in it, each with what its attributes hold, by identity and in order."""
    from lamina.layers.layer import Layer

    attributes = _attributes(layer)
    found: dict[int, tuple[Layer, list[Any]]] = {id(layer): (layer, attributes)}

    def visit(items: list[Any]) -> None:
        for item in items:
            if isinstance(item, Layer) and id(item) not in found:
                found[id(item)] = (item, _attributes(item))
                if recursive:
                    visit(found[id(item)][1])

    visit(attributes)
    return found


def sublayers(layer: Layer, recursive: bool) -> list[Layer]:
    """The layers in a layer."""
    return [part for part, _ in _parts(layer, recursive).values()][1:]


def variables(layer: Layer, include_generators: bool) -> list[Variable]:
    """Variables of a layer and of those in it, each once."""
    found: dict[int, Variable] = {}
    for part, attributes in _parts(layer, recursive=True).values():
        found.update((id(v), v) for v in own_variables(part, attributes))
        if include_generators:
            states = (g.state for g in attributes if isinstance(g, SeedGenerator))
            found.update((id(v), v) for v in states)
    return list(found.values())


def penalties(weights: Sequence[Variable]) -> list[Any]:
    """The penalties of the weights that have a regularizer."""
    pairs = [(getattr(v, "regularizer", None), v) for v in weights]
    return [regularizer(variable) for regularizer, variable in pairs if regularizer is not None]


def activity_penalty(regularizer: Any, output: Any) -> Any:
    """The penalty of a layer's output, for each row of the batch."""
    output = ops.convert_to_tensor(output)
    if dtypes.is_float(output.dtype):  # a sum of many halves may not fit into a half
        output = ops.cast(output, dtypes.compute_dtype(output.dtype))
    penalty = regularizer(output)
    return ops.divide_no_nan(penalty, ops.cast(output.dims[0], penalty.dtype)) if output.dims else penalty


def set_values(title: str, weights: Sequence[Variable], values: Any) -> None:
    """Sets every weight, after checking all of them."""
    if not weights:
        if len(values) == 0:
            return
        raise ArgumentError(
            f"{title} has no weights (yet): weights are made when it is first called, or by `build(input_shape)`. "
            f"Received: {len(values)} array(s)."
        )
    if isinstance(values, np.ndarray) or len(values) != len(weights):
        listed = ", ".join(f"{v.name} {tuple(v.shape)}" for v in weights)
        raise ArgumentError(
            f"{title} has {len(weights)} weight(s): {listed}. set_weights() takes a list of as many arrays, in this "
            f"order. Received: {'one array' if isinstance(values, np.ndarray) else f'{len(values)} array(s)'}."
        )
    arrays = [np.asarray(value) for value in values]
    for variable, array in zip(weights, arrays, strict=True):
        if array.shape != tuple(variable.shape):
            raise ShapeError(
                f"{title}: weight {variable.name!r} has shape {tuple(variable.shape)}. Received an array of shape "
                f"{array.shape}."
            )
        if array.dtype.kind not in "biufV":
            raise DataError(f"{title}: weight {variable.name!r} takes numbers. Received dtype {array.dtype}.")
    for variable, array in zip(weights, arrays, strict=True):
        variable.assign(array.astype(dtypes.to_numpy(variable.dtype)))


def output_shape(layer: Layer, input_shape: Any) -> Any:
    """The output shape of a layer, found by a call on inputs without values."""
    from lamina.layers.arguments import shape_structure

    trace = Trace()
    with trace.stage("shape"):
        inputs = _inputs(trace, input_shape, layer.compute_dtype)
        return shape_structure(layer(inputs))


def _inputs(trace: Trace, shape: Any, dtype: str) -> Any:
    if isinstance(shape, dict):
        return {key: _inputs(trace, item, dtype) for key, item in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in shape):
        return [_inputs(trace, item, dtype) for item in shape]
    sizes = tuple(_size(axis, size) for axis, size in enumerate(shape))
    return trace.input(sizes, dtype, name="input")


def _size(axis: int, size: int | None) -> Any:
    if size is not None:
        return size
    return Dim("batch" if axis == 0 else f"axis{axis}")
