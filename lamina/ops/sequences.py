"""What sequences of tokens need: rows of a table by number, and masks by length."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, IndexRangeError
from lamina.ops.core import Operand, apply, cast, convert
from lamina.ops.creation import arange
from lamina.ops.shaping import expand_dims
from lamina.tensor.arithmetic import less
from lamina.tensor.tensor import Tensor


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Tensor:
    """Which steps of padded sequences are real: `sequence_mask([1, 3], 3)` is `[[1, 0, 0], [1, 1, 1]]`.

    Args:
        lengths: whole numbers of any shape.
        maxlen: the number of steps, an int or a dimension; the largest length when None, which must be known.
        dtype: `"bool"`; a float or integer for weights.

    Returns:
        The shape of `lengths` with an axis of `maxlen` steps at the end.

    Raises:
        ArgumentError: if the lengths are not whole numbers, or `maxlen` is None while tracing.
    """
    x = convert(lengths)
    if dtypes.is_float(x.dtype) or x.dtype == "bool":
        raise ArgumentError(f"sequence_mask: lengths must be whole numbers. Received: {x.dtype}.")
    if maxlen is None:
        if x._array is None:
            raise ArgumentError("sequence_mask: maxlen is needed where the lengths are not known yet, while tracing.")
        maxlen = int(x._array.max(initial=0))
    steps = arange(maxlen if isinstance(maxlen, Dim) else int(maxlen), dtype="int64")
    return cast(less(steps, expand_dims(cast(x, "int64"), -1)), dtypes.canonical(dtype))  # type: ignore[return-value]


def lookup(owner: str, table: Operand, numbers: Any) -> Tensor:
    """Rows of a table, for whole numbers of any shape; unlike with `take`, negative ones are an error.

    Args:
        owner: how messages call who asks.

    Raises:
        IndexRangeError: if a number is negative or not below the number of rows; in a program, when it runs.
    """
    x = convert(numbers)
    if x.dtype not in ("int32", "int64"):
        x = cast(x, "int32")
    if x._array is not None:
        _check(owner, x._array, table.dims[0])
    return apply(P.TAKE, table, x, axis=0)


def _check(owner: str, numbers: np.ndarray, rows: Any) -> None:
    wrong = (numbers < 0) | (numbers >= rows)
    if np.any(wrong):
        place = np.argwhere(wrong)[0].tolist()
        first = numbers[tuple(place)]
        advice = "Padding must be a number of its own, such as 0." if first < 0 else f"Make it for {first + 1} or more."
        raise IndexRangeError(
            f"{owner}: its numbers must be at least 0 and below {rows} (input_dim). Received: {first}"
            + (f", at {place}. {advice}" if place else f". {advice}"),
            int(first),
            int(rows),
            tuple(place),
        )
