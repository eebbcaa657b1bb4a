"""Sequences of many lengths as arrays: padded to one length, or to few, in batches of like length."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.data.pydataset import PyDataset

# Into how many lengths sequences are sorted where nobody says otherwise: each has a program of its own.
_BUCKETS = 4


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences as the rows of one array.

    Args:
        sequences: lists of numbers, or arrays of which the first axis is that of steps.
        maxlen: the number of steps; that of the longest sequence when None.
        dtype: of the array; `"int32"`. For strings, `object`.
        padding: `"pre"` (default) or `"post"`: on which side steps are added to shorter sequences.
        truncating: `"pre"` (default) or `"post"`: on which side steps of longer ones are left out.
        value: of the steps that are added; 0.

    Returns:
        An array `(sequences, maxlen, ...)`.

    Raises:
        ArgumentError: if an argument is not of these.
        DataError: if an item is no sequence, or its steps have another shape than those of others.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ArgumentError(f"pad_sequences: {name} must be 'pre' or 'post'. Received: {side!r}.")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ArgumentError(f"pad_sequences: padding with the string {value!r} needs dtype=object. Received: {dtype}.")
    lengths = lengths_of("pad_sequences", sequences)
    steps = int(lengths.max(initial=0)) if maxlen is None else _count("pad_sequences", "maxlen", maxlen)
    step_shape = next((np.shape(s[0]) for s, n in zip(sequences, lengths) if n), ())
    result = np.full((len(sequences), steps, *step_shape), value, dtype=dtype)
    for row, sequence in enumerate(sequences):
        kept = min(int(lengths[row]), steps)
        if not kept:
            continue
        part = _steps(row, sequence[-kept:] if truncating == "pre" else sequence[:kept], dtype)
        if part.shape[1:] != step_shape:
            raise DataError(
                f"pad_sequences: the steps of sequence {row} have the shape {part.shape[1:]}, those before it "
                f"{step_shape}."
            )
        result[row, slice(steps - kept, None) if padding == "pre" else slice(kept)] = part
    return result


def _steps(row: int, steps: Any, dtype: Any) -> np.ndarray:
    """The steps of a sequence as an array, or DataError."""
    try:
        return np.asarray(steps, dtype=dtype)
    except (TypeError, ValueError):
        raise DataError(
            f"pad_sequences: sequence {row} cannot be an array of {np.dtype(dtype)}. Received: {steps[:3]!r}... Give "
            "numbers of equal shapes; words become numbers by layers.StringLookup, or stay words with dtype=object."
        ) from None


def lengths_of(name: str, sequences: Any) -> np.ndarray:
    """The number of steps of each sequence.

    Args:
        name: how messages call the function.

    Raises:
        DataError: if an item is no sequence.
    """
    if not hasattr(sequences, "__len__"):
        raise DataError(f"{name}: sequences must be a list of sequences. Received: {type(sequences).__name__}.")
    for row, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise DataError(f"{name}: item {row} must be a sequence, such as a list. Received: {sequence!r}.")
    return np.array([len(s) for s in sequences], np.int64)


def bucket_by_length(
    sequences: Sequence[Any],
    targets: Any = None,
    batch_size: int = 32,
    boundaries: Sequence[int] | None = None,
    dtype: Any = "int32",
    padding: str = "post",
    value: Any = 0,
    weigh_steps: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
) -> BucketedSequences:
    """Batches of sequences of like length, so that little of a batch is padding.

    Args:
        sequences: lists of numbers, or arrays of which the first axis is that of steps.
        targets: an array with a row for each sequence; or a list with a sequence for each, which is padded to the
            length of its batch too; or None.
        batch_size: sequences of a batch; 32. The last of a length may have fewer.
        boundaries: the lengths to which batches are padded, growing; longer sequences lose their end. Where it is
            None: four, that divide the sequences into equal shares.
        dtype: of the batches of sequences; `"int32"`. Targets keep theirs.
        padding: `"post"` (default) or `"pre"`.
        value: of the steps that are added; 0.
        weigh_steps: whether batches have sample weights too: 1 for each real step of the targets, 0 for padding, so
            that the loss passes over it; False. Only where targets are sequences.
        shuffle: whether the order changes from epoch to epoch; True.
        seed: of the order; drawn when None.

    Returns:
        A dataset of batches for `fit`. Each length has a program of its own, compiled when it first comes.

    Raises:
        ArgumentError: if boundaries do not grow, or an argument is not of these.
        DataError: if there are not as many targets as sequences.
    """
    return BucketedSequences(
        sequences, targets, batch_size, boundaries, dtype, padding, value, weigh_steps, shuffle, seed
    )


class BucketedSequences(PyDataset):
    """What `bucket_by_length` gives.

    Attributes:
        boundaries: the lengths of batches.
    """

    def __init__(
        self,
        sequences: Sequence[Any],
        targets: Any,
        batch_size: int,
        boundaries: Sequence[int] | None,
        dtype: Any,
        padding: str,
        value: Any,
        weigh_steps: bool,
        shuffle: bool,
        seed: int | None,
    ):
        super().__init__()
        self._sequences = sequences
        self._targets = targets
        self._sequential = isinstance(targets, (list, tuple)) and len(targets) > 0 and hasattr(targets[0], "__len__")
        self._dtype = dtype
        self._padding = padding
        self._value = value
        self._weigh_steps = weigh_steps
        self._batch_size = _count("bucket_by_length", "batch_size", batch_size)
        self._order = np.random.default_rng(seed) if shuffle else None
        self._lengths = lengths_of("bucket_by_length", sequences)
        if targets is not None and len(targets) != len(sequences):
            raise DataError(
                f"bucket_by_length: there must be a target for each sequence. Received: {len(sequences)} sequence(s), "
                f"{len(targets)} target(s)."
            )
        if weigh_steps and not self._sequential:
            raise ArgumentError(
                "bucket_by_length: weigh_steps=True needs targets that are a list of sequences. Received: targets of "
                f"type {type(targets).__name__}."
            )
        longest = self._lengths
        if self._sequential:
            self._target_lengths = lengths_of("bucket_by_length", targets)
            longest = np.maximum(longest, self._target_lengths)
        self.boundaries = _equal_shares(longest) if boundaries is None else _growing(boundaries)
        places = np.searchsorted(self.boundaries, np.minimum(longest, self.boundaries[-1]))
        self._rows = [np.flatnonzero(places == i) for i in range(len(self.boundaries))]
        self._batches: list[tuple[int, np.ndarray]] = []
        self.on_epoch_end()

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return len(self._batches)

    def on_epoch_end(self) -> None:
        """Puts the sequences of every length, and then the batches, into a new order."""
        self._batches = []
        for length, rows in zip(self.boundaries, self._rows):
            ordered = rows if self._order is None else self._order.permutation(rows)
            starts = range(0, len(ordered), self._batch_size)
            self._batches += [(length, ordered[start : start + self._batch_size]) for start in starts]
        if self._order is not None:
            self._order.shuffle(self._batches)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        length, rows = self._batches[index]
        x = self._padded(self._sequences, rows, length, self._dtype)
        if self._targets is None:
            return (x,)
        if not self._sequential:
            return x, np.asarray(self._targets)[rows]
        y = self._padded(self._targets, rows, length, np.asarray(self._targets[int(rows[0])]).dtype)
        return (x, y, self._weights(self._target_lengths[rows], length)) if self._weigh_steps else (x, y)

    def _padded(self, sequences: Any, rows: np.ndarray, length: int, dtype: Any) -> np.ndarray:
        chosen = [sequences[int(row)] for row in rows]
        return pad_sequences(chosen, length, dtype, self._padding, "post", self._value)

    def _weights(self, lengths: np.ndarray, length: int) -> np.ndarray:
        kept = np.arange(length) < lengths[:, None]
        return (kept[:, ::-1] if self._padding == "pre" else kept).astype(np.float32)


def _equal_shares(lengths: np.ndarray) -> tuple[int, ...]:
    """Lengths that divide the sequences into groups of about equal size."""
    if not len(lengths):
        return (1,)
    shares = np.quantile(lengths, np.arange(1, _BUCKETS + 1) / _BUCKETS, method="higher")
    return tuple(int(n) for n in np.unique(np.maximum(shares, 1)))


def _growing(boundaries: Sequence[int]) -> tuple[int, ...]:
    result = tuple(_count("bucket_by_length", "a boundary", b) for b in boundaries)
    if not result or any(a >= b for a, b in itertools.pairwise(result)):
        raise ArgumentError(f"bucket_by_length: boundaries must grow. Received: {list(boundaries)}.")
    return result


def _count(name: str, argument: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise ArgumentError(f"{name}: {argument} must be a whole number of at least 1. Received: {value!r}.")
    return int(value)
