"""A model whose layers follow one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, DataError
from lamina.base.trees import map_structure
from lamina.data import ArrayData
from lamina.layers import InputLayer, Layer, deserialize, serialize
from lamina.layers.symbolic import origin
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.tensor.state import eagerly

Shape = tuple[int | None, ...]


class Sequential(Model):
    """Layers in a row: each takes what the one before it gives.

    The weights are made as soon as the shape of the input is known: from an `Input` as first item, from
    `build(input_shape)`, or from the first data.

    Args:
        layers: the layers, the first of which may be an `Input`.
        name: `sequential`, numbered, when None.
        trainable: whether training changes the weights; True.

    Example:
        model = Sequential([Input((784,)), Dense(64, activation="relu"), Dense(10, activation="softmax")])
    """

    _several_inputs = False
    _several_outputs = False

    def __init__(self, layers: Iterable[Layer | Tensor] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(name=name, trainable=trainable)
        self._input_layer: InputLayer | None = None
        self._chain: list[Layer] = []
        self._tensors: list[Any] = []
        self._input_shape: Shape | None = None
        for layer in [layers] if isinstance(layers, Layer) else layers or ():
            self.add(layer)

    # ---- layers ----

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the `Input`."""
        return list(self._chain)

    def add(self, layer: Layer | Tensor, rebuild: bool = True) -> None:
        """Appends a layer.

        Args:
            rebuild: accepted as in Keras; weights are made as soon as they can be in any case.

        Raises:
            ArgumentError: if it is no layer, or there is one of its name already, or an `Input` that is not first.
        """
        if isinstance(layer, Tensor):
            layer = self._layer_of_input(layer)
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        self._check(layer)
        if layer._input_shape_arg is not None and not self._chain and self._input_layer is None:
            self._add_input(InputLayer(batch_shape=layer._input_shape_arg, dtype=layer.dtype))
        self._chain.append(layer)
        self._programs = {}
        self.built = False
        if self._input_shape is not None:
            try:
                self.build(self._input_shape)
            except Exception:
                del self._chain[-1]
                raise

    def _layer_of_input(self, tensor: Tensor) -> InputLayer:
        made = origin(tensor.node) if tensor.symbolic else None
        if made is None or not isinstance(made[0].layer, InputLayer):
            raise ArgumentError(
                f"Sequential {self.name!r} is made of layers, and an `Input(...)` as first item. Received the tensor "
                f"{tensor!r} that a layer gave. Make a model of such tensors with Model(inputs, outputs)."
            )
        return made[0].layer

    def _add_input(self, layer: InputLayer) -> None:
        if self._chain or self._input_layer is not None:
            raise ArgumentError(
                f"Sequential {self.name!r}: an Input must be the first item, and only one. It holds already: "
                f"{[item.name for item in [self._input_layer, *self._chain] if item is not None]}."
            )
        self._input_layer = layer
        self._input_shape = layer.batch_shape

    def _check(self, layer: Any) -> None:
        if not isinstance(layer, Layer):
            hint = " Did you forget the parentheses?" if isinstance(layer, type) else ""
            raise ArgumentError(f"Sequential {self.name!r} is made of layers. Received: {layer!r}.{hint}")
        if any(layer.name == other.name for other in self._chain):
            raise ArgumentError(
                f"Sequential {self.name!r} has a layer named {layer.name!r} already; names of layers must differ. "
                "Give the layer another name, or make a new layer."
            )

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer and returns it."""
        if not self._chain:
            raise ArgumentError(f"Sequential {self.name!r} has no layers to remove.")
        layer = self._chain.pop()
        self._programs = {}
        del self._tensors[len(self._chain) + 1 :]
        return layer

    # ---- building and calling ----

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of all layers.

        Args:
            input_shape: of a batch, with None for its size; that of the `Input` when None.
        """
        shape = input_shape if input_shape is not None else self._input_shape
        if shape is None:
            raise ArgumentError(f"Sequential {self.name!r} has no Input: give `build()` the shape of a batch.")
        if not self._chain:
            raise ArgumentError(f"Sequential {self.name!r} has no layers. Add one with `add()`.")
        if tuple(shape) != self._input_shape:
            self._tensors = []
        self._input_shape = tuple(shape)
        self._connect()
        self.built = True

    def _connect(self) -> None:
        """Calls each layer on the output of the one before, from the first that was not called yet."""
        with eagerly():
            if not self._tensors:
                if self._input_layer is None or self._input_layer.batch_shape != self._input_shape:
                    dtype = self.compute_dtype if self._input_layer is None else self._input_layer.dtype
                    first = InputLayer(batch_shape=self._input_shape, dtype=dtype)
                else:
                    first = self._input_layer
                self._tensors = [first.output]
            for layer in self._chain[len(self._tensors) - 1 :]:
                self._tensors.append(layer(self._tensors[-1]))

    def _build_on(self, data: ArrayData) -> None:
        if not self.built:
            self.build((None, *data.inputs[0].shape[1:]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Passes the inputs through all layers."""
        dtype = self.input_dtype
        outputs = inputs if inputs.dtype == dtype else ops.cast(inputs, dtype)
        if _sample_axes(outputs.shape, self._input_shape) != tuple(outputs.shape[1:]):
            outputs = ops.reshape(outputs, (outputs.dims[0], *_sample_axes(outputs.dims, self._input_shape)))
        for layer in self._chain:
            outputs = layer(outputs, training=training)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for an input of this shape."""
        shape = input_shape
        for layer in self._chain:
            shape = layer.compute_output_shape(shape)
        return shape

    # ---- what goes in and comes out ----

    @property
    def input_dtype(self) -> str:
        """The dtype to which inputs are cast."""
        return self.compute_dtype if self._input_layer is None else self._input_layer.dtype

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self._ends()[0]

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._ends()[-1]

    def _ends(self) -> list[Any]:
        if not self.built:
            raise ArgumentError(
                f"Sequential {self.name!r} is not built: its input shape and output shape are not known yet. Begin it "
                "with an `Input(...)`, or call `build(input_shape)`."
            )
        if not self._tensors:  # a copy, whose layers were not called yet
            self._connect()
        return self._tensors

    @property
    def input_names(self) -> list[str]:
        """The name of the input."""
        return [self.input.name]

    @property
    def output_names(self) -> list[str]:
        """The name of the output: that of the last layer."""
        return [self._chain[-1].name]

    @property
    def input_shape(self) -> Shape:
        """Shape of a batch of inputs."""
        return self._ends()[0].shape if self._input_shape is None else self._input_shape

    @property
    def output_shape(self) -> Any:
        """Shape of a batch of outputs."""
        return _shapes(self._ends()[-1])

    def _accept(self, data: ArrayData) -> ArrayData:
        """The data in the shape that the model takes: a last axis of size 1 may be missing, or be one too many."""
        if len(data.inputs) != 1 or not self._chain:
            what = f"{len(data.inputs)} inputs" if self._chain else "data, but has no layers"
            raise DataError(f"Sequential {self.name!r} takes one input. Received: {what}.")
        x = data.inputs[0]
        known = self._input_shape
        if x.ndim == 1 and (known is None or (len(known) == 2 and known[1] is None)):
            axes: tuple[Any, ...] = (1,)
        else:
            axes = _sample_axes(x.shape, known)
        if axes != x.shape[1:]:
            x = x.reshape(len(x), *axes)
            data = replace(data, x=x, inputs=(x,))
        if isinstance(data.x, dict):
            data = replace(data, x=x)
        if known is not None and not _fits(x.shape, known):
            raise DataError(
                f"Sequential {self.name!r} takes inputs of shape {_shown(known)}, where the first axis is the batch. "
                f"Received: x of shape {x.shape}. {_advice(x.shape, known)}"
            )
        return data

    def _layer_shapes(self) -> dict[int, Any]:
        tensors = self._ends()[1:] if self.built else []
        return {id(layer): _shapes(tensor) for layer, tensor in zip(self._chain, tensors)}

    def __getstate__(self) -> dict[str, Any]:
        """Everything but programs and symbolic tensors, which are made again when needed."""
        return {**super().__getstate__(), "_tensors": []}

    # ---- description ----

    def get_config(self) -> dict[str, Any]:
        """Layers as configs; enough to make a model like this one."""
        layers = [self._input_layer, *self._chain] if self._input_layer else self._chain
        return {
            "name": self.name,
            "trainable": self._trainable,
            "layers": [serialize(layer) for layer in layers],
            "build_input_shape": self._input_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """A new model from what `get_config()` gave; its weights are made anew."""
        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        model = cls(layers, trainable=config.get("trainable", True), name=config.get("name"))
        if not model.built and model._chain and config.get("build_input_shape") is not None:
            model.build(tuple(config["build_input_shape"]))
        return model


def _shapes(output: Any) -> Any:
    """The shape of a symbolic output, or the structure of shapes of several."""
    return map_structure(lambda t: t.shape, output)


def _sample_axes(shape: Sequence[Any], wanted: Shape | None) -> tuple[Any, ...]:
    """The shape of a sample with a last axis of size 1 more or less, where the input of the model has it so."""
    axes = tuple(shape[1:])
    if wanted is None or not shape:
        return axes
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        return (*axes, 1)
    return axes[:-1] if len(shape) == len(wanted) + 1 and shape[-1] == 1 else axes


def _fits(actual: Shape, wanted: Shape) -> bool:
    return len(actual) == len(wanted) and all(w is None or a == w for a, w in zip(actual[1:], wanted[1:]))


def _shown(shape: Shape) -> str:
    return str(tuple(shape))


def _advice(actual: Shape, wanted: Shape) -> str:
    if len(actual) == len(wanted) - 1 and actual == wanted[1:]:
        return "For a single sample add the axis of the batch: x[None]."
    if len(actual) < len(wanted):
        return "An axis is missing; reshape the data."
    if len(actual) > len(wanted):
        return "The data has more axes; reshape it, or begin the model with Flatten."
    return "Give data of that shape, or change the shape of the Input."
