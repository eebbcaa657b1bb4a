"""Connectionist temporal classification: the loss of unaligned labels, and the decoding of what was learnt so.

Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification, 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import Dimension, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.control import scan
from lamina.ops.core import Operand, apply, broadcast_to, cast, convert, stop_gradient, to_float, unary
from lamina.ops.creation import full
from lamina.ops.elementwise import maximum
from lamina.ops.indexing import take_along_axis
from lamina.ops.logic import logical_and, where
from lamina.ops.prefix_search import prefix_search
from lamina.ops.reduction import argmax, cumsum, logsumexp, max, sum
from lamina.ops.shaping import concatenate, expand_dims, pad, reshape, squeeze, stack, transpose
from lamina.ops.traced_prefix_search import traced_prefix_search
from lamina.tensor.dispatch import is_symbolic
from lamina.tensor.tensor import Tensor

__all__ = ["ctc_decode", "ctc_loss"]

# The logarithm of the chance of what cannot be: so low that no sum of others reaches it, and finite, so that
# differences of two of them are 0 and not NaN.
_NEVER = -1e30
_UNLIKELY = -1e20


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Tensor:
    """`-log` of the chance that a sequence of labels is read off, whenever each label may come.

    A reading has a class for each step; repeated classes count once, and the blank class not at all. The chances of
    all readings of the labels are summed by the forward recursion over steps, in logarithms.

    Args:
        target: labels, whole numbers `(batch, labels)`; what follows `target_length` may be anything.
        output: logits `(batch, steps, classes)`.
        target_length: how many labels each sample has, `(batch,)`.
        output_length: how many steps each sample has, `(batch,)`.
        mask_index: the class that is the blank; 0.

    Returns:
        `(batch,)`, of the dtype of the logits, at least float32. Infinity, with a gradient of 0, where there are too
        few steps for the labels.

    Raises:
        ArgumentError: if labels or lengths are not whole numbers, or `mask_index` is no class.
        ShapeError: if the shapes do not fit together.
    """
    x = _logits("ctc_loss: output", output)
    length = _whole("output_length", output_length, 1)
    steps = apply(P.IOTA, shape=(1, x.dims[1]), dtype="int64", axis=1) < expand_dims(length, -1)
    return ctc_loss_of_steps(target, x, target_length, steps, mask_index)


def ctc_loss_of_steps(target: Any, output: Any, target_length: Any, steps: Any, mask_index: int = 0) -> Tensor:
    """As `ctc_loss`, with bools `(batch, steps)` that say which steps there are, in place of their number."""
    x = _logits("ctc_loss: output", output)
    classes = x.dims[2]
    if isinstance(mask_index, bool) or not isinstance(mask_index, int) or not 0 <= mask_index < _known(classes):
        raise ArgumentError(f"ctc_loss: mask_index must be a class from 0 to {classes} - 1. Received: {mask_index!r}.")
    labels = _whole("target", target, 2)
    if labels.dims[1] == 0:
        labels = full((labels.dims[0], 1), mask_index, dtype="int64")
    if labels.dims[0] != x.dims[0]:
        raise ShapeError(
            f"ctc_loss: target and output must have one batch size. Received: target {format_shape(labels.dims)}, "
            f"output {format_shape(x.dims)}."
        )
    length = expand_dims(_whole("target_length", target_length, 1), -1)
    places = apply(P.IOTA, shape=(1, labels.dims[1]), dtype="int64", axis=1)
    labels = where(places < length, labels, mask_index)
    there = transpose(convert(steps, "bool"), (1, 0))
    return _losses(x, labels, length, there, mask_index)


def _losses(x: Operand, labels: Any, length: Any, there: Any, blank: int) -> Any:
    """The losses; what the states are: a blank, the first label, a blank, the second label, ..., a blank."""
    batch, count = labels.dims
    blanks = full((batch, count), blank, dtype="int64")
    states = reshape(stack([blanks, labels], -1), (batch, 2 * count))
    states = concatenate([states, blanks[:, :1]], 1)
    never = full((batch, 1), False, dtype="bool")
    # A label may follow another one without a blank between them, unless they are equal.
    follows = concatenate([never, labels[:, 1:] != labels[:, :-1]], 1)
    follows = reshape(stack([broadcast_to(never, (batch, count)), follows], -1), (batch, 2 * count))
    follows = concatenate([follows, never], 1)

    wide = broadcast_to(expand_dims(states, 1), (batch, x.dims[1], 2 * count + 1))
    chances = take_along_axis(x, wide, 2) - logsumexp(x, 2, keepdims=True)
    chances = transpose(maximum(chances, _UNLIKELY), (1, 0, 2))

    def step(before: Any, entry: Any) -> tuple[Any, None]:
        chance, here = entry
        one = pad(before[:, :-1], ((0, 0), (1, 0)), constant_values=_NEVER)
        two = where(follows, pad(before[:, :-2], ((0, 0), (2, 0)), constant_values=_NEVER), _NEVER)
        # The shift cancels out of the value, and so out of the gradient.
        top = stop_gradient(maximum(maximum(before, one), two))
        total = unary(P.EXP, before - top) + unary(P.EXP, one - top) + unary(P.EXP, two - top)
        return where(expand_dims(here, -1), top + unary(P.LOG, total) + chance, before), None

    numbers = apply(P.IOTA, shape=(1, 2 * count + 1), dtype="int64", axis=1)
    begin = broadcast_to(where(numbers == 0, convert(0.0, x.dtype), convert(_NEVER, x.dtype)), (batch, 2 * count + 1))
    ended, _ = scan(step, begin, (chances, there))
    last = take_along_axis(ended, 2 * length, 1)
    label = where(length > 0, take_along_axis(ended, maximum(2 * length - 1, 0), 1), _NEVER)
    total = squeeze(logsumexp(concatenate([last, label], 1), 1, keepdims=True), -1)
    return where(total > 0.1 * _NEVER, -total, convert(float("inf"), x.dtype))


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The labels that a model trained with `ctc_loss` reads off.

    Args:
        inputs: logits `(batch, steps, classes)`.
        sequence_lengths: how many steps each sample has, `(batch,)`.
        strategy: `"greedy"` (default) reads the best class of each step; `"beam_search"` looks for the most likely
            labels, summing over all of their readings that it keeps.
        beam_width: how many beginnings of labels the search keeps; 100.
        top_paths: how many results the search gives for each sample, the best first; 1.
        merge_repeated: whether repeated classes count once, in greedy reading; True.
        mask_index: the class that is the blank; 0.

    Returns:
        Labels `(1 or top_paths, batch, steps)`, int32, with -1 after the last one. And `(batch, 1)`: less the sum of
        the best logits, for greedy reading; or `(batch, top_paths)`: the logarithm of the chance of each result.

    Raises:
        ArgumentError: if an argument is not of these.
    """
    x = _logits("ctc_decode: inputs", inputs)
    length = _whole("sequence_lengths", sequence_lengths, 1, "ctc_decode")
    if strategy == "greedy":
        return _greedy(x, length, merge_repeated, mask_index)
    if strategy != "beam_search":
        raise ArgumentError(f"ctc_decode: strategy must be 'greedy' or 'beam_search'. Received: {strategy!r}.")
    for name, number in (("beam_width", beam_width), ("top_paths", top_paths)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ArgumentError(f"ctc_decode: {name} must be a whole number of at least 1. Received: {number!r}.")
    if top_paths > beam_width:
        raise ArgumentError(f"ctc_decode: top_paths={top_paths} must not be more than beam_width={beam_width}.")
    classes = x.dims[2]
    if not isinstance(classes, int):
        raise ShapeError("ctc_decode: beam search needs a known number of classes. Received: an unknown one.")
    if isinstance(mask_index, bool) or not isinstance(mask_index, int) or not 0 <= mask_index < classes:
        raise ArgumentError(
            f"ctc_decode: mask_index must be a class from 0 to {classes - 1}. Received: {mask_index!r}."
        )
    logs: Any = x - logsumexp(x, 2, keepdims=True)
    if is_symbolic((x, length)):
        return traced_prefix_search(logs, length, beam_width, top_paths, mask_index)
    paths, scores = prefix_search(np.asarray(logs), np.asarray(length), beam_width, top_paths, mask_index)
    return Tensor(paths), Tensor(scores)


def _greedy(x: Operand, length: Any, merge: bool, blank: int) -> tuple[Tensor, Tensor]:
    steps = x.dims[1]
    numbers = apply(P.IOTA, shape=(1, steps), dtype="int64", axis=1)
    there = numbers < expand_dims(length, -1)
    best = where(there, cast(argmax(x, -1), "int64"), blank)
    kept = best != blank
    if merge:
        before = pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        kept = logical_and(kept, best != before)
    # The number of labels before each tells its place; a place holds the one label that is for it, or -1.
    place = cumsum(cast(kept, "int64"), 1) - 1
    wanted = logical_and(expand_dims(kept, 1), expand_dims(place, 1) == expand_dims(numbers, -1))
    labels = max(where(wanted, expand_dims(best, 1), -1), -1)
    score = -sum(where(there, max(x, -1), 0.0), 1, keepdims=True)
    return cast(expand_dims(labels, 0), "int32"), score  # type: ignore[return-value]


def _logits(what: str, value: Any) -> Any:
    """Logits of at least 32 bits; raises ShapeError unless they have three axes."""
    x = to_float(value)
    if len(x.dims) != 3:
        raise ShapeError(
            f"{what} must be logits of shape (batch, steps, classes). Received: shape {format_shape(x.dims)}."
        )
    return cast(x, "float32") if x.dtype in ("float16", "bfloat16") else x


def _known(classes: Dimension) -> float:
    return classes if isinstance(classes, int) else float("inf")


def _whole(argument: str, value: Any, rank: int, name: str = "ctc_loss") -> Any:
    """Whole numbers as int64, of a rank."""
    x = convert(value)
    if dtypes.is_float(x.dtype) or x.dtype == "bool":
        raise ArgumentError(f"{name}: {argument} must be whole numbers. Received: {x.dtype}.")
    if len(x.dims) != rank:
        wanted = "(batch, labels)" if rank == 2 else "(batch,)"
        raise ShapeError(f"{name}: {argument} must have the shape {wanted}. Received: {format_shape(x.dims)}.")
    return cast(x, "int64")
