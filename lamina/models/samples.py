"""The user's data where inputs, targets or weights are several arrays, in lists, tuples and dicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.base.trees import flatten, map_structure
from lamina.data import ArrayData, BatchSource, to_array
from lamina.data.dataset import weight_array


@dataclass(frozen=True)
class Samples(ArrayData):
    """Data whose parts may be nested.

    Attributes:
        y: the targets: an array, a structure of arrays, or None.
        weights: weights of samples: an array for all outputs, a structure with one for each, or None.
    """

    y: Any
    weights: Any

    def arrays(self) -> list[np.ndarray]:
        """Inputs, then targets, then weights."""
        return [*self.inputs, *flatten(self.y), *flatten(self.weights)]

    def take(self, rows: slice | np.ndarray) -> Samples:
        """Some of the samples; a slice gives views."""
        x, y, weights = (map_structure(lambda a: a[rows], part) for part in (self.x, self.y, self.weights))
        inputs = tuple(flatten(x))
        return Samples(x, inputs, y, weights, len(inputs[0]))

    def weighted(self, class_weight: dict[int, float] | None) -> ArrayData:
        """The same data with the weight of its class in the weight of every sample.

        Raises:
            ArgumentError: if there are several targets, or weights for several outputs.
        """
        if class_weight is None:
            return self
        if len(flatten(self.y)) != 1 or len(flatten(self.weights)) > 1:
            raise ArgumentError("class_weight goes with one output only. Give sample_weight for each output instead.")
        y, weights = flatten(self.y)[0], next(iter(flatten(self.weights)), None)
        found = ArrayData(self.x, self.inputs, y, weights, self.rows).weighted(class_weight)
        return replace(self, weights=found.weights)


def gather(
    x: Any, y: Any = None, sample_weight: Any = None, *, inputs: bool = False, outputs: bool = False
) -> ArrayData:
    """The user's data as arrays.

    Args:
        inputs, outputs: whether a list of arrays in `x` means several inputs rather than rows, and in `y` and
            `sample_weight` several outputs.

    Raises:
        DataError: if something is not numbers, empty, without rows, or of another length than the rest.
    """
    y = _unpacked(y, x)
    if not (_nested(x, inputs) or _nested(y, outputs) or _nested(sample_weight, outputs)):
        return ArrayData.of(x, y, sample_weight)
    if x is None:
        raise DataError("x is None: no data was given.")
    arrays = _arrays(x, "x", inputs)
    if not flatten(arrays):
        raise DataError(f"x is an empty {type(x).__name__}.")
    targets = None if y is None else _arrays(y, "y", outputs)
    weights = None if sample_weight is None else _arrays(sample_weight, "sample_weight", outputs)
    weights = map_structure(weight_array, weights)
    rows = _check_rows({"x": arrays, "y": targets, "sample_weight": weights})
    return Samples(arrays, tuple(flatten(arrays)), targets, weights, rows)


def _unpacked(y: Any, x: Any) -> Any:
    """The array in a list of one array that has as many rows as `x`; any other list may hold rows."""
    if isinstance(y, (list, tuple)) and len(y) == 1 and hasattr(x, "__len__"):
        return y[0] if getattr(y[0], "ndim", None) and len(y[0]) == len(x) != 1 else y
    return y


def _nested(value: Any, several: bool) -> bool:
    """Whether a value is a structure of arrays rather than one array."""
    if isinstance(value, dict):
        return True
    if not several or not isinstance(value, (list, tuple)) or not value:
        return False
    return all(item is None or bool(getattr(item, "ndim", 0)) or _nested(item, several) for item in value)


def _arrays(value: Any, name: str, several: bool) -> Any:
    """A structure with an array for each leaf; None stays None."""
    if isinstance(value, dict):
        return {
            key: None if item is None else _arrays(item, f"{name}[{key!r}]", several) for key, item in value.items()
        }
    if _nested(value, several):
        items = [None if item is None else _arrays(item, f"{name}[{i}]", several) for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    return to_array(value, name)


def _check_rows(parts: dict[str, Any]) -> int:
    """The number of samples, which all arrays must have."""
    named = [pair for name, part in parts.items() for pair in _named(part, name)]
    for name, array in named:
        if array.ndim == 0:
            raise DataError(
                f"{name} is a single number ({array}); an array with a leading axis of samples is expected."
            )
    rows = len(named[0][1])
    if any(len(array) != rows for _, array in named):
        sizes = ", ".join(f"{name} has {len(array)}" for name, array in named)
        raise DataError(f"All data must have the same number of samples (rows), but {sizes}.")
    if rows == 0:
        raise DataError(f"x is empty: its shape is {named[0][1].shape}. At least one sample is needed.")
    return rows


def _named(part: Any, name: str) -> list[tuple[str, np.ndarray]]:
    """The arrays of a structure, each with what to call it."""
    if part is None:
        return []
    if isinstance(part, dict):
        return [pair for key in sorted(part) for pair in _named(part[key], f"{name}[{key!r}]")]
    if isinstance(part, (list, tuple)):
        return [pair for i, item in enumerate(part) for pair in _named(item, f"{name}[{i}]")]
    return [(name, part)]


class SampleSource(BatchSource):
    """Batches whose parts may be nested.

    Args:
        inputs, outputs: as of `gather`.
    """

    def __init__(self, data: Any, steps: int | None, argument: str, inputs: bool, outputs: bool):
        super().__init__(data, steps, argument)
        self.inputs = inputs
        self.outputs = outputs

    def _checked(self, item: Any) -> ArrayData:
        parts = item if isinstance(item, tuple) else (item,)
        where = f"Batch {self._total} of {self.argument} ({type(self.data).__name__})"
        if not 1 <= len(parts) <= 3:
            raise DataError(
                f"{self.argument} must give batches (x,), (x, y) or (x, y, sample_weight). "
                f"Batch {self._total} is a tuple of {len(parts)} items."
            )
        try:
            batch = gather(*parts, inputs=self.inputs, outputs=self.outputs)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        form = tuple((name, a.ndim) for part in ("x", "y", "weights") for name, a in _named(getattr(batch, part), part))
        if self._form is None:
            self._form = form
        elif form != self._form:
            raise DataError(
                f"{where} differs from the first in what it holds. Expected: {_described(self._form)}. Received: "
                f"{_described(form)}."
            )
        return batch


def _described(form: tuple[Any, ...]) -> str:
    return " and ".join(f"{name} of rank {rank}" for name, rank in form)
