"""F-scores: precision and recall as one number."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.config import epsilon
from lamina.base.errors import ArgumentError, ShapeError
from lamina.metrics.metric import Metric
from lamina.tensor import Variable

_COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """`(1 + beta²) * precision * recall / (beta² * precision + recall)`.

    Targets are one-hot or several ones, `(batch, classes)`, and so are predictions.

    Args:
        average: None (default) gives a score for each class; `"micro"` counts all classes together, `"macro"` takes
            the mean over classes, `"weighted"` the mean weighted by how often each occurs.
        beta: weight of recall against precision; 1.
        threshold: a prediction above it is 1; when None, the largest of a row is.
    """

    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        owner = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentError(
                f"{owner}: average must be None, 'micro', 'macro' or 'weighted'. Received: {average!r}."
            )
        if isinstance(beta, bool) or not isinstance(beta, (int, float)) or beta <= 0:
            raise ArgumentError(f"{owner}: beta must be a number above 0. Received: {beta!r}.")
        if threshold is not None and not 0 < threshold <= 1:
            raise ArgumentError(f"{owner}: threshold must be above 0 and at most 1. Received: {threshold!r}.")
        self.average = average
        self.beta = float(beta)
        self.threshold = threshold
        self._built = False

    def _build(self, y_true: Any, y_pred: Any) -> None:
        if len(y_true.shape) != 2 or len(y_pred.shape) != 2 or y_pred.shape[-1] is None:
            raise ShapeError(
                f"{type(self).__name__} takes targets and predictions of shape (batch, classes). Received: y_true of "
                f"shape {tuple(y_true.shape)}, y_pred of shape {tuple(y_pred.shape)}. One-hot encode class numbers."
            )
        shape = () if self.average == "micro" else (y_pred.shape[-1],)
        for name in _COUNTS:
            setattr(self, name, self.add_variable(shape, name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets 0 or 1, predictions, and a weight for each sample."""
        y_true = ops.convert_to_tensor(y_true, self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, self.dtype)
        if not self._built:
            self._build(y_true, y_pred)
        if self.threshold is None:
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            positive = ops.logical_and(y_pred >= largest, ops.absolute(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        found = ops.cast(positive, self.dtype)
        weights: Any = 1.0
        if sample_weight is not None:
            weights = ops.expand_dims(ops.convert_to_tensor(sample_weight, self.dtype), 1)
        axis = None if self.average == "micro" else 0
        values = (found * y_true, found * (1.0 - y_true), (1.0 - found) * y_true, y_true)
        for name, value in zip(_COUNTS, values, strict=True):
            getattr(self, name).assign_add(ops.sum(value * weights, axis=axis))

    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), dtype=self.dtype)
        found = ops.convert_to_tensor(self.true_positives)
        precision = found / (found + self.false_positives + epsilon())
        recall = found / (found + self.false_negatives + epsilon())
        square = self.beta**2
        score = precision * recall / (square * precision + recall + epsilon()) * (1.0 + square)
        if self.average == "weighted":
            return ops.sum(score * self.intermediate_weights / (ops.sum(self.intermediate_weights) + epsilon()))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; arguments as of `FBetaScore`."""

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
