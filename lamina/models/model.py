"""The base of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.layers import InputLayer, Layer
from lamina.models.summary import print_summary
from lamina.models.trainer import Trainer


class Model(Trainer, Layer):
    """A layer that can be trained: a subclass makes its layers in `__init__` and uses them in `call`.

    Args:
        name: the class name in snake case, numbered, when None.
        trainable: whether training changes the weights; True.
        dtype: of the weights and the computation; `floatx()` when None.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if args or "inputs" in kwargs or "outputs" in kwargs:
            raise ArgumentError(
                f"{type(self).__name__}: a model is made from layers in a list with Sequential([...]), or by a "
                "subclass of Model with `__init__` and `call`. Positional arguments, `inputs`, `outputs` are not taken."
            )
        super().__init__(**kwargs)
        self._start_trainer()

    @property
    def layers(self) -> list[Layer]:
        """The layers of which the model is made directly."""
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
        print_fn: Callable[[str], Any] | None = None,
        show_trainable: bool = False,
    ) -> None:
        """Prints the layers with the shapes of their outputs and the numbers of their parameters.

        Args:
            line_length: width of the table.
            print_fn: called with the text instead of printing it.
            show_trainable: whether to add a column that says which layers are trained.
        """
        print_summary(self, line_length, print_fn, show_trainable)

    def _layer_shapes(self) -> dict[int, Any]:
        """Shapes of the outputs of layers, as far as they are known, by the identity of the layer."""
        return {}
