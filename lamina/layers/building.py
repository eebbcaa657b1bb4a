"""How layers come to their weights: `build` for the shapes of the first call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lamina.graph.source import source_scope
from lamina.layers.arguments import call_parameters, shape_structure
from lamina.tensor import eagerly

if TYPE_CHECKING:
    from lamina.layers.layer import Layer


def build_for(layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Builds for these arguments; a `build` with several parameters `x_shape` gets the shape of each `x`."""
    before = len(layer._weights)
    wanted = [p for p in inspect.signature(layer.build).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    names = list(call_parameters(type(layer).call))
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    try:
        if len(wanted) > 1:
            layer.build(**{p.name: shape_structure(given.get(p.name.removesuffix("_shape"))) for p in wanted})
        else:
            first = args[0] if args else next(iter(kwargs.values()), None)
            layer.build(shape_structure(first))
    except Exception:
        del layer._weights[before:]  # so that a second try does not have the weights twice
        layer.built = False
        raise
    layer.built = True


def marking_built(build: Callable[..., None]) -> Callable[..., None]:
    """`build` of a subclass, which need not say itself that it is done."""

    @functools.wraps(build)
    def marked(self: Layer, *args: Any, **kwargs: Any) -> None:
        with eagerly(), source_scope(self._name):
            build(self, *args, **kwargs)
        self.built = True
        shapes = args or tuple(kwargs.values())
        self._build_shape = shapes[0] if len(shapes) == 1 else list(shapes)

    return marked
