"""What a training is about: the loss and the metrics that `compile` was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import losses, metrics, ops
from lamina.base.errors import ArgumentError, DataError

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


class Objective:
    """The loss and metrics of a model with one output.

    Args:
        loss: a name, `Loss`, function `f(y_true, y_pred)`, or None when only `add_loss` counts.
        unweighted, weighted: metrics without and with sample weights: names, `Metric`s or functions.
        loss_weight: factor of the loss.

    Attributes:
        tracker: running mean of the loss.
        built: whether names such as `"accuracy"` have been resolved, for which shapes must be known.
    """

    def __init__(self, loss: Any, unweighted: Any = None, weighted: Any = None, loss_weight: Any = None):
        self._given = (_as_list(unweighted, "metrics"), _as_list(weighted, "weighted_metrics"))
        self._loss_weight = _loss_weight(loss_weight)
        self.loss = _find_loss(loss)
        self.tracker = metrics.Mean(name="loss")
        self._unweighted: list[Any] = []
        self._weighted: list[Any] = []
        self.built = False

    def build(self, target: Sequence[int | None] | None, output: Sequence[int | None]) -> None:
        """Makes the metrics.

        Args:
            target, output: shapes of the targets and of the model's output, with the batch; None: no targets.
        """
        if self.built:
            return
        unweighted, weighted = self._given
        if target is None:
            if unweighted or weighted:
                raise DataError("compile() was given metrics, but there are no targets `y` to compare with.")
            target = output
        self._unweighted = [_find_metric(m, target, output) for m in unweighted]
        self._weighted = [_find_metric(m, target, output) for m in weighted]
        _make_names_unique(self.metrics)
        self.built = True

    @property
    def metrics(self) -> list[Any]:
        """The tracker of the loss, then the metrics in the order given."""
        return [self.tracker, *self._unweighted, *self._weighted]

    def compute_loss(self, y: Any, y_pred: Any, sample_weight: Any, penalties: Sequence[Any]) -> Any:
        """The scalar to minimise: the loss, and the penalties of regularizers and `add_loss`.

        Args:
            y: targets, or None.
            sample_weight: `(batch,)`, or None.
        """
        terms = list(penalties)
        if self.loss is not None:
            if y is None:
                raise DataError("The model was compiled with a loss, which needs targets, but no `y` was given.")
            value = self.loss(y, y_pred, sample_weight=sample_weight)
            terms.insert(0, value if self._loss_weight is None else value * self._loss_weight)
        if not terms:
            raise ArgumentError("There is nothing to minimise: compile() was given no loss, and no layer adds one.")
        total = terms[0]
        for term in terms[1:]:
            total = total + ops.cast(term, total.dtype)
        return total

    def update(self, loss: Any, count: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Takes the results of a step into the running metrics.

        Args:
            loss: the step's loss; count: how many samples it had.
        """
        self.tracker.update_state(loss, sample_weight=count)
        if y is None:
            return
        for metric in self._unweighted:
            metric.update_state(y, y_pred)
        for metric in self._weighted:
            metric.update_state(y, y_pred, sample_weight=sample_weight)

    def reset(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def check_labels(self, y: np.ndarray | None, output: Sequence[int | None]) -> None:
        """Checks that class numbers lie in the range that the output has.

        Raises:
            DataError: naming the first row that does not.
        """
        classes = output[-1] if output else None
        if y is None or classes is None or y.size == 0 or not _is_sparse(self.loss):
            return
        ignored = getattr(self.loss, "ignore_class", None)
        low, high = y.min(), y.max()
        if low >= 0 and high < classes:
            return
        wrong = ~((y >= 0) & (y < classes))
        if ignored is not None:
            wrong &= y != ignored
        if not wrong.any():
            return
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"y holds the label {y[place]} in row {place[0]}, but the model's output has {classes} classes, so that "
            f"labels must be 0 to {classes - 1} ({int(wrong.sum())} of {y.size} labels are out of range). "
            + ("Labels seem to count from 1: subtract 1." if low == 1 and high == classes else "")
            + (f"Give the last layer {int(high) + 1} units, or relabel." if low >= 0 and low != 1 else "")
        )


def _as_list(given: Any, argument: str) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, dict):
        given = list(given.values())
    if not isinstance(given, list | tuple):
        raise ArgumentError(
            f"compile(): {argument} must be a list of metrics. Received: {given!r}. Put it into a list: [{given!r}]."
        )
    flat: list[Any] = []
    for item in given:
        flat.extend(item if isinstance(item, list | tuple) else [item])
    return flat


def _loss_weight(given: Any) -> float | None:
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple):
        if len(given) != 1:
            raise ArgumentError(f"compile(): loss_weights must have one number for each output. Received: {given!r}.")
        given = given[0]
    return None if given is None else float(given)


def _find_loss(identifier: Any) -> Any:
    if isinstance(identifier, list | tuple) and len(identifier) == 1:
        identifier = identifier[0]
    loss = losses.get(identifier)
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    return losses.LossFunctionWrapper(loss, name=getattr(loss, "__name__", "loss"))


def _find_metric(identifier: Any, target: Sequence[int | None], output: Sequence[int | None]) -> Any:
    """A metric by identifier; `"accuracy"` and `"crossentropy"` by the shapes of targets and output."""
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in _ACCURACY + _CROSSENTROPY:
        return _by_shapes(name, target, output)
    metric = metrics.get(identifier)
    if not isinstance(metric, metrics.Metric):
        metric = metrics.MeanMetricWrapper(metric, name=name or getattr(metric, "__name__", "metric"))
    if name is not None:
        metric.name = name
    return metric


def _by_shapes(name: str, target: Sequence[int | None], output: Sequence[int | None]) -> Any:
    kind = metrics.resolve_accuracy(target, output)
    if name.lower() in _CROSSENTROPY:
        kind = {
            metrics.BinaryAccuracy: metrics.BinaryCrossentropy,
            metrics.SparseCategoricalAccuracy: metrics.SparseCategoricalCrossentropy,
            metrics.CategoricalAccuracy: metrics.CategoricalCrossentropy,
        }[kind]
    return kind(name=name)


def _make_names_unique(found: list[Any]) -> None:
    seen: dict[str, int] = {}
    for metric in found:
        number = seen.get(metric.name, 0)
        seen[metric.name] = number + 1
        if number:
            metric.name = f"{metric.name}_{number}"


def _is_sparse(loss: Any) -> bool:
    function = getattr(loss, "fn", None)
    name = getattr(function, "__name__", "")
    return isinstance(loss, losses.SparseCategoricalCrossentropy) or name == "sparse_categorical_crossentropy"
