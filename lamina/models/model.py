"""The base of models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lamina.base import trees
from lamina.base.errors import ArgumentError, DataError
from lamina.data import ArrayData
from lamina.layers import InputLayer, Layer
from lamina.layers.arguments import constructor_arguments
from lamina.models.config import network_config, network_from_config
from lamina.models.network import Network
from lamina.models.summary import print_summary
from lamina.models.trainer import Trainer


class Model(Trainer, Layer):
    """A layer that can be trained: made of symbolic tensors, or a subclass with layers of its own.

    `Model(inputs, outputs)` is the model that computes `outputs` from `inputs`, with all layers between them. A
    subclass makes its layers in `__init__` and uses them in `call`.

    Args:
        inputs: what `Input(...)` gave, or any tensors that were made from such; one, or a list, tuple or dict.
        outputs: what layers and operations made of the inputs; one, or a list, tuple or dict.
        name: the class name in snake case, numbered, when None.
        trainable: whether training changes the weights; True.
        dtype: of the weights and the computation of a subclass; `floatx()` when None.

    Raises:
        ArgumentError: if an output needs an input that is not among the inputs.

    Example:
        inputs = Input((784,))
        hidden = Dense(64, activation="relu")(inputs)
        model = Model(inputs, Dense(10, activation="softmax")(hidden))
        features = Model(model.input, hidden)
    """

    _remat_of_parts = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        if cls is Model and (len(args) >= 2 or "outputs" in kwargs):
            from lamina.models.functional import Functional

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        ends = _ends(type(self).__name__, args, kwargs)
        super().__init__(**kwargs)
        self._start_trainer()
        self._network: Network | None = None
        if ends is not None:
            inputs, outputs = ends
            self._network = Network(f"Model {self.name!r}", inputs, outputs)
            self._parts = self._network.layers
            self._several_inputs = isinstance(inputs, (list, tuple, dict))
            self._several_outputs = isinstance(self._network.outputs, (list, tuple, dict))
            self.autocast = False
            self.built = True
            if not self._trainable:
                self.trainable = False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Computes the outputs; a subclass that was not made from tensors defines it."""
        if self._network is None:
            raise NotImplementedError(
                f"Model {self.name!r} has no `call(self, inputs)`. Define it in class {type(self).__name__}, or make "
                "the model from tensors: Model(inputs, outputs)."
            )
        return self._network.run(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for inputs of these shapes, None for sizes that are not known."""
        network = self._network
        if network is None or not _same_rows(network, input_shape):
            return super().compute_output_shape(input_shape)
        return trees.map_structure(lambda t: t.shape, network.outputs)

    # ---- ends ----

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure with which the model was made."""
        return super().input if self._network is None else self._network.inputs

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure with which the model was made."""
        return super().output if self._network is None else self._network.outputs

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs in order."""
        return trees.flatten(self.input)

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs in order."""
        return trees.flatten(self.output)

    @property
    def input_names(self) -> list[str]:
        """The names by which inputs can be given in a dict."""
        return [] if self._network is None else self._network.input_names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that give them."""
        return [] if self._network is None else self._network.output_names

    @property
    def input_shape(self) -> Any:
        """The shape of a batch of inputs, or a list of shapes."""
        return _one_or_all([t.shape for t in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of a batch of outputs, or a list of shapes."""
        return _one_or_all([t.shape for t in self.outputs])

    # ---- layers ----

    @property
    def layers(self) -> list[Layer]:
        """The layers of which the model is made directly: in the order of the data, or of the attributes."""
        if self._network is not None:
            return list(self._network.layers)
        return [layer for layer in self.sublayers(recursive=False) if not isinstance(layer, InputLayer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place.

        Raises:
            ArgumentError: if there is none.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ArgumentError(f"get_layer() takes a name or an index. Received: name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(f"Model {self.name!r} has {len(layers)} layers. Received: index={index}.")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(
            f"Model {self.name!r} has no layer {name!r}. Its layers: {', '.join(layer.name for layer in layers)}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints the layers with the shapes of their outputs and the numbers of their parameters.

        Where the layers are no chain, a column says what each of them takes: `add[0][1]` is the second output of the
        first call of `add`.

        Args:
            line_length: width of the table.
            positions: accepted as in Keras, without effect: columns are as wide as what is in them.
            print_fn: called with the text instead of printing it.
            expand_nested: whether the layers of models inside of this one are listed too.
            show_trainable: whether to add a column that says which layers are trained.
            layer_range: names of the first and the last layer to list; all by default.
        """
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    def _layer_shapes(self) -> dict[int, Any]:
        """Shapes of the outputs of layers, as far as they are known, by the identity of the layer."""
        units = [] if self._network is None else self._network.topology.units
        return {id(unit.layer): unit.shapes for unit in units if unit.layer is not None}

    # ---- data ----

    def _accept(self, data: ArrayData) -> ArrayData:
        network = self._network
        if network is None:
            return data
        if type(data.x) is np.ndarray and network.takes(data.x.shape):
            return data
        flat = network.arrange(data.x)
        fitted = [network.fit(i, a, lambda a, s: a.reshape(len(a), *s), DataError) for i, a in enumerate(flat)]
        x = network.nested(fitted)
        return replace(data, x=x, inputs=tuple(trees.flatten(x)))

    # ---- configs ----

    def get_config(self) -> dict[str, Any]:
        """What makes a model like this one: of a model made from tensors its layers and their calls."""
        if self._network is None:
            config = super().get_config()
            if type(self).get_config is Model.get_config:
                config.update(constructor_arguments(self, config))
            return config
        return {"name": self.name, "trainable": self._trainable, **network_config(self._network)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Model:
        """A new model from what `get_config()` gave; its weights are made anew."""
        if "input_layers" not in config:
            return cls(**config)
        inputs, outputs = network_from_config(config, custom_objects)
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable", True))


def _ends(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
    """The inputs and outputs among the arguments of a model, the latter taken out; None where there are none."""
    names = ("inputs", "outputs", "name")
    if len(args) > len(names):
        raise ArgumentError(f"{owner} takes inputs, outputs and name. Received: {len(args)} positional arguments.")
    kwargs.update(zip(names, args))
    inputs, outputs = kwargs.pop("inputs", None), kwargs.pop("outputs", None)
    if (inputs is None) != (outputs is None):
        missing = "outputs" if outputs is None else "inputs"
        raise ArgumentError(
            f"{owner}: {missing} is missing. A model is Model(inputs, outputs), Sequential([...]), or a subclass of "
            "Model with `__init__` and `call`."
        )
    return None if inputs is None else (inputs, outputs)


def _one_or_all(shapes: list[Any]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _same_rows(network: Network, input_shape: Any) -> bool:
    """Whether inputs of this shape are those for which the shapes of the outputs are known already."""
    known = trees.map_structure(lambda t: t.shape, network.inputs)
    return bool(input_shape == known)
