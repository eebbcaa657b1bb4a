"""Functional models as configs: their layers, the calls of each, and the operations between them, in Keras' form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.base import dtypes, trees
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError
from lamina.graph.node import Array
from lamina.layers import InputLayer, Layer, deserialize, serialize
from lamina.models.network import Network
from lamina.models.plan import LayerStep, OperationStep, Slot
from lamina.models.topology import free_name
from lamina.primitives import REGISTRY
from lamina.tensor import Tensor, apply

_OPERATIONS = "lamina.primitives"


def network_config(network: Network) -> dict[str, Any]:
    """The entries `layers`, `input_layers` and `output_layers` of the config of a model."""
    return _Writer(network).config()


class _Writer:
    """Writes the config of a network.

    Attributes:
        histories: for the number of a value the layer or operation, the call and the output that give it.
    """

    def __init__(self, network: Network):
        self.network = network
        self.plan = network.plan
        self.histories: dict[int, list[Any]] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self._calls: Counter[str] = Counter()
        self._names = {layer.name for layer in network.layers}

    def config(self) -> dict[str, Any]:
        for layer in self.network.layers:
            self.entries[layer.name] = {**serialize(layer), "name": layer.name, "inbound_nodes": []}
            # In Keras a functional model inside of another one has a call of its own before any other.
            self._calls[layer.name] = _own_calls(layer)
        for number, source in zip(self.plan.inputs, self.network.input_layers):
            self.histories[number] = [source.name, 0, 0]
        for step in self.plan.steps:
            self._write(step)
        ends = [self.histories[number] for number in self.plan.inputs]
        return {
            "layers": list(self.entries.values()),
            "input_layers": self.network.nested(ends),
            "output_layers": trees.map_structure(lambda slot: self.histories[slot.number], self.plan.outputs),
        }

    def _write(self, step: LayerStep | OperationStep) -> None:
        if isinstance(step, LayerStep):
            name = step.layer.name
            args, kwargs = step.args, step.kwargs
        else:
            name = free_name(step.primitive.name, self._names)
            args, kwargs = tuple(Slot(number) for number in step.inputs), {}
            attrs = {key: _encode(value) for key, value in step.attrs.items()}
            self.entries[name] = {
                "module": _OPERATIONS, "class_name": step.primitive.name, "config": {"name": name, "attributes": attrs},
                "registered_name": None, "name": name, "inbound_nodes": [],
            }  # fmt: skip
        call = {"args": [self._argument(a) for a in args], "kwargs": {k: self._argument(v) for k, v in kwargs.items()}}
        self.entries[name]["inbound_nodes"].append(call)
        for index, number in enumerate(step.outputs):
            if number is not None:
                self.histories[number] = [name, self._calls[name], index]
        self._calls[name] += 1

    def _argument(self, argument: Any) -> Any:
        def leaf(value: Any) -> Any:
            if not isinstance(value, Slot):
                return _encode(value)
            if value.number in self.histories:
                return {"class_name": "__keras_tensor__", "config": {"keras_history": self.histories[value.number]}}
            return _encode(self.plan.constant(value.number))

        return trees.map_structure(leaf, argument)


def _own_calls(layer: Layer) -> int:
    return 1 if getattr(layer, "_network", None) is not None else 0


def _encode(value: Any) -> Any:
    """An argument or attribute as something that JSON can hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Dim):
        return {"class_name": "__dimension__", "config": {"terms": list(value.terms), "constant": value.constant}}
    if isinstance(value, Array):
        return {"class_name": "__array__", "config": _array_config(value.value)}
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        return {"class_name": "__tensor__", "config": _array_config(np.asarray(value))}
    raise ArgumentError(
        f"A model that was made by calling a layer with {value!r} of type {type(value).__name__} has no config. Give "
        "the layer tensors, arrays, numbers or strings, or make a class that derives from Layer."
    )


def _array_config(array: np.ndarray) -> dict[str, Any]:
    plain = array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16 has no numbers of its own
    return {"value": plain.tolist(), "dtype": dtypes.canonical(array.dtype)}


def _decode(value: Any) -> Any:
    """What `_encode` wrote; lists as tuples, which attributes are."""
    if isinstance(value, (list, tuple)):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    config = value["config"]
    if value["class_name"] == "__dimension__":
        return Dim.make({symbol: int(count) for symbol, count in config["terms"]}, int(config["constant"]))
    array = np.asarray(config["value"], dtypes.to_numpy(config["dtype"]))
    return Array(array) if value["class_name"] == "__array__" else Tensor.of_array(array)


def network_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs of a model, made anew from its config.

    Raises:
        ArgumentError: if the calls in it do not follow from one another.
    """
    return _Reader(config, custom_objects).ends()


class _Reader:
    """Makes layers and their calls from a config."""

    def __init__(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None):
        self.config = config
        self.made: dict[str, list[list[Any]]] = {}
        self.makers: dict[str, Any] = {}
        for entry in config["layers"]:
            name = entry.get("name") or entry["config"]["name"]
            if entry.get("module") == _OPERATIONS:
                self.makers[name] = _operation(entry)
                self.made[name] = []
                continue
            layer = self.makers[name] = deserialize(entry, custom_objects)
            self.made[name] = [[]] * _own_calls(layer)
            if isinstance(layer, InputLayer):
                self.made[name].append([layer.output])

    def ends(self) -> tuple[Any, Any]:
        waiting = {
            entry.get("name") or entry["config"]["name"]: list(entry.get("inbound_nodes", ()))
            for entry in self.config["layers"]
        }
        while any(waiting.values()):
            progress = False
            for name, calls in waiting.items():
                while calls and self._ready(calls[0]):
                    self._call(name, calls.pop(0))
                    progress = True
            if not progress:
                left = sorted(name for name, calls in waiting.items() if calls)
                raise ArgumentError(f"The config of a functional model is broken: nothing leads to the layers {left}.")
        return self._tensors(self.config["input_layers"]), self._tensors(self.config["output_layers"])

    def _ready(self, call: Mapping[str, Any]) -> bool:
        return all(len(self.made[name]) > number for name, number, _ in _histories(call))

    def _call(self, name: str, call: Mapping[str, Any]) -> None:
        args = [self._argument(a) for a in call["args"]]
        kwargs = {key: self._argument(value) for key, value in call.get("kwargs", {}).items()}
        self.made[name].append(trees.flatten(self.makers[name](*args, **kwargs)))

    def _argument(self, value: Any) -> Any:
        if isinstance(value, dict) and "class_name" in value:
            if value["class_name"] == "__keras_tensor__":
                return self._tensor(*value["config"]["keras_history"])
            return _decode(value)
        if isinstance(value, dict):
            return {key: self._argument(item) for key, item in value.items()}
        return [self._argument(item) for item in value] if isinstance(value, (list, tuple)) else value

    def _tensor(self, name: str, call: int, output: int) -> Any:
        return self.made[name][call][output]

    def _tensors(self, ends: Any) -> Any:
        if isinstance(ends, (list, tuple)) and len(ends) == 3 and isinstance(ends[0], str):
            return self._tensor(*ends)
        if isinstance(ends, dict):
            return {key: self._tensors(item) for key, item in ends.items()}
        return type(ends)(self._tensors(item) for item in ends)


def _operation(entry: Mapping[str, Any]) -> Any:
    """A function of tensors that applies the operation of an entry."""
    primitive = REGISTRY.get(entry["class_name"])
    if primitive is None:
        raise ArgumentError(f"The config of a functional model has an unknown operation: {entry['class_name']!r}.")
    attrs = {key: _decode(value) for key, value in entry["config"]["attributes"].items()}
    return lambda *tensors: apply(primitive, *tensors, **attrs)


def _histories(value: Any) -> list[list[Any]]:
    """Where the tensors in the arguments of a call come from."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        return [h for item in value.values() for h in _histories(item)]
    return [h for item in value for h in _histories(item)] if isinstance(value, (list, tuple)) else []
