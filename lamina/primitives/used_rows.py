"""Primitives that change only those rows of a table that some indices name, as often as they may name them.

Three steps: for every index the first place where its number stands; the sum of all updates of one number, at that
place; and the new rows, each written once, from there. None of them passes over the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base.dims import Dimension, element_count
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import (
    INTEGERS,
    NUMBERS,
    Typed,
    check_dtype,
    check_same_dtype,
    check_shape,
    describe,
    in_float32,
)
from lamina.primitives.indexing import check_indices
from lamina.primitives.samples import available, strided, values

PLACES = "int64"


def _check_first(primitive: str, first: Typed, shape: tuple[Dimension, ...], owner: str) -> None:
    if first.dtype != PLACES or tuple(first.shape) != shape:
        raise ShapeError(
            f"{primitive}: first must be the {PLACES} that first_places gives for {owner}. Received: {describe(first)}."
        )


# --- first_places ----------------------------------------------------------------------------------------------------


def _first_places_infer(indices: Typed, *, size: Dimension) -> Spec:
    check_dtype("first_places", "indices", indices, INTEGERS)
    check_shape("first_places", "size", (size,))
    return Spec(tuple(indices.shape), PLACES)


def _first_places_numpy(indices: Any, size: int) -> Any:
    check_indices("first_places", indices, size, 0)
    _, first, number = np.unique(indices, return_index=True, return_inverse=True)
    return first[number].reshape(indices.shape).astype(PLACES)


def _index_samples() -> Iterator[Any]:
    for indices in ([1, 3, 1], [[0, 2, 0], [2, 2, 3]], 2, [0, 0], np.zeros((0,)), np.zeros((2, 0)), [3]):
        yield np.asarray(indices, np.int64)
    yield np.array([0, 9, 3, 9, 0, 9])[::2]
    yield np.array([2, 0, 2], np.uint8)


FIRST_PLACES = Primitive(
    "first_places", "scatter",
    infer=_first_places_infer,
    numpy=_first_places_numpy,
    samples=lambda: [Sample((indices,), {"size": 4}, False) for indices in _index_samples()],
)  # fmt: skip


def first_places(indices: Node, size: Dimension) -> Node:
    """For each index, the row-major place of the first one that equals it; indices are at least 0 and below `size`."""
    return apply(FIRST_PLACES, indices, size=size)


# --- first_uses ------------------------------------------------------------------------------------------------------


def _first_uses_infer(indices: Typed, *, size: Dimension) -> Spec:
    check_dtype("first_uses", "indices", indices, INTEGERS)
    check_shape("first_uses", "size", (size,))
    return Spec((size,), PLACES)


def _first_uses_numpy(indices: Any, size: int) -> Any:
    check_indices("first_uses", indices, size, 0)
    result = np.full(size, indices.size, PLACES)
    np.minimum.at(result, indices.reshape(-1).astype(PLACES), np.arange(indices.size))
    return result


FIRST_USES = Primitive(
    "first_uses", "scatter",
    infer=_first_uses_infer,
    numpy=_first_uses_numpy,
    samples=lambda: [Sample((indices,), {"size": 4}, False) for indices in _index_samples()],
)  # fmt: skip


def first_uses(indices: Node, size: Dimension) -> Node:
    """For each number below `size`, the row-major place where it first stands; how many indices there are, if none."""
    return apply(FIRST_USES, indices, size=size)


# --- sum_at_first ----------------------------------------------------------------------------------------------------


def _sum_at_first_infer(updates: Typed, first: Typed, *, spare: int) -> Spec:
    check_dtype("sum_at_first", "updates", updates, NUMBERS)
    _check_first("sum_at_first", first, tuple(updates.shape[:-1]), "the rows of updates")
    if spare not in (0, 1):
        raise ArgumentError(f"sum_at_first: spare must be 0 or 1. Received: {spare!r}.")
    shape = (element_count(first.shape) + 1, updates.shape[-1]) if spare else tuple(updates.shape)
    return Spec(shape, updates.dtype)


@in_float32
def _sums(first: Any, updates: Any, spare: int) -> Any:
    result = np.zeros((first.size + spare, updates.shape[-1]), updates.dtype)
    np.add.at(result, first.reshape(-1), updates.reshape(first.size, updates.shape[-1]))
    return result if spare else result.reshape(updates.shape)


def _sum_at_first_samples() -> Iterator[Sample]:
    for indices in _index_samples():
        first = _first_places_numpy(indices, 4)
        for spare in (0, 1):
            yield Sample((values((*indices.shape, 3)), first), {"spare": spare}, False)
    first = np.array([0, 1, 0], PLACES)
    for dtype in available(["int8", "int64", "float16", "bfloat16", "float32"]):
        yield Sample((values((3, 20), dtype), first), {"spare": 0}, False)
    yield Sample((strided((3, 4)), first), {"spare": 1}, False)


SUM_AT_FIRST = Primitive(
    "sum_at_first", "scatter",
    infer=_sum_at_first_infer,
    numpy=lambda updates, first, spare: _sums(first, updates, spare=spare),
    samples=_sum_at_first_samples,
)  # fmt: skip


def sum_at_first(updates: Node, first: Node, spare: int = 0) -> Node:
    """The sum of all rows of `updates` that have the same first place, in their order, at that place; elsewhere 0.

    Args:
        first: what `first_places` gives for as many indices as there are rows.
        spare: 1 for one more row, of zeros, at the end; the rows are then in one line, whatever the shape of `first`.
    """
    return apply(SUM_AT_FIRST, updates, first, spare=spare)


# --- replace_rows ----------------------------------------------------------------------------------------------------


def _replace_rows_infer(x: Typed, indices: Typed, first: Typed, rows: Typed) -> Spec:
    check_dtype("replace_rows", "indices", indices, INTEGERS)
    check_same_dtype("replace_rows", ("x", "rows"), (x, rows))
    _check_first("replace_rows", first, tuple(indices.shape), "indices")
    if len(x.shape) != 2 or tuple(rows.shape) != (*indices.shape, x.shape[-1]):
        raise ShapeError(
            "replace_rows: x must have 2 axes, and rows the shape of indices with the last axis of x. Received: "
            f"x {describe(x)}, indices {describe(indices)}, rows {describe(rows)}."
        )
    return Spec(tuple(x.shape), x.dtype)


def _replace_rows_numpy(x: Any, indices: Any, first: Any, rows: Any) -> Any:
    check_indices("replace_rows", indices, x.shape[0], 0)
    own = first.reshape(-1) == np.arange(first.size)
    result = np.array(x)
    result[indices.reshape(-1)[own]] = rows.reshape(first.size, x.shape[1])[own]
    return result


def _replace_rows_samples() -> Iterator[Sample]:
    for indices in _index_samples():
        first = _first_places_numpy(indices, 4)
        yield Sample((values((4, 3)), indices, first, values((*indices.shape, 3), seed=1)), {}, False)
    indices, first = np.array([2, 0, 2]), np.array([0, 1, 0], PLACES)
    for dtype in available(["bool", "int8", "float16", "bfloat16", "float64"]):
        yield Sample((values((4, 20), dtype), indices, first, values((3, 20), dtype, seed=1)), {}, False)
    yield Sample((strided((4, 3)), indices, first, strided((3, 3), seed=1)), {}, False)


REPLACE_ROWS = Primitive(
    "replace_rows", "scatter",
    infer=_replace_rows_infer,
    numpy=_replace_rows_numpy,
    samples=_replace_rows_samples,
)  # fmt: skip


def replace_rows(x: Node, indices: Node, first: Node, rows: Node) -> Node:
    """`x` with the rows that `indices` name replaced; where a number stands several times, by its first of `rows`.

    Args:
        first: what `first_places` gives for `indices`.
    """
    return apply(REPLACE_ROWS, x, indices, first, rows)
