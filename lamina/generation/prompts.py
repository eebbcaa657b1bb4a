"""Prompts as arrays: rows of whole numbers, padded to one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.layers.dense import positive_integer
from lamina.tensor import Tensor


class Prompts(NamedTuple):
    """Prompts.

    Attributes:
        tokens: `(batch, max_length)`: the prompts, then padding; int32.
        lengths: `(batch,)`: of the prompts; int32.
        shortest: the least of them.
        single: whether a single prompt was given, without an axis for the batch.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    shortest: int
    single: bool

    def begun(self, steps: int) -> np.ndarray:
        """`(batch, steps)`: the first tokens."""
        return np.ascontiguousarray(self.tokens[:, :steps])


def prepared(prompts: Any, max_length: Any, pad: int, vocabulary_size: int | None = None) -> Prompts:
    """Prompts, checked and padded.

    Args:
        prompts: tokens `(batch, steps)`; a list of prompts of any lengths; one prompt; or a dict with `"token_ids"`
            and `"padding_mask"`, both `(batch, steps)`, the mask False where there is padding at the end.
        vocabulary_size: how many different tokens there are, to check them; any number when None.

    Raises:
        DataError: if there are none, one is empty, or they are no whole numbers (below `vocabulary_size`).
        ArgumentError: if one is longer than `max_length`.
    """
    most = positive_integer("generate", "max_length", max_length)
    rows, single = _rows(prompts)
    lengths = np.array([len(row) for row in rows], np.int32)
    if not len(rows) or not lengths.min():
        raise DataError(
            "generate: every prompt needs at least one token to begin with, such as a start token. Received: "
            + ("no prompts." if not len(rows) else f"an empty prompt at position {int(lengths.argmin())}.")
        )
    check_room(most, int(lengths.max()), int(lengths.argmax()))
    tokens = np.full((len(rows), most), pad, np.int32)
    for place, row in enumerate(rows):
        _check(row, place, vocabulary_size)
        tokens[place, : len(row)] = row
    return Prompts(tokens, lengths, int(lengths.min()), single)


def check_room(max_length: int, steps: Any, place: int = 0) -> None:
    """Raises ArgumentError if a prompt of so many steps, which may be unknown, is surely too long."""
    if isinstance(steps, int) and steps > max_length:
        raise ArgumentError(
            f"generate: max_length={max_length} counts the prompt too, and prompt {place} has {steps} tokens. Give a "
            "larger max_length, or cut the prompt."
        )


def _rows(prompts: Any) -> tuple[Sequence[np.ndarray], bool]:
    """The prompts one by one, and whether there was no axis for the batch."""
    if isinstance(prompts, dict):
        return _unpadded(prompts), False
    if isinstance(prompts, Tensor):
        prompts = prompts.numpy()
    if isinstance(prompts, (list, tuple)):
        if not prompts:
            return [], False
        if any(np.ndim(row) == 1 for row in prompts):
            return [_array(row) for row in prompts], False
        prompts = _array(prompts)
    array = _array(prompts)
    if array.ndim not in (1, 2):
        raise DataError(
            f"generate: prompts must be tokens (batch, steps), or a list of prompts. Received: shape {array.shape}."
        )
    return ([array], True) if array.ndim == 1 else (list(array), False)


def _array(row: Any) -> np.ndarray:
    array = np.asarray(row.numpy() if isinstance(row, Tensor) else row)
    if array.size and array.dtype.kind not in "iu":
        raise DataError(
            f"generate: prompts must be whole numbers, the tokens. Received: {array.dtype}. Turn texts into tokens."
        )
    return array


def _unpadded(prompts: dict[str, Any]) -> list[np.ndarray]:
    if set(prompts) != {"token_ids", "padding_mask"}:
        raise DataError(
            f"generate: a dict of prompts needs 'token_ids' and 'padding_mask'. Received: {sorted(prompts)}."
        )
    tokens, mask = np.atleast_2d(_array(prompts["token_ids"])), np.atleast_2d(np.asarray(prompts["padding_mask"], bool))
    lengths = mask.sum(axis=1)
    if tokens.shape != mask.shape or (mask != (np.arange(mask.shape[1]) < lengths[:, None])).any():
        raise DataError(
            "generate: padding_mask must have the shape of token_ids, with padding only at the end of rows. Received: "
            f"shapes {tokens.shape} and {mask.shape}."
        )
    return [row[:n] for row, n in zip(tokens, lengths)]


def _check(row: np.ndarray, place: int, vocabulary_size: int | None) -> None:
    if vocabulary_size is not None and (row.min() < 0 or row.max() >= vocabulary_size):
        raise DataError(
            f"generate: tokens must lie from 0 to {vocabulary_size - 1}. Received: {row.min()} to {row.max()} in "
            f"prompt {place}."
        )
