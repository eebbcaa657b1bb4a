"""Data that comes batch by batch: generators, datasets, and any iterable of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lamina.base.errors import DataError
from lamina.data.arrays import is_frame
from lamina.data.dataset import ArrayData


class Batch(NamedTuple):
    """One batch as `(x, y, sample_weight)`; what is missing is None."""

    x: Any
    y: Any = None
    sample_weight: Any = None


def is_batch_source(x: Any) -> bool:
    """Whether `x` gives batches rather than being the samples themselves."""
    if x is None or isinstance(x, np.ndarray | list | tuple | dict | str | bytes | range) or is_frame(x):
        return False
    if hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class BatchSource:
    """Reads batches epoch after epoch.

    Args:
        data: a generator or other iterator, which can be read once; an iterable, which is read anew for each
            epoch; or an object with `__len__` and `__getitem__`, whose items are batches.
        steps: batches of an epoch; None reads until the end.
        argument: what the user calls it, for errors.
    """

    def __init__(self, data: Any, steps: int | None = None, argument: str = "x", several_inputs: bool = False):
        self.data = data
        self.argument = argument
        self.several_inputs = several_inputs
        self.indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        self.once = hasattr(data, "__next__")
        self.given_steps = steps is not None
        self.steps = steps if steps is not None else _length(data)
        self._iterator: Iterator[Any] | None = None
        self._kept: ArrayData | None = None
        self._form: tuple[Any, ...] | None = None
        self._total = 0

    def peek(self) -> ArrayData:
        """The next batch, which stays the next one."""
        if self._kept is None:
            self._kept = self._next()
            if self._kept is None:
                raise DataError(f"{self.argument} ({type(self.data).__name__}) gave no batch at all.")
        return self._kept

    def epoch(self) -> Iterator[ArrayData]:
        """The batches of one epoch.

        Raises:
            DataError: if there are fewer than `steps`, or none, or one has another structure than the first.
        """
        count = 0
        self._notify("on_epoch_begin")
        while self.steps is None or count < self.steps:
            batch = self._take()
            if batch is None and self.given_steps and not self.once and self._total:
                self._iterator = None
                batch = self._take()
            if batch is None:
                if self.steps is None and count:
                    break
                raise DataError(self._dry(count))
            count += 1
            yield batch
        if self.steps is None:
            self.steps = count
        if not self.given_steps and not self.once:
            self._iterator = None
        self._notify("on_epoch_end")

    def _notify(self, hook: str) -> None:
        getattr(self.data, hook, lambda: None)()

    def _take(self) -> ArrayData | None:
        if self._kept is not None:
            batch, self._kept = self._kept, None
            return batch
        return self._next()

    def _next(self) -> ArrayData | None:
        if self._iterator is None:
            self._iterator = self._items() if self.indexed else iter(self.data)
        try:
            item = next(self._iterator)
        except StopIteration:
            return None
        batch = self._checked(item)
        self._total += 1
        return batch

    def _items(self) -> Iterator[Any]:
        for index in range(len(self.data)):
            yield self.data[index]

    def _checked(self, item: Any) -> ArrayData:
        number = self._total
        parts = item if isinstance(item, tuple) else (item,)
        if not 1 <= len(parts) <= 3:
            raise DataError(
                f"{self.argument} must give batches (x,), (x, y) or (x, y, sample_weight). "
                f"Batch {number} is a tuple of {len(parts)} items."
            )
        try:
            batch = ArrayData.of(*parts, several_inputs=self.several_inputs)
        except DataError as error:
            raise DataError(f"Batch {number} of {self.argument} ({type(self.data).__name__}): {error}") from None
        form = _form(batch)
        if self._form is None:
            self._form = form
        elif form != self._form:
            raise DataError(
                f"Batch {number} of {self.argument} ({type(self.data).__name__}) differs from the first in what it "
                f"holds. Expected: {_describe(self._form)}. Received: {_describe(form)}."
            )
        return batch

    def _dry(self, count: int) -> str:
        kind = type(self.data).__name__
        if self._total == 0:
            return f"{self.argument} ({kind}) gave no batch at all."
        wanted = "more batches" if self.steps is None else f"{self.steps} batches for each epoch"
        advice = (
            "A generator can be read only once: make it endless (`while True`) and give the number of steps, or "
            "pass a dataset that can be read again (a PyDataset, or an object with __iter__)."
        )
        return (
            f"{self.argument} ({kind}) ran dry after {self._total} batches in all, {count} of them in this epoch; "
            f"{wanted} are needed. {advice}"
        )


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except TypeError:
        return None


def _form(batch: ArrayData) -> tuple[Any, ...]:
    """What must be the same in all batches: which parts there are, and their ranks."""
    return (
        tuple(a.ndim for a in batch.inputs),
        None if batch.y is None else batch.y.ndim,
        batch.weights is not None,
    )


def _describe(form: tuple[Any, ...]) -> str:
    inputs, target, weights = form
    parts = [f"x of rank {', '.join(map(str, inputs))}"]
    if target is not None:
        parts.append(f"y of rank {target}")
    if weights:
        parts.append("sample_weight")
    return " and ".join(parts)


class ArrayBatches:
    """Slices of arrays as an endless source of batches, for epochs of another length than one pass over the data."""

    def __init__(self, data: ArrayData, batch_size: int, shuffle: bool):
        self.source = data
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[Batch]:
        while True:
            rows = self.source.rows
            order = np.random.permutation(rows) if self.shuffle else None
            for start in range(0, rows, self.batch_size):
                stop = min(start + self.batch_size, rows)
                part = self.source.take(slice(start, stop) if order is None else order[start:stop])
                yield Batch(part.x, part.y, part.weights)
