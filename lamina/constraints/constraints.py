"""Functions of a weight that give the nearest allowed one."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.config import epsilon
from lamina.objects import TellsArguments


class Constraint(TellsArguments):
    """Base of constraints: a subclass has `__call__(w)`, which gives a tensor of the same shape, and `get_config()`."""

    def __call__(self, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(w).")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        return cls(**config)


def _norm(w: Any, axis: int | tuple[int, ...] | list[int]) -> Any:
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class NonNeg(Constraint):
    """Weights are at least 0."""

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


class MaxNorm(Constraint):
    """The norm of each unit's incoming weights is at most `max_value`.

    Args:
        max_value: the limit; 2.
        axis: the axis (or axes) along which norms are taken; 0, the inputs of a Dense kernel.
    """

    def __init__(self, max_value: float = 2, axis: int | tuple[int, ...] = 0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        norms = _norm(w, self.axis)
        return w * (ops.clip(norms, 0.0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(Constraint):
    """The norm of each unit's incoming weights is 1; `axis` as in `MaxNorm`."""

    def __init__(self, axis: int | tuple[int, ...] = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return w / (epsilon() + _norm(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """The norm of each unit's incoming weights lies between two limits.

    Args:
        min_value, max_value: the limits; 0 and 1.
        rate: how much of the way there each update goes; 1.
        axis: as in `MaxNorm`; 0.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | tuple[int, ...] = 0
    ):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        norms = _norm(w, self.axis)
        wanted = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}
