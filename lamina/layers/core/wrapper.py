"""The base of layers around another layer."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer


class Wrapper(Layer):
    """A layer that does something with another one, whose weights are its own too.

    Args:
        layer: the layer inside.

    Raises:
        ArgumentError: if `layer` is no layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{self._title()}: layer must be a layer, such as Dense(8). Received: {layer!r}.")
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self) -> dict[str, Any]:
        from lamina import layers  # which imports this module

        return super().get_config() | {"layer": layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Wrapper:
        from lamina import layers

        return cls(**{**config, "layer": layers.deserialize(config["layer"])})
