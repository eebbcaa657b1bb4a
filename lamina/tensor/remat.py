"""Functions of which only the arguments are kept for the backward pass: all else is computed again there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lamina import graph
from lamina import primitives as P
from lamina.base import dtypes, trees
from lamina.base.errors import ArgumentError, TraceError
from lamina.graph import INPUT
from lamina.tensor.control import mark, read_since
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with less memory and more time: values between its arguments and results are not kept for its gradient.

    In `fit` and in a traced function, such values are computed a second time when the gradient has come to `f` on its
    way back. The results and gradients are the same. Without gradient, and where `f` runs at once, nothing changes.

    Args:
        f: a function of tensors, or a layer. What it reads beside its arguments, such as variables, counts as one. A
            layer around it knows the layers in it only if they are its attributes too.

    Returns:
        A function that takes and gives what `f` does.

    Raises:
        ArgumentError: if `f` is not callable.

    Example:
        class Block(layers.Layer):
            def __init__(self):
                super().__init__()
                self.wide, self.narrow = layers.Dense(4096, activation="gelu"), layers.Dense(512)

            def call(self, x):
                return x + keras.remat(lambda x: self.narrow(self.wide(x)))(x)

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
    """
    if not callable(f):
        raise ArgumentError(f"remat() takes a function or a layer. Received: {f!r}.")

    @functools.wraps(f, updated=())
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        first = mark()
        return recompute(f(*args, **kwargs), first)

    return recomputed


def recompute(results: Any, first: int) -> Any:
    """Makes the symbolic floats among some results what a call gives, of all that was computed since a `mark`.

    Each tensor stays the same object, as others may know it.
    """
    tensors = [t for t in trees.flatten(results) if isinstance(t, Tensor) and t.symbolic]
    chosen = dict.fromkeys(t.node for t in tensors if dtypes.is_float(t.dtype) and t.node.serial > first)
    outputs = [node for node in chosen if node.primitive is not INPUT]
    if not outputs or _was_paused(first):
        return results
    operands = read_since(outputs, first)
    if state.trace is None and any(n.primitive is INPUT and n.serial > first for n in operands):
        raise TraceError(
            "remat(): a layer was called on a symbolic tensor inside of the function, and becomes a part of the model "
            "by itself. Create the layer within `with keras.RematScope():` instead, or write the function as a layer."
        )
    found = dict(zip(outputs, P.call(graph.body_graph(operands, outputs), operands)))
    for tensor in tensors:
        tensor._node = found.get(tensor.node, tensor.node)
    return results


def _was_paused(first: int) -> bool:
    """Whether a tape stopped recording since then: what it left out would be inside of the call, where it cannot be."""
    recordings = [tape._recording for tape in state.tapes]
    return any(start > first for r in recordings if r is not None for start, _ in r.pauses)
