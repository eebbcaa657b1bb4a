"""How often predictions are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base import dtypes
from lamina.base.config import floatx
from lamina.base.errors import ShapeError
from lamina.losses import squeeze_or_expand_to_same_rank
from lamina.metrics.metric import Metric
from lamina.metrics.reduction import MeanMetricWrapper


def _matches(x: Any, y: Any) -> Any:
    """1.0 where two tensors are equal, 0.0 elsewhere."""
    return ops.cast(ops.equal(x, y), floatx())


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where targets and predictions are equal, 0 elsewhere."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    return _matches(*squeeze_or_expand_to_same_rank(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where `y_pred > threshold` says the same as `y_true` (0 or 1), 0 elsewhere."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return _matches(y_true, ops.cast(y_pred > threshold, y_true.dtype))


def _same_kind(classes: Any, y_true: Any) -> tuple[Any, Any]:
    """Class numbers and targets in a dtype in which they can be compared exactly."""
    if dtypes.is_float(y_true.dtype):
        return ops.cast(classes, y_true.dtype), y_true
    return ops.cast(classes, "int64"), ops.cast(y_true, "int64")


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest target (one-hot) and the largest prediction are at the same place, 0 elsewhere."""
    return _matches(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction is at the place that the target (a class number) names, 0 elsewhere."""
    y_true, y_pred = _class_numbers("sparse_categorical_accuracy", y_true, y_pred)
    return _matches(*_same_kind(ops.argmax(y_pred, axis=-1), y_true))


def _class_numbers(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets without a last axis of size 1, checked against the predictions."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_true.shape) != len(y_pred.shape) - 1:
        raise ShapeError(
            f"Metric {name!r}: y_true has shape {tuple(y_true.shape)}; expected {tuple(y_pred.shape[:-1])}, one class "
            f"number for each prediction, for y_pred of shape {tuple(y_pred.shape)}. One-hot targets go with "
            "'categorical_accuracy'."
        )
    return y_true, y_pred


def _in_top_k(labels: Any, y_pred: Any, k: int) -> Any:
    """1.0 where fewer than `k` predictions are above the one of the label; 0.0 where there is no such class."""
    labels = ops.cast(labels, "int64")
    exists = ops.logical_and(labels >= 0, labels < y_pred.shape[-1])
    right = ops.take_along_axis(y_pred, ops.expand_dims(ops.where(exists, labels, 0), -1), axis=-1)
    above = ops.sum(ops.cast(y_pred > right, "int32"), axis=-1)
    return ops.cast(ops.logical_and(exists, above < k), floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the target (one-hot) is among the `k` largest predictions, 0 elsewhere."""
    return _in_top_k(ops.argmax(y_true, axis=-1), ops.convert_to_tensor(y_pred), k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """1 where the target (a class number) is among the `k` largest predictions, 0 elsewhere.

    Args:
        from_sorted_ids: whether `y_pred` holds class numbers, the likeliest first, instead of scores; False.
    """
    y_true, y_pred = _class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if not from_sorted_ids:
        return _in_top_k(y_true, y_pred, k)
    ids, y_true = _same_kind(y_pred[..., :k], y_true)
    return ops.cast(ops.any(ops.equal(ids, ops.expand_dims(y_true, -1)), axis=-1), floatx())


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets."""

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name=name, dtype=dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions above `threshold` (0.5) are 1 and others 0."""

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the right class; one-hot targets."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the right class; class numbers as targets."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` (5) largest predictions; one-hot targets."""

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` (5) largest predictions; class numbers as targets."""

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(
            sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids


def resolve_accuracy(y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> type[Metric]:
    """The class that `"accuracy"` stands for, by the shapes of targets and predictions.

    Returns:
        `BinaryAccuracy` for one number a prediction, `SparseCategoricalAccuracy` for targets of lower rank (or with
        1 as last axis), `CategoricalAccuracy` otherwise.
    """
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy
    return CategoricalAccuracy
