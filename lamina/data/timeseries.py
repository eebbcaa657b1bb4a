"""Windows of a series as batches of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.data.arrays import to_array
from lamina.data.pydataset import PyDataset


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> TimeSeries:
    """Windows of a series, each with a target.

    The window that begins at step `i` has the steps `i, i + sampling_rate, ...`, and the target `targets[i]`; so for a
    forecast, `targets` are shifted: `targets[i]` is what follows the window from `i`.

    Args:
        data: `(steps, ...)`.
        targets: one for each step at which a window may begin, `(steps, ...)`; or None.
        sequence_length: steps of a window.
        sequence_stride: from the beginning of a window to that of the next; 1.
        sampling_rate: from a step of a window to its next; 1.
        batch_size: windows of a batch; 128.
        shuffle: whether the order of windows changes from epoch to epoch; False.
        seed: of the order; drawn when None.
        start_index, end_index: only this part of the data is used; all by default.

    Returns:
        A dataset of batches `(x, y)`, or `(x,)` without targets, for `fit`; its `arrays()` gives all windows at once.

    Raises:
        ArgumentError: if a number is out of range.
        DataError: if the data has fewer steps than a window needs.

    Example:
        windows = utils.timeseries_dataset_from_array(series[:-24], series[24:], sequence_length=24)
        model.fit(windows, epochs=10)
    """
    for name, number in (
        ("sequence_length", sequence_length), ("sequence_stride", sequence_stride), ("sampling_rate", sampling_rate),
        ("batch_size", batch_size),
    ):  # fmt: skip
        if isinstance(number, bool) or not hasattr(number, "__index__") or int(number) < 1:  # type: ignore[arg-type]
            raise ArgumentError(
                f"timeseries_dataset_from_array: {name} must be a whole number of at least 1. Received: {number!r}."
            )
    series = to_array(data, "data")
    first, last = _part(len(series), start_index, end_index)
    wanted = None if targets is None else to_array(targets, "targets")[first:]
    count = last - first - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        count = min(count, len(wanted))
    if count < 1:
        raise DataError(
            f"timeseries_dataset_from_array: there is no window of {sequence_length} steps with sampling_rate="
            f"{sampling_rate} and a target in data of {last - first} steps."
        )
    starts = np.arange(0, count, sequence_stride)
    offsets = np.arange(sequence_length) * sampling_rate
    return TimeSeries(series[first:last], wanted, starts, offsets, int(batch_size or 1), shuffle, seed)


def _part(steps: int, start: int | None, end: int | None) -> tuple[int, int]:
    """The first step that is used, and the one after the last."""
    for name, index in (("start_index", start), ("end_index", end)):
        if index is not None and not (0 if name == "start_index" else 1) <= index <= steps:
            raise ArgumentError(
                f"timeseries_dataset_from_array: {name} must lie within the {steps} steps of data. Received: {index}."
            )
    if not steps:
        raise DataError("timeseries_dataset_from_array: data is empty. At least one window of steps is needed.")
    first, last = start or 0, steps if end is None else end
    if first >= last:
        raise ArgumentError(
            f"timeseries_dataset_from_array: start_index must be below end_index. Received: {first} and {last}."
        )
    return first, last


class TimeSeries(PyDataset):
    """What `timeseries_dataset_from_array` gives: windows are cut out of the series when their batch is asked for."""

    def __init__(
        self,
        series: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        offsets: np.ndarray,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
    ):
        super().__init__()
        self._series = series
        self._targets = targets
        self._starts = starts
        self._offsets = offsets
        self._batch_size = batch_size
        self._order = np.random.default_rng(seed) if shuffle else None
        self._current = starts
        self.on_epoch_end()

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._starts) // self._batch_size)

    def on_epoch_end(self) -> None:
        """Puts the windows into a new order, where they are shuffled."""
        if self._order is not None:
            self._current = self._order.permutation(self._starts)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        if not 0 <= index < self.num_batches:
            raise IndexError(f"TimeSeries has {self.num_batches} batches. Received: number {index}.")
        return self._cut(self._current[index * self._batch_size : (index + 1) * self._batch_size])

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All windows `(windows, sequence_length, ...)` and targets as arrays, in the order of the series.

        They take `sequence_length` times the memory of the series; `fit` on them runs epochs in native code.
        """
        return self._cut(self._starts)

    def _cut(self, starts: np.ndarray) -> tuple[np.ndarray, ...]:
        x = self._series[starts[:, None] + self._offsets]
        return (x,) if self._targets is None else (x, self._targets[starts])
