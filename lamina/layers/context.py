"""What a layer that is called inside of another one learns from it: is this training? How are weights read?"""

from __future__ import annotations

from typing import Any

from lamina.base import dtypes
from lamina.tensor.state import autocast, state


class CallContext:
    """The chain of layer calls in progress.

    Attributes:
        training: whether the outermost call is a training step; None where nobody said.
        depth: how many layers are being called, one inside the other.
    """

    def __init__(self) -> None:
        self.training: bool | None = None
        self.depth = 0


_context = CallContext()


def current_training() -> bool | None:
    """What the layer calls in progress say about training; None outside of them, or where nobody said."""
    return _context.training


class entered:
    """`with entered(training) as outermost:` around the body of a layer's call."""

    def __init__(self, training: bool | None):
        self.training = training

    def __enter__(self) -> bool:
        self._outer = _context.training
        outermost = _context.depth == 0
        _context.depth += 1
        if self.training is not None:
            _context.training = self.training
        return outermost

    def __exit__(self, *exception: Any) -> None:
        _context.training = self._outer
        _context.depth -= 1


def reading(layer: Any) -> autocast:
    """`with reading(layer):` around a layer's own computation reads float weights as the dtype in which it computes.

    Where that is also the dtype of its weights, and of those of the layers around it, they are read as they are.
    """
    compute = layer.compute_dtype
    mixed = compute != layer.variable_dtype or state.autocast is not None
    return autocast(compute if mixed and layer.autocast and dtypes.is_float(compute) else None)
