"""A recurrent layer run in both directions."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.arguments import call_parameters
from lamina.layers.layer import Layer
from lamina.layers.weights import set_values
from lamina.objects import CustomObjectScope

_MODES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(Layer):
    """Runs a recurrent layer from the first step to the last, and another one from the last to the first.

    Both are made anew from the configuration of `layer`, with weights of their own. Where all outputs are given, those
    of masked steps are zero, as in Keras.

    Input: `(batch, steps, ...)`; output: as of the layer, merged.

    Args:
        layer: `LSTM`, `GRU`, `RNN`, ..., or a layer of sequences with `go_backwards`, `return_sequences`,
            `return_state` and `stateful`.
        merge_mode: how the outputs of the two become one: `"concat"`, `"sum"`, `"mul"`, `"ave"` (their mean), or None
            for both, in a tuple; `"concat"`.
        weights: values of the weights, those of the first layer and then those of the other.
        backward_layer: the other layer; like `layer`, but with `go_backwards=True`, when None.

    Call arguments:
        sequences, mask, training: as of the layer.
        initial_state: the states of the first layer and then those of the other, in one list.

    Returns:
        The merged output; with `return_state` a tuple of it, the states of the first layer, and those of the other.

    Raises:
        ArgumentError: if a layer is no such layer, the two do not go together, or the mode is unknown.

    Source: Schuster and Paliwal, 1997.
    """

    _remat_of_parts = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._check_layers(layer, backward_layer)
        if merge_mode not in _MODES:
            raise ArgumentError(
                f"{self._title()}: merge_mode must be one of {', '.join(map(repr, _MODES))}. Received: {merge_mode!r}."
            )
        self.forward_layer = _copied(layer, f"forward_{layer.name.removeprefix('forward_')}")
        if backward_layer is None:
            name = f"backward_{layer.name.removeprefix('backward_')}"
            backward_layer = _copied(layer, name, go_backwards=True)
        self.backward_layer = backward_layer
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences  # type: ignore[attr-defined]
        self.merge_mode = merge_mode
        self._first_weights = None if weights is None else list(weights)
        self.stateful = layer.stateful  # type: ignore[attr-defined]
        self.return_sequences = layer.return_sequences  # type: ignore[attr-defined]
        self.return_state = layer.return_state  # type: ignore[attr-defined]
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_layers(self, layer: Any, backward_layer: Any) -> None:
        needed = ("go_backwards", "return_sequences", "return_state", "stateful")
        for name, one in (("layer", layer), ("backward_layer", backward_layer)):
            if name == "backward_layer" and one is None:
                continue
            if not isinstance(one, Layer) or not all(hasattr(one, attribute) for attribute in needed):
                raise ArgumentError(
                    f"{self._title()}: {name} must be a recurrent layer, such as LSTM(32), or a layer with the "
                    f"attributes {', '.join(needed)}. Received: {one!r}."
                )

    def _check_pair(self) -> None:
        first: Any = self.forward_layer
        other: Any = self.backward_layer
        if first.go_backwards == other.go_backwards:
            raise ArgumentError(
                f"{self._title()}: one of layer and backward_layer must have go_backwards=True, the other False. "
                f"Received: {first.go_backwards} for both."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(first, name) != getattr(other, name):
                raise ArgumentError(
                    f"{self._title()}: layer and backward_layer must have the same {name}. Received: "
                    f"{getattr(first, name)} and {getattr(other, name)}."
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights is not None:
            weights = [*self.forward_layer.weights, *self.backward_layer.weights]
            set_values(self._title(), weights, self._first_weights)
            self._first_weights = None

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        half = 0 if initial_state is None else self._half(initial_state)
        states = (None, None) if initial_state is None else (initial_state[:half], initial_state[half:])
        forward = self._one_way(self.forward_layer, sequences, states[0], mask, training)
        backward = self._one_way(self.backward_layer, sequences, states[1], mask, training)
        ends: tuple[Any, ...] = ()
        if self.return_state:
            (forward, *first), (backward, *other) = forward, backward
            ends = (*first, *other)
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = self._merged(ops.cast(forward, self.compute_dtype), ops.cast(backward, self.compute_dtype))
        if not self.return_state:
            return output
        return (*output, *ends) if self.merge_mode is None else (output, *ends)

    def _half(self, initial_state: Any) -> int:
        """How many of the states are those of one layer."""
        count = len(initial_state) if isinstance(initial_state, (list, tuple)) else 1
        wanted = len(getattr(self.forward_layer, "state_size", ())) or count // 2
        if count != 2 * wanted:
            raise ArgumentError(
                f"{self._title()}: initial_state must be a list of {2 * wanted} tensors, the states of "
                f"{self.forward_layer.name!r} and then those of {self.backward_layer.name!r}. Received: {count}."
            )
        return wanted

    def _one_way(self, layer: Layer, sequences: Any, states: Any, mask: Any, training: Any) -> Any:
        options = {} if states is None else {"initial_state": states}
        known = call_parameters(type(layer).call)
        options |= {k: v for k, v in (("mask", mask), ("training", training)) if k in known}
        return layer(sequences, **options)

    def _merged(self, forward: Any, backward: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode is None:
            return forward, backward
        if tuple(forward.dims) != tuple(backward.dims):
            raise ShapeError(
                f"{self._title()}: merge_mode={self.merge_mode!r} needs two outputs of one shape. Received: "
                f"{tuple(forward.shape)} and {tuple(backward.shape)}. Use merge_mode='concat' or None."
            )
        if self.merge_mode == "mul":
            return forward * backward
        total = forward + backward
        return total / 2 if self.merge_mode == "ave" else total

    @property
    def states(self) -> list[Any] | None:
        """The variables with the states of stateful layers, those of the first layer first; otherwise None."""
        first: Any = self.forward_layer
        other: Any = self.backward_layer
        return None if first.states is None else [*first.states, *other.states]

    def reset_state(self) -> None:
        """Sets the states of stateful layers to zero."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_state()  # type: ignore[attr-defined]

    reset_states = reset_state

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        states: tuple[Any, ...] = ()
        if self.return_state:
            shape, *rest = shape
            states = (*rest, *rest)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], 2 * shape[-1])
        if self.merge_mode is None:
            return (shape, shape, *states)
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the sequences, for each output that has all steps."""
        masks = trees.flatten(previous_mask)
        mask = masks[0] if masks and self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else (mask,)

    def get_config(self) -> dict[str, Any]:
        from lamina import layers  # which imports this module

        return super().get_config() | {
            "merge_mode": self.merge_mode,
            "layer": layers.serialize(self.forward_layer),
            "backward_layer": layers.serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        from lamina import layers

        config = {**config, "layer": layers.deserialize(config["layer"])}
        if config.get("backward_layer") is not None:
            config["backward_layer"] = layers.deserialize(config["backward_layer"])
        return cls(**config)


def _copied(layer: Layer, name: str, **changes: Any) -> Layer:
    """A layer with the configuration of another one. Cells need not be registered for that."""
    parts = [layer, *layer.sublayers(), getattr(layer, "cell", layer)]
    with CustomObjectScope({type(part).__name__: type(part) for part in parts}):
        return type(layer).from_config({**layer.get_config(), "name": name, **changes})
