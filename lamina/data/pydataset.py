"""A dataset that gives whole batches by number."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ArgumentError


class PyDataset:
    """Base of datasets whose batches can be asked for in any order, as in Keras.

    A subclass has `__getitem__(index)`, giving a batch `(x,)`, `(x, y)` or `(x, y, sample_weight)`, and
    `num_batches` (or `__len__`). It may have `on_epoch_begin` and `on_epoch_end`.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted for Keras; batches are made in this process, in order.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch; None when the dataset has no end."""
        raise ArgumentError(f"{type(self).__name__} must have `num_batches` or `__len__`.")

    def __len__(self) -> int:
        count = self.num_batches
        if count is None:
            raise TypeError(f"{type(self).__name__} has no end, so it has no len().")
        return count

    def __getitem__(self, index: int) -> Any:
        raise ArgumentError(f"{type(self).__name__} must have `__getitem__(index)`, which gives a batch.")

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch."""
