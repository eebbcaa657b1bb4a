"""True and false positives and negatives at one threshold or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.losses import squeeze_or_expand_to_same_rank
from lamina.metrics.metric import Metric

# What a prediction becomes that is not among the top k: below every threshold.
LOWEST = -1e10


class Counts(NamedTuple):
    """Weighted numbers of predictions, each of shape `(thresholds,)`, or `(thresholds, labels)`."""

    true_positives: Any
    false_positives: Any
    false_negatives: Any
    true_negatives: Any


def parse_thresholds(owner: str, thresholds: float | Sequence[float] | None, default: float) -> list[float]:
    """Thresholds as a list.

    Raises:
        ArgumentError: if one is not within 0 and 1.
    """
    if thresholds is None:
        return [default]
    found: list[Any] = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    if not found or any(t is None or not 0 <= t <= 1 for t in found):
        raise ArgumentError(f"{owner}: thresholds must be numbers from 0 to 1. Received: {thresholds!r}.")
    return [float(t) for t in found]


def count(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
    dtype: str = "float32",
) -> Counts:
    """Counts of a batch.

    Args:
        y_true: 0 or 1; y_pred: of the same shape; a prediction above a threshold is positive there.
        sample_weight: for each sample, or for each value.
        top_k: only the largest k predictions along the last axis can be positive.
        class_id: only this place of the last axis is looked at.
        multi_label: whether each place of the last axis is counted apart.
        label_weights: a factor for each place of the last axis.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true, dtype), ops.convert_to_tensor(y_pred, dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    _check(y_true, y_pred, class_id)
    weights = _weights(y_true, sample_weight, label_weights, dtype)
    if top_k is not None:
        y_pred = _only_top(y_pred, top_k)
    positive = ops.cast(ops.not_equal(y_true, 0.0), dtype)
    parts = [y_pred, weights * positive, weights * (1.0 - positive)]
    if class_id is not None:
        parts = [part[..., class_id] for part in parts]
    if not multi_label:
        parts = [ops.reshape(part, (-1,)) for part in parts]
    scores, ones, zeros = (ops.expand_dims(part, 0) for part in parts)
    levels = np.asarray(thresholds, dtype=dtype).reshape(-1, *[1] * (len(scores.shape) - 1))
    above = scores > levels
    found = ops.sum(ops.where(above, ones, 0.0), axis=1)
    wrong = ops.sum(ops.where(above, zeros, 0.0), axis=1)
    return Counts(found, wrong, ops.sum(ones, axis=1) - found, ops.sum(zeros, axis=1) - wrong)


def _check(y_true: Any, y_pred: Any, class_id: int | None) -> None:
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true) != len(pred) or any(
        a is not None and b is not None and a != b for a, b in zip(true, pred, strict=True)
    ):
        raise ShapeError(
            f"y_true has shape {true} and y_pred has shape {pred}; true and false predictions are counted element by "
            "element, so that both must have one shape. One-hot encode class numbers first."
        )
    if class_id is not None and len(pred) < 2:
        raise ShapeError(f"class_id={class_id} needs predictions of shape (batch, classes). Received: {pred}.")


def _weights(y_true: Any, sample_weight: Any, label_weights: Any, dtype: str) -> Any:
    """A weight for every element of `y_true`."""
    weights = ops.ones_like(y_true)
    if sample_weight is not None:
        given = ops.convert_to_tensor(sample_weight, dtype)
        while len(given.shape) < len(y_true.shape):
            given = ops.expand_dims(given, -1)
        weights = weights * given
    return weights if label_weights is None else weights * label_weights


def _only_top(y_pred: Any, k: int) -> Any:
    """Predictions with all but the largest `k` of the last axis made lowest."""
    smallest = ops.top_k(y_pred, k)[0][..., -1:]
    return ops.where(y_pred >= smallest, y_pred, LOWEST)


class CountingMetric(Metric):
    """Base of metrics computed from counts at thresholds.

    Args:
        kept: which of the four counts it needs.
        thresholds: a number or several from 0 to 1; `default` when None.
        top_k, class_id: as in `count`.
    """

    kept: tuple[str, ...]

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(type(self).__name__, thresholds, 0.5 if top_k is None else LOWEST)
        self.top_k = top_k
        self.class_id = class_id
        for name in self.kept:
            setattr(self, name, self.add_variable((len(self.thresholds),), name=name))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets 0 or 1, predictions, and a weight for each sample or value."""
        counts = count(y_true, y_pred, self.thresholds, sample_weight, self.top_k, self.class_id, dtype=self.dtype)
        for name in self.kept:
            getattr(self, name).assign_add(getattr(counts, name))

    def _squeeze(self, result: Any) -> Any:
        return result[0] if len(self.thresholds) == 1 else result


class _OneCount(CountingMetric):
    """One of the four counts."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: Any = None):
        super().__init__(thresholds=thresholds, name=name, dtype=dtype)

    def result(self) -> Any:
        return self._squeeze(ops.convert_to_tensor(getattr(self, self.kept[0])))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}


class TruePositives(_OneCount):
    """How many ones were predicted as ones; `thresholds` is 0.5."""

    kept = ("true_positives",)


class FalsePositives(_OneCount):
    """How many zeros were predicted as ones; `thresholds` is 0.5."""

    kept = ("false_positives",)


class TrueNegatives(_OneCount):
    """How many zeros were predicted as zeros; `thresholds` is 0.5."""

    kept = ("true_negatives",)


class FalseNegatives(_OneCount):
    """How many ones were predicted as zeros; `thresholds` is 0.5."""

    kept = ("false_negatives",)


class _Share(CountingMetric):
    """The share of true positives among two counts."""

    def result(self) -> Any:
        first, second = (getattr(self, name) for name in self.kept)
        return self._squeeze(ops.divide_no_nan(first, first + second))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return super().get_config() | own


class Precision(_Share):
    """The share of predicted ones that are ones.

    Args:
        thresholds: a prediction above it is 1; 0.5. Several give a result for each.
        top_k: only the largest k predictions can be ones, and need not be above a threshold; none.
        class_id: looks at one class alone; none.
    """

    kept = ("true_positives", "false_positives")


class Recall(_Share):
    """The share of ones that were predicted as ones; arguments as of `Precision`."""

    kept = ("true_positives", "false_negatives")
