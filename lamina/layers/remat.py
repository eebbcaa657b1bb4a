"""RematScope: which layers keep only their inputs for the backward pass, and compute all else again there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

from lamina.base import trees
from lamina.base.errors import ArgumentError
from lamina.layers.arguments import is_tensor
from lamina.tensor.control import mark
from lamina.tensor.remat import recompute, remat

MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class _State(threading.local):
    """What holds in this thread.

    Attributes:
        scopes: entered and not left, the innermost last.
        inside: whether a layer is being called of which all is computed again anyway.
        made: how many layers were called so that they are computed again.
    """

    scopes: tuple[RematScope, ...] = ()
    inside: bool = False
    made: int = 0


_state = _State()


class RematScope:
    """`with RematScope():` makes layers, made in the block, that need less memory in training and more time.

    Of such a layer only the inputs are kept for the backward pass. What else that needs is computed again when it comes
    there. Losses, gradients and outputs stay the same. A layer inside of one that is computed again is a part of it;
    models and `Bidirectional` leave it to each of their layers. A recurrent layer keeps its states before each step,
    and computes the rest of a step again. The scope is no part of a layer's configuration.

    Args:
        mode: which layers: `"full"`, all; `"activations"`, of all that have an attribute `activation` what that
            function computes, and nothing else; `"larger_than"`, those whose outputs have more numbers than
            `output_size_threshold`; `"list_of_layers"`, those named in `layer_names`; None, none of them, within
            another scope.
        output_size_threshold: numbers in the outputs, where sizes that are not known, such as the batch, count as 1;
            1024.
        layer_names: names of layers; none.

    Raises:
        ArgumentError: for another mode, a threshold that is no number, or names that are no list of strings.

    Example:
        with keras.RematScope():
            blocks = [Block() for _ in range(24)]
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Sequence[str] | None = None,
    ):
        if mode not in MODES:
            raise ArgumentError(f"RematScope: mode must be one of {', '.join(map(repr, MODES))}. Received: {mode!r}.")
        if isinstance(output_size_threshold, bool) or not isinstance(output_size_threshold, (int, float)):
            raise ArgumentError(
                f"RematScope: output_size_threshold must be a number. Received: {output_size_threshold!r}."
            )
        names = [] if layer_names is None else layer_names
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise ArgumentError(
                f"RematScope: layer_names must be a list of names, such as ['dense_1']. Received: {layer_names!r}."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(names)

    def __enter__(self) -> RematScope:
        _state.scopes = (*_state.scopes, self)
        return self

    def __exit__(self, *exception: object) -> None:
        _state.scopes = _state.scopes[:-1]

    def takes(self, name: str, shapes: Callable[[], Sequence[Any]]) -> bool:
        """Whether a layer is computed again as a whole.

        Args:
            shapes: gives the shapes of its outputs; asked for if they matter.
        """
        if self.mode == "larger_than":
            return sum(prod(size or 1 for size in shape) for shape in shapes()) > self.output_size_threshold
        return self.mode == "full" or (self.mode == "list_of_layers" and name in self.layer_names)


def current_scope() -> RematScope | None:
    """The scope for layers that are made now, or None."""
    return _state.scopes[-1] if _state.scopes else None


def call(layer: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What `layer.call` gives, computed again for the gradient if the layer's scope says so."""
    scope = layer._remat
    if scope is None or scope.mode is None or _state.inside or layer._remat_of_parts:
        return layer.call(*args, **kwargs)
    if scope.mode == "activations":
        with _activation_again(layer):
            return layer.call(*args, **kwargs)
    first, made = mark(), _state.made
    with parts_of_it(scope.mode != "larger_than" and scope.takes(layer.name, list)):
        outputs = layer.call(*args, **kwargs)
    if made != _state.made or not scope.takes(layer.name, lambda: _shapes(outputs)):
        return outputs
    _state.made += 1
    return recompute(outputs, first)


def takes_loop(layer: Any, shapes: Callable[[], Any]) -> bool:
    """Whether a recurrent layer is to compute its steps again.

    Args:
        shapes: gives the shapes of its outputs, one or several.
    """
    scope = layer._remat
    return scope is not None and not _state.inside and scope.takes(layer.name, lambda: _list_of_shapes(shapes()))


@contextmanager
def parts_of_it(whole: bool = True) -> Iterator[None]:
    """Around what computes a layer that is computed again, whose layers then need not be so once more."""
    before = _state.inside
    _state.inside = before or whole
    try:
        yield
    finally:
        _state.inside = before


@contextmanager
def _activation_again(layer: Any) -> Iterator[None]:
    own = layer.__dict__.get("activation")
    if not callable(own):
        yield
        return
    layer.activation = remat(own)
    try:
        yield
    finally:
        layer.activation = own


def _shapes(outputs: Any) -> list[Any]:
    return [leaf.shape for leaf in trees.flatten(outputs) if is_tensor(leaf)]


def _list_of_shapes(shapes: Any) -> list[Any]:
    """One shape, or a nested structure of them, as a list."""
    if all(size is None or isinstance(size, int) for size in shapes):
        return [shapes]
    return [shape for part in shapes for shape in _list_of_shapes(part)]
