"""The area under a curve of two rates, over many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.config import epsilon
from lamina.base.errors import ArgumentError, ShapeError
from lamina.metrics.counts import Counts, count
from lamina.metrics.metric import Metric
from lamina.tensor import Variable

_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """The area under the ROC curve (true against false positive rate) or the precision-recall curve.

    It is summed over thresholds, so that its precision grows with their number.

    Args:
        num_thresholds: how many, at least 2; 200, evenly over 0 ... 1.
        curve: `"ROC"` (default) or `"PR"`.
        summation_method: `"interpolation"` (default; trapezoids, and Davis and Goadrich's rule for PR),
            `"minoring"` (the lower side of each step) or `"majoring"` (the upper).
        thresholds: which, instead of `num_thresholds`; 0 and 1 are added.
        multi_label: whether each label has an area of its own, which are then averaged; False.
        num_labels: the number of labels, if `multi_label` and the state is to be made at once.
        label_weights: a weight for each label.
        from_logits: whether the sigmoid is still to be applied to predictions; False.
    """

    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    true_negatives: Variable

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        super().__init__(name=name, dtype=dtype)
        if str(curve).upper() not in ("ROC", "PR"):
            raise ArgumentError(f"AUC: curve must be 'ROC' or 'PR'. Received: {curve!r}.")
        if str(summation_method).lower() not in _SUMMATIONS:
            raise ArgumentError(
                f"AUC: summation_method must be one of {', '.join(_SUMMATIONS)}. Received: {summation_method!r}."
            )
        if thresholds is None and num_thresholds <= 1:
            raise ArgumentError(f"AUC: num_thresholds must be at least 2. Received: {num_thresholds!r}.")
        if num_labels and not multi_label:
            raise ArgumentError("AUC: num_labels is for multi_label=True only.")
        self.curve = str(curve).upper()
        self.summation_method = str(summation_method).lower()
        self._given_thresholds = None if thresholds is None else sorted(float(t) for t in thresholds)
        self._thresholds = _levels(num_thresholds, self._given_thresholds)
        self.num_thresholds = len(self._thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, dtype=self.dtype)
        self.from_logits = from_logits
        self._built = False
        if not multi_label or num_labels:
            self._build(num_labels)

    @property
    def thresholds(self) -> list[float]:
        return list(self._thresholds)

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        for name in Counts._fields:
            setattr(self, name, self.add_variable(shape, name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets 0 or 1, predictions, and a weight for each sample or value."""
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            if len(y_pred.shape) != 2:
                raise ShapeError(
                    f"AUC with multi_label=True takes predictions of shape (batch, labels). Received: {y_pred.shape}."
                )
            self._build(y_pred.shape[1])
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        weights = None if self.multi_label else self.label_weights
        counts = count(
            y_true, y_pred, self._thresholds, sample_weight,
            multi_label=self.multi_label, label_weights=weights, dtype=self.dtype,
        )  # fmt: skip
        for name, value in zip(Counts._fields, counts, strict=True):
            getattr(self, name).assign_add(value)

    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), dtype=self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._average(self._interpolated_precision())
        positives = ops.divide_no_nan(self.true_positives, self.true_positives + self.false_negatives)
        if self.curve == "ROC":
            x = ops.divide_no_nan(self.false_positives, self.false_positives + self.true_negatives)
            y = positives
        else:
            x = positives
            y = ops.divide_no_nan(self.true_positives, self.true_positives + self.false_positives)
        return self._average((x[:-1] - x[1:]) * self._heights(y))

    def _heights(self, y: Any) -> Any:
        if self.summation_method == "interpolation":
            return (y[:-1] + y[1:]) / 2.0
        return (ops.minimum if self.summation_method == "minoring" else ops.maximum)(y[:-1], y[1:])

    def _interpolated_precision(self) -> Any:
        """Areas between thresholds of the precision-recall curve, with true positives interpolated linearly.

        Source: Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006.
        """
        found = ops.convert_to_tensor(self.true_positives)
        predicted = found + self.false_positives
        rise = found[:-1] - found[1:]
        slope = ops.divide_no_nan(rise, ops.maximum(predicted[:-1] - predicted[1:], 0.0))
        intercept = found[1:] - slope * predicted[1:]
        both = ops.logical_and(predicted[:-1] > 0.0, predicted[1:] > 0.0)
        ratio = ops.where(both, ops.divide_no_nan(predicted[:-1], ops.maximum(predicted[1:], 0.0)), 1.0)
        positives = ops.maximum(found[1:] + self.false_negatives[1:], 0.0)
        return ops.divide_no_nan(slope * (rise + intercept * ops.log(ratio)), positives)

    def _average(self, areas: Any) -> Any:
        """The sum over thresholds, averaged over labels where they are apart."""
        total = ops.sum(areas, axis=0)
        if not self.multi_label:
            return total
        if self.label_weights is None:
            return ops.mean(total)
        return ops.divide_no_nan(ops.sum(total * self.label_weights), float(self.label_weights.sum()))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        if self._given_thresholds is not None:
            config["thresholds"] = self._given_thresholds
        return config


def _levels(number: int, given: list[float] | None) -> list[float]:
    """Thresholds with one below every probability and one above."""
    inner = [(i + 1) / (number - 1) for i in range(number - 2)] if given is None else given
    return [0.0 - epsilon(), *inner, 1.0 + epsilon()]
