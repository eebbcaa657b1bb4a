"""Losses on distributions and counts, and on overlapping regions."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.config import epsilon
from lamina.losses.loss import LossFunctionWrapper
from lamina.losses.shapes import prepare

Reduction = str | None
Axes = int | tuple[int, ...] | None


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`sum(t * log(t / p))` over the last axis; both are limited to epsilon ... 1."""
    y_true, y_pred = prepare("kl_divergence", y_true, y_pred)
    y_true = ops.clip(y_true, epsilon(), 1.0)
    y_pred = ops.clip(y_pred, epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """`mean(y_pred - y_true * log(y_pred))` over the last axis, for counts."""
    y_true, y_pred = prepare("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), axis=-1)


def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Any:
    """1 minus twice the overlap divided by the sum of both areas, over an axis or everything (None)."""
    y_true, y_pred = prepare("dice", y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Any:
    """As `dice`, with misses weighted by `alpha` and false alarms by `beta` as in Keras (Salehi et al., 2017)."""
    y_true, y_pred = prepare("tversky", y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis=axis)
    extra = ops.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - overlap / (overlap + missed * alpha + extra * beta + epsilon())


class KLDivergence(LossFunctionWrapper):
    """`sum(t * log(t / p))`."""

    def __init__(self, reduction: Reduction = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, name=name, reduction=reduction, dtype=dtype)


class Poisson(LossFunctionWrapper):
    """`mean(y_pred - y_true * log(y_pred))`."""

    def __init__(self, reduction: Reduction = "sum_over_batch_size", name: str = "poisson", dtype: Any = None):
        super().__init__(poisson, name=name, reduction=reduction, dtype=dtype)


class Dice(LossFunctionWrapper):
    """1 minus twice the overlap divided by the sum of both areas."""

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str = "dice", axis: Axes = None, dtype: Any = None
    ):
        super().__init__(dice, name=name, reduction=reduction, dtype=dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """As `Dice`, with misses and false alarms weighted apart."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, name=name, reduction=reduction, dtype=dtype, alpha=alpha, beta=beta, axis=axis)
