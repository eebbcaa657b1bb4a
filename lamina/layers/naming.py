"""The layer that was being called is named in what goes wrong there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from lamina.base import trees
from lamina.base.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from lamina.layers.arguments import call_parameters, is_tensor

if TYPE_CHECKING:
    from lamina.layers.layer import Layer

_NAMED = (ArgumentError, DTypeError, IndexRangeError, ShapeError)


class naming:
    """`with naming(layer, args, kwargs):` adds the layer and its inputs to errors that name no layer.

    Operations know nothing of layers; the innermost layer in which they fail says where that was.
    """

    def __init__(self, layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]):
        self.layer, self.args, self.kwargs = layer, args, kwargs

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if not isinstance(error, _NAMED) or getattr(error, "layer", None) is not None:
            return
        error.layer = self.layer.name  # type: ignore[union-attr]
        text = str(error)
        if " layer '" not in text:
            given = ", ".join(self._given())
            error.args = (f"{text} In {self.layer._title()}" + (f", called on {given}." if given else "."),)

    def _given(self) -> list[str]:
        """The arguments that hold tensors, with their shapes."""
        names = call_parameters(type(self.layer).call)
        found = []
        for name, value in [*zip(names, self.args), *self.kwargs.items()]:
            shapes = [str(tuple(leaf.shape)) for leaf in trees.flatten(value) if is_tensor(leaf)]
            if shapes:
                found.append(f"{name} {', '.join(shapes)}")
        return found


def check_given(layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises ArgumentError if `call` needs an argument that the layer was not called with."""
    names = call_parameters(type(layer).call)
    plain = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    needed = [name for name, p in names.items() if p.default is Parameter.empty and p.kind in plain]
    missing = [name for name in needed[len(args) :] if name not in kwargs]
    if missing:
        raise ArgumentError(
            f"{layer._title()} must be called with {', '.join(needed)}: {', '.join(missing)} is missing. A Sequential "
            "model gives each layer one tensor; for more, call the layers yourself and make Model(inputs, outputs)."
        )
