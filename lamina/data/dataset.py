"""Arrays of equally many rows: inputs, targets, weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.base.trees import flatten, map_structure
from lamina.data.arrays import to_array


@dataclass(frozen=True)
class ArrayData:
    """Whole data in memory.

    Attributes:
        x: the inputs: an array, or a list, tuple or dict of arrays.
        inputs: the arrays of `x` in order.
        y: the targets, or None.
        weights: weight of each sample `(rows,)`, or of each step or value `(rows, steps, ...)`, float32; or None.
        rows: how many samples.
    """

    x: Any
    inputs: tuple[np.ndarray, ...]
    y: np.ndarray | None
    weights: np.ndarray | None
    rows: int

    @staticmethod
    def of(x: Any, y: Any = None, sample_weight: Any = None, *, several_inputs: bool = False) -> ArrayData:
        """Checks and wraps what the user gave.

        Args:
            several_inputs: whether a list or tuple of arrays means several inputs rather than rows.

        Raises:
            DataError: if something is not numbers, empty, without rows, or of another length than `x`.
        """
        if x is None:
            raise DataError("x is None: no data was given.")
        if type(x) is np.ndarray:
            x = to_array(x, "x")
            inputs: tuple[np.ndarray, ...] = (x,)
        else:
            x = _structure(x, several_inputs)
            inputs = tuple(flatten(x))
        targets = None if y is None else to_array(y, "y")
        weights = None if sample_weight is None else weight_array(sample_weight)
        rows = _check_rows(inputs, targets, weights)
        return ArrayData(x, inputs, targets, weights, rows)

    def arrays(self) -> list[np.ndarray]:
        """Inputs, then targets, then weights, where there are any."""
        rest = [a for a in (self.y, self.weights) if a is not None]
        return [*self.inputs, *rest]

    def take(self, rows: slice | np.ndarray) -> ArrayData:
        """Some of the samples; a slice gives views."""
        x = map_structure(lambda a: a[rows], self.x)
        inputs = tuple(flatten(x))
        y = None if self.y is None else self.y[rows]
        weights = None if self.weights is None else self.weights[rows]
        return ArrayData(x, inputs, y, weights, len(inputs[0]))

    def split(self, fraction: float) -> tuple[ArrayData, ArrayData]:
        """The samples but for the last `fraction` of them, and those last ones."""
        if not 0.0 < fraction < 1.0:
            raise ArgumentError(f"validation_split must be between 0 and 1. Received: {fraction}.")
        first = int(self.rows * (1.0 - fraction))
        if first == 0 or first == self.rows:
            raise DataError(
                f"validation_split={fraction} of {self.rows} samples leaves {first} for training and "
                f"{self.rows - first} for validation; both need at least one. Give more samples or another fraction."
            )
        return self.take(slice(0, first)), self.take(slice(first, None))

    def weighted(self, class_weight: dict[int, float] | None) -> ArrayData:
        """The same data with the weight of its class multiplied into the weight of every sample."""
        if class_weight is None:
            return self
        if self.y is None:
            raise ArgumentError("class_weight was given, but no targets `y`, from which the classes are read.")
        return replace(self, weights=_joined_weights(class_weights(self.y, class_weight), self.weights))


def _structure(x: Any, several_inputs: bool) -> Any:
    if isinstance(x, dict):
        if not x:
            raise DataError("x is an empty dict.")
        return {key: to_array(value, f"x[{key!r}]") for key, value in x.items()}
    if several_inputs and isinstance(x, list | tuple) and x and all(getattr(i, "ndim", 0) for i in x):
        return tuple(to_array(value, f"x[{i}]") for i, value in enumerate(x))
    return to_array(x, "x")


def weight_array(sample_weight: Any) -> np.ndarray:
    """Sample weights as a float32 array `(rows,)`, or `(rows, steps, ...)` for parts of samples."""
    weights = to_array(sample_weight, "sample_weight")
    return np.ascontiguousarray(weights, dtype=np.float32) if weights.ndim else weights


def class_weights(y: np.ndarray, class_weight: dict[int, float]) -> np.ndarray:
    """The weight of the class of every target; classes that are not named have weight 1.

    Args:
        y: class numbers `(rows,)` or `(rows, ..., 1)`, or one-hot `(rows, ..., classes)`.

    Returns:
        Weights `(rows,)`; `(rows, ...)` where there is a class for each step of a sample.

    Raises:
        ArgumentError: if `class_weight` is no dict.
        DataError: if `y` is `(rows, n)` with numbers that are no one-hot rows: a last axis of 1 is needed then.
    """
    if not isinstance(class_weight, dict) or not class_weight:
        raise ArgumentError(f"class_weight must be a dict from class number to weight. Received: {class_weight!r}.")
    labels = y
    if y.ndim > 1 and y.shape[-1] != 1:
        if y.dtype.kind in "iu" and y.size and (y.min() < 0 or y.max() > 1):
            raise DataError(
                f"class_weight takes the last axis of targets of shape {y.shape} for that of classes, but they hold "
                f"{y.max() if y.max() > 1 else y.min()}. If they are class numbers of steps, "
                "give them a last axis of 1: y[..., None]."
            )
        labels = y.argmax(axis=-1)
    elif y.ndim > 1:
        labels = y[..., 0]
    known, places = np.unique(np.rint(labels).astype(np.int64), return_inverse=True)
    table = np.array([class_weight.get(int(k), 1.0) for k in known], dtype=np.float32)
    return table[places.reshape(labels.shape)]


def _joined_weights(of_classes: np.ndarray, of_samples: np.ndarray | None) -> np.ndarray:
    """The products of weights; that of a sample counts for all of its steps."""
    if of_samples is None:
        return of_classes
    rank = max(of_classes.ndim, of_samples.ndim)
    first, second = (w.reshape(*w.shape, *(1,) * (rank - w.ndim)) for w in (of_classes, of_samples))
    try:
        return first * second
    except ValueError:
        raise DataError(
            f"sample_weight of shape {of_samples.shape} does not go with class_weight, which gives weights of shape "
            f"{of_classes.shape} for these targets."
        ) from None


def _check_rows(inputs: tuple[np.ndarray, ...], y: np.ndarray | None, weights: np.ndarray | None) -> int:
    rows = len(inputs[0]) if inputs[0].ndim else -1
    others = [a for a in (*inputs, y, weights) if a is not None]
    same = all(a.ndim > 0 and len(a) == rows for a in others)
    if rows < 0 or not same:
        raise DataError(_row_error(inputs, y, weights))
    if rows == 0:
        raise DataError(f"x is empty: its shape is {inputs[0].shape}. At least one sample is needed.")
    return rows


def _row_error(inputs: tuple[np.ndarray, ...], y: np.ndarray | None, weights: np.ndarray | None) -> str:
    names = ["x"] if len(inputs) == 1 else [f"x[{i}]" for i in range(len(inputs))]
    given = [*zip(names, inputs), *((n, a) for n, a in (("y", y), ("sample_weight", weights)) if a is not None)]
    for name, array in given:
        if array.ndim == 0:
            return f"{name} is a single number ({array}); an array with a leading axis of samples is expected."
    sizes = ", ".join(f"{name} has {len(array)}" for name, array in given)
    return f"All data must have the same number of samples (rows), but {sizes}."
