"""What training is about at one output of a model: its loss and its metrics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import losses, metrics
from lamina.base.errors import DataError

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


class OutputObjective:
    """The loss and metrics of one output.

    Args:
        loss: a `Loss`, or None for an output without.
        weight: its factor in the sum; None for 1.
        unweighted, weighted: metrics without and with sample weights: names, `Metric`s or functions.
        target, output: shapes of the targets and of the output, with the batch; None where there are no targets.
        name: goes before the names of results where there are several outputs; None where there is one.
        argument: what messages call the targets, such as `"y"`.

    Attributes:
        tracker: running mean of the loss; None where it is the only one.
    """

    def __init__(
        self,
        loss: Any,
        weight: float | None,
        unweighted: Sequence[Any],
        weighted: Sequence[Any],
        target: Sequence[int | None] | None,
        output: Sequence[int | None],
        name: str | None,
        argument: str,
    ):
        if target is None and (unweighted or weighted):
            raise DataError(f"compile() was given metrics, but there are no targets `{argument}` to compare with.")
        shape = output if target is None else target
        self.loss = loss
        self.name = name
        self.weight = weight
        self.argument = argument
        self.unweighted = [_find_metric(m, shape, output) for m in unweighted]
        self.weighted = [_find_metric(m, shape, output) for m in weighted]
        self.tracker = metrics.Mean(name=f"{name}_loss") if name is not None and loss is not None else None

    def value(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss of a batch, before its factor."""
        if y is None:
            raise DataError(
                f"The model was compiled with a loss, which needs targets, but no `{self.argument}` was given."
            )
        return self.loss(y, y_pred, sample_weight=sample_weight)

    def update(self, value: Any, count: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Takes the results of a step into the running metrics.

        Args:
            value: the loss, or None where it is not known; count: how many samples the step had.
        """
        if self.tracker is not None and value is not None:
            self.tracker.update_state(value, sample_weight=count)
        if y is None:
            return
        for metric in self.unweighted:
            metric.update_state(y, y_pred)
        for metric in self.weighted:
            metric.update_state(y, y_pred, sample_weight=sample_weight)

    def check_labels(self, y: np.ndarray | None, output: Sequence[int | None]) -> None:
        """Checks that class numbers lie in the range that the output has.

        Raises:
            DataError: naming the first row that does not.
        """
        classes = output[-1] if output else None
        if y is not None and y.size and _is(self.loss, losses.CTC, "ctc"):
            _check_lengths(self.argument, y, output)
        if y is None or classes is None or y.size == 0 or not _is_sparse(self.loss):
            return
        if y.dtype.kind == "f" and (broken := np.isfinite(y) & (y != np.floor(y))).any():
            place = tuple(int(i) for i in np.argwhere(broken)[0])
            raise DataError(
                f"{self.argument} holds {y[place]} in row {place[0]}, but {self.loss.name!r} takes whole numbers of "
                "classes. For targets that are amounts use 'mean_squared_error'."
            )
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
            f"{self.argument} holds the label {y[place]} in row {place[0]}, but the model's output has {classes} "
            f"classes, so that labels must be 0 to {classes - 1} ({int(wrong.sum())} of {y.size} labels are out of "
            "range). "
            + ("Labels seem to count from 1: subtract 1." if low == 1 and high == classes else "")
            + (f"Give the last layer {int(high) + 1} units, or relabel." if low >= 0 and low != 1 else "")
        )


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


def _check_lengths(argument: str, y: np.ndarray, output: Sequence[int | None]) -> None:
    """Warns of rows with more labels than a reading of all steps can have, whose loss is infinite."""
    steps = output[1] if len(output) == 3 else None
    if steps is None or y.ndim != 2:
        return
    real = y != 0
    # Between equal labels there must be a blank.
    needed = real.sum(1) + (real[:, 1:] & (y[:, 1:] == y[:, :-1])).sum(1)
    wrong = np.flatnonzero(needed > steps)
    if len(wrong):
        warnings.warn(
            f"{argument} has {len(wrong)} row(s) of labels that the {steps} steps of the model's output cannot hold: "
            f"row {wrong[0]} needs {needed[wrong[0]]}, one for each label and one between equal ones. Their loss is "
            "infinite. Leave them out, or give the model more steps.",
            stacklevel=5,
        )


def _is_sparse(loss: Any) -> bool:
    known = losses.SparseCategoricalCrossentropy
    return _is(loss, known, "sparse_categorical_crossentropy") or _is(loss, losses.CTC, "ctc")


def _is(loss: Any, kind: type, function: str) -> bool:
    """Whether a loss is of this class, or the function of this name."""
    return isinstance(loss, kind) or getattr(getattr(loss, "fn", None), "__name__", "") == function
