"""Losses that are 0 once a prediction is right by a margin."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.losses.loss import LossFunctionWrapper
from lamina.losses.shapes import prepare

Reduction = str | None


def _signs(y_true: Any) -> Any:
    """Targets as -1 and 1; where all of them are 0 or 1, 0 counts as -1."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y_true * y_pred, 0))` over the last axis; targets are -1 or 1 (or 0 or 1)."""
    y_true, y_pred = prepare("hinge", y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y_true * y_pred, 0)²)` over the last axis; targets are -1 or 1 (or 0 or 1)."""
    y_true, y_pred = prepare("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """`max(largest wrong prediction - right prediction + 1, 0)`; targets are one-hot."""
    y_true, y_pred = prepare("categorical_hinge", y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class Hinge(LossFunctionWrapper):
    """`mean(max(1 - y_true * y_pred, 0))`."""

    def __init__(self, reduction: Reduction = "sum_over_batch_size", name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, name=name, reduction=reduction, dtype=dtype)


class SquaredHinge(LossFunctionWrapper):
    """`mean(max(1 - y_true * y_pred, 0)²)`."""

    def __init__(self, reduction: Reduction = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, name=name, reduction=reduction, dtype=dtype)


class CategoricalHinge(LossFunctionWrapper):
    """`max(largest wrong prediction - right prediction + 1, 0)`."""

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ):
        super().__init__(categorical_hinge, name=name, reduction=reduction, dtype=dtype)
