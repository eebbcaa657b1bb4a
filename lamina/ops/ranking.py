"""The largest elements, without sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.core import apply, cast, convert, to_float, unary
from lamina.ops.indexing import take_along_axis
from lamina.ops.logic import logical_not, where
from lamina.ops.reduction import max, sum
from lamina.ops.shaping import expand_dims, squeeze, stack
from lamina.tensor.tensor import Tensor


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether the prediction of a target is among the `k` largest of its row; ties count as being among them.

    Args:
        targets: labels, of shape (batch,).
        predictions: of shape (batch, classes).
    """
    x = to_float(predictions)
    labels = cast(convert(targets), "int64")
    score = take_along_axis(x, expand_dims(labels, -1), -1)
    larger = sum(cast(x > score, "int32"), -1)
    return (larger < k) & unary(P.IS_FINITE, squeeze(score, -1))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements along the last axis, and their places as int32; found one after the other.

    Args:
        k: meant to be small: the time grows with it.
        sorted: the result is in falling order in any case; of equal elements the first comes first.
    """
    x = convert(x)
    if not x.dims:
        raise ShapeError("top_k: expected a tensor of rank 1 or more. Received: a scalar.")
    size, last = x.dims[-1], len(x.dims) - 1
    if k < 1 or (isinstance(size, int) and k > size):
        raise ArgumentError(f"top_k: k must lie from 1 to {size}, the size of the last axis. Received: {k}.")
    low = float("-inf") if dtypes.is_float(x.dtype) else int(np.iinfo(x.dtype).min)
    places = apply(P.IOTA, shape=tuple(x.dims), dtype="int64", axis=last)
    free: Any = places >= 0
    chosen = []
    for _ in range(k):
        rest = where(free, x, low)
        best = (rest >= max(rest, -1, keepdims=True)) & free
        chosen.append(apply(P.ARGMAX, cast(best, "uint8"), axis=last))
        free = free & logical_not(places == expand_dims(chosen[-1], -1))
    index = stack(chosen, -1)
    return apply(P.TAKE_ALONG_AXIS, x, index, axis=last), cast(index, "int32")  # type: ignore[return-value]


__all__ = ["in_top_k", "top_k"]
