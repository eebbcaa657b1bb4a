"""Copies of models: the same layers and calls, with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.base import trees
from lamina.base.errors import ArgumentError
from lamina.layers import Input, InputLayer, Layer
from lamina.models.model import Model
from lamina.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Any = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Model:
    """A model of new layers, like those of another one but with weights made anew.

    Args:
        model: a Sequential, a model made from tensors, or a subclass that has a config.
        input_tensors: symbolic tensors to begin the new model with, in the structure of the inputs; new ones when
            None. Not for a subclass.
        clone_function: makes the new layer of each layer but the inputs: by its config when None. It may return the
            layer itself, which both models then share.
        recursive: whether models inside of the model are cloned with the same function, instead of as one layer.
        call_function: only None is possible.

    Raises:
        ArgumentError: if the arguments do not go with the model.

    Example:
        twin = clone_model(model)
        twin.set_weights(model.get_weights())
    """
    if call_function is not None or kwargs:
        unknown = "call_function" if call_function is not None else next(iter(kwargs))
        raise ArgumentError(f"clone_model: the argument {unknown!r} is not supported.")
    if not isinstance(model, Model):
        raise ArgumentError(f"clone_model: model must be a model. Received: {model!r}.")
    make = _maker(clone_function, recursive)
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, make)
    if model._network is None:
        if input_tensors is not None or clone_function is not None:
            raise ArgumentError(
                f"clone_model: {model._title()} is a subclass of Model, which is cloned as a whole: input_tensors and "
                "clone_function cannot be given."
            )
        return type(model).from_config(model.get_config())
    return _clone_network(model, input_tensors, make)


def _maker(clone_function: Callable[[Layer], Layer] | None, recursive: bool) -> Callable[[Layer], Layer]:
    made: dict[int, Layer] = {}

    def make(layer: Layer) -> Layer:
        if id(layer) not in made:
            if recursive and isinstance(layer, Model):
                made[id(layer)] = clone_model(layer, clone_function=clone_function, recursive=True)
            else:
                made[id(layer)] = (clone_function or _by_config)(layer)
        return made[id(layer)]

    return make


def _by_config(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def _clone_sequential(model: Sequential, input_tensors: Any, make: Callable[[Layer], Layer]) -> Sequential:
    start = trees.flatten(input_tensors)
    if len(start) > 1:
        raise ArgumentError(f"clone_model: {model._title()} takes one input. Received: {len(start)} input_tensors.")
    first = start or ([_by_config(model._input_layer)] if model._input_layer is not None else [])
    return Sequential([*first, *map(make, model.layers)], name=model.name, trainable=model.trainable)


def _clone_network(model: Model, input_tensors: Any, make: Callable[[Layer], Layer]) -> Model:
    network = model._network
    assert network is not None
    if input_tensors is None:
        layers = network.input_layers
        flat = [Input(batch_shape=s.batch_shape, dtype=s.dtype, name=s.name) for s in layers]
    else:
        flat = network.arrange(input_tensors)
    outputs = network.plan.run(flat, lambda layer: layer if isinstance(layer, InputLayer) else make(layer))
    return type(model)(network.nested(flat), outputs, name=model.name, trainable=model.trainable)
