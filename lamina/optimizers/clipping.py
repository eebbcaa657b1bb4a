"""Limits on gradients."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError


class Clipping:
    """At most one limit: of each gradient's norm, of each number, or of the norm of all gradients together."""

    def __init__(self, owner: str, clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None):
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        active = {name: value for name, value in given.items() if value is not None}
        if len(active) > 1:
            raise ArgumentError(
                f"{owner}: give only one of clipnorm, clipvalue and global_clipnorm. Received: {active}."
            )
        for name, value in active.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise ArgumentError(f"{owner}: {name} must be a number above 0. Received: {value!r}.")
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm

    def __call__(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm is not None:
            return [g * _scale(_square_sum(g), self.clipnorm) for g in grads]
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.global_clipnorm is not None:
            total = sum((_square_sum(g) for g in grads[1:]), _square_sum(grads[0]))
            scale = _scale(total, self.global_clipnorm)
            return [g * ops.cast(scale, g.dtype) for g in grads]
        return grads

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


def _square_sum(gradient: Any) -> Any:
    return ops.sum(ops.square(gradient))


def _scale(square_sum: Any, limit: float) -> Any:
    """The factor, at most 1, that brings a norm down to the limit."""
    return limit / ops.maximum(ops.sqrt(square_sum), limit)
