"""The inside of a functional model: the symbolic tensors at its ends, and the plan that leads from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError, DataError, LaminaError, ShapeError
from lamina.layers import InputLayer, Layer
from lamina.layers.symbolic import origin
from lamina.models.plan import Plan
from lamina.models.topology import Topology, nodes_between
from lamina.tensor import Tensor

Shape = tuple[int | None, ...]


class Network:
    """What a functional model computes.

    Args:
        title: how messages call the model.
        inputs, outputs: symbolic tensors, or nested lists, tuples and dicts of them.

    Attributes:
        input_layers: of the inputs, in order.
        layers: all layers, those of the inputs too, in the order in which Keras lists them.
        plan: what is run.

    Raises:
        ArgumentError: if something is no symbolic tensor, an input comes twice, two layers have one name, or an
            output needs an input that is not given.
    """

    def __init__(self, title: str, inputs: Any, outputs: Any):
        self.title = title
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
            outputs = outputs[0]  # as in Keras, a list of one output is that output
        given = _checked(title, "inputs", inputs)
        wanted = _checked(title, "outputs", outputs)
        if len({t.node for t in given}) < len(given):
            raise ArgumentError(f"{title}: an input is given twice. Received: {[_name(t) for t in given]}.")
        self.input_layers = [_input_layer(t) for t in given]
        starts = [layer.output for layer in self.input_layers]
        plan = Plan([t.node for t in given], outputs, nodes_between(title, given, wanted))
        if any(start.node is not tensor.node for start, tensor in zip(starts, given)):
            outputs = plan.run(starts)  # a graph of its own, that begins at the new inputs
            plan = Plan([t.node for t in starts], outputs, nodes_between(title, starts, trees.flatten(outputs)))
        self.plan = plan
        self._structure = trees.map_structure(lambda _: 0, inputs)
        # Empty, which no data has, where inputs come in a structure.
        self._only_shape: Shape = self.input_layers[0].batch_shape if self._structure == 0 else ()
        self._ends = (trees.unflatten(self._structure, starts), outputs)
        self.layers = [unit.layer for unit in self.topology.units if unit.layer is not None]
        self._check_names()
        # Those of the layers that give them, or of the operations.
        self.output_names = self.topology.output_names

    def _check_names(self) -> None:
        seen: dict[str, Layer] = {}
        for layer in self.layers:
            if seen.setdefault(layer.name, layer) is not layer:
                raise ArgumentError(
                    f"{self.title} has two layers named {layer.name!r}; names of layers must differ. Give one of them "
                    "another name, or call the same layer twice if its weights are to be shared."
                )

    @property
    def inputs(self) -> Any:
        """The symbolic inputs, in the structure that was given."""
        return self._connected()[0]

    @property
    def outputs(self) -> Any:
        """The symbolic outputs, in the structure that was given."""
        return self._connected()[1]

    def _connected(self) -> tuple[Any, Any]:
        if self._ends is None:  # read from a file or copied: the calls on symbolic tensors are made again
            starts = [layer.output for layer in self.input_layers]
            self._ends = (trees.unflatten(self._structure, starts), self.plan.run(starts))
        return self._ends

    @cached_property
    def topology(self) -> Topology:
        """Layers and operations as a summary lists them."""
        starts, wanted = trees.flatten(self.inputs), trees.flatten(self.outputs)
        calls = {t.node: origin(t.node)[0] for t in starts}  # type: ignore[index]
        return Topology(calls, [t.node for t in wanted], nodes_between(self.title, starts, wanted))

    def __getstate__(self) -> dict[str, Any]:
        """Without the symbolic tensors, which cannot leave the process."""
        return {**{k: v for k, v in self.__dict__.items() if k != "topology"}, "_ends": None}

    # ---- running ----

    def run(self, x: Any) -> Any:
        """The outputs for tensors in any structure that `arrange` takes."""
        tensors = [self._standard(i, tensor) for i, tensor in enumerate(self.arrange(x))]
        counts = {t.shape[0] for t, layer in zip(tensors, self.input_layers) if layer.batch_shape[:1] == (None,)}
        if len(counts) > 1 and None not in counts:
            sizes = ", ".join(f"{name!r} has {t.shape[0]}" for name, t in zip(self.input_names, tensors))
            raise ShapeError(f"{self.title}: all inputs must have the same number of samples (rows), but {sizes}.")
        return self.plan.run(tensors)

    def _standard(self, place: int, x: Any) -> Any:
        """A tensor with the dtype and the shape of the input."""
        layer = self.input_layers[place]
        tensor = ops.convert_to_tensor(x)
        if tensor.dtype != layer.dtype:
            tensor = ops.cast(tensor, layer.dtype)
        return self.fit(place, tensor, lambda t, sample: ops.reshape(t, (t.dims[0], *sample)), ShapeError)

    def takes(self, shape: Shape) -> bool:
        """Whether this is the shape of data for the only input, as it is."""
        wanted = self._only_shape
        return len(wanted) == len(shape) and all(w is None or w == s for w, s in zip(wanted[1:], shape[1:]))

    def fit(self, place: int, x: Any, reshape: Callable[[Any, Shape], Any], error: type[LaminaError]) -> Any:
        """An array or tensor for one input: a last axis of size 1 may be missing, or be one too many.

        Args:
            reshape: gives samples another shape.

        Raises:
            error: if the shape is another than that of the input.
        """
        wanted, shape = self.input_layers[place].batch_shape, tuple(x.shape)
        if len(shape) == len(wanted) - 1 and shape and wanted[-1] == 1:
            shape = (*shape, 1)
        elif len(shape) == len(wanted) + 1 and shape[-1] == 1 and len(wanted):
            shape = shape[:-1]
        if len(shape) != len(wanted) or not all(
            w is None or s is None or s == w for s, w in zip(shape[1:], wanted[1:])
        ):
            raise error(
                f"{self.title}: input {self.input_names[place]!r} takes shape {wanted}, where the first axis is the "
                f"batch. Received: shape {tuple(x.shape)}. {_advice(tuple(x.shape), wanted)}"
            )
        return x if len(shape) == len(x.shape) else reshape(x, shape[1:])

    @property
    def input_names(self) -> list[str]:
        """The names by which inputs can be given in a dict: its keys, or those of the input layers."""
        if isinstance(self._structure, dict) and len(self._structure) == len(self.input_layers):
            return sorted(self._structure)
        return [layer.name for layer in self.input_layers]

    def arrange(self, x: Any) -> list[Any]:
        """One value for each input.

        Args:
            x: in the structure of the inputs; or a dict by their names; or a list in their order.

        Raises:
            DataError: if there are too few or too many.
        """
        names = self.input_names
        like_the_inputs = isinstance(self._structure, dict) and isinstance(x, dict) and set(x) == set(self._structure)
        if isinstance(x, dict) and (set(names) <= set(x) or not like_the_inputs):
            missing = [name for name in names if name not in x]
            if missing:
                raise DataError(
                    f"{self.title}: the dict of inputs has no {missing[0]!r}. Expected the keys: {names}. Received: "
                    f"{list(x)}."
                )
            return [x[name] for name in names]
        flat = trees.flatten(x)
        ordered = not isinstance(self._structure, dict) or list(self._structure) == sorted(self._structure)
        if len(flat) != len(names) or not (ordered or isinstance(x, dict)):
            raise DataError(
                f"{self.title} takes {_inputs(len(names))}: {', '.join(map(repr, names))}. Received: "
                f"{_inputs(len(flat))}. Give a list with one array for each, in this order, or a dict by name."
            )
        return flat

    def nested(self, flat: Sequence[Any]) -> Any:
        """Values of the inputs in the structure of the inputs."""
        return trees.unflatten(self._structure, list(flat))


def _inputs(count: int) -> str:
    return "1 input" if count == 1 else f"{count} inputs"


def _checked(title: str, argument: str, tensors: Any) -> list[Tensor]:
    flat = trees.flatten(tensors)
    if not flat:
        raise ArgumentError(f"{title}: {argument} has no tensors. Received: {tensors!r}.")
    for tensor in flat:
        if not isinstance(tensor, Tensor) or not tensor.symbolic:
            hint = " Call the layer on a tensor first." if isinstance(tensor, Layer) else ""
            raise ArgumentError(
                f"{title}: {argument} must be symbolic tensors, as `Input(...)` gives and layers make of it. Received: "
                f"{type(tensor).__name__} {str(tensor)[:60]}.{hint}"
            )
    return flat


def _name(tensor: Tensor) -> str:
    return str(getattr(tensor, "name", "tensor"))


def _input_layer(tensor: Tensor) -> InputLayer:
    """The layer behind an input; a new one where the input is made by other layers."""
    made = origin(tensor.node)
    if made is not None and isinstance(made[0].layer, InputLayer):
        return made[0].layer
    name = None if made is None else f"{made[0].layer.name}_input"
    return InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _advice(actual: Shape, wanted: Shape) -> str:
    if len(actual) == len(wanted) - 1 and actual == wanted[1:]:
        return "For a single sample add the axis of the batch: x[None]."
    if len(actual) != len(wanted):
        return "Reshape the data, or change the shape of the Input."
    return "Give data of that shape, or change the shape of the Input."
