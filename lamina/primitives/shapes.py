"""Arithmetic on shapes: counts of elements, and which index of one shape is which of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.base.dims import Dim, Dimension, Shape, divide, element_count
from lamina.base.errors import ShapeError
from lamina.primitives.declare import dimension_scalar


def same_count(a: Shape, b: Shape) -> bool:
    """Whether two shapes surely have equally many elements; dimensions that both have need not be known."""
    left, right = list(a), list(b)
    for d in a:
        if isinstance(d, Dim) and d in right:
            left.remove(d)
            right.remove(d)
    try:
        return element_count(left) == element_count(right)
    except ShapeError:
        return False


def groups(a: Shape, b: Shape) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Splits the axes of two shapes of equal count into the smallest runs that have equal counts.

    Dimensions of size 1 belong to no run. `(n, 28, 28)` and `(n, 784)` give `[([0], [0]), ([1, 2], [1])]`.
    """
    left = [k for k, d in enumerate(a) if d != 1]
    right = [k for k, d in enumerate(b) if d != 1]
    result: list[tuple[Sequence[int], Sequence[int]]] = []
    while left and right:
        run_a, run_b = [left.pop(0)], [right.pop(0)]
        count_a, count_b = a[run_a[0]], b[run_b[0]]
        while count_a != count_b:
            grow_a = _is_smaller(count_a, count_b)
            rest, run = (left, run_a) if grow_a else (right, run_b)
            if not rest:
                return _one_group(a, b)
            run.append(rest.pop(0))
            try:
                count_a, count_b = element_count(a[k] for k in run_a), element_count(b[k] for k in run_b)
            except ShapeError:
                return _one_group(a, b)
        result.append((run_a, run_b))
    return _one_group(a, b) if left or right else result


def _one_group(a: Shape, b: Shape) -> list[tuple[Sequence[int], Sequence[int]]]:
    return [(range(len(a)), range(len(b)))]


def _is_smaller(a: Dimension, b: Dimension) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    if isinstance(a, int) or isinstance(b, int):
        return isinstance(a, int)
    return divide(b, a) is not None


def linear_index(b: Any, index: Sequence[Any], sizes: Sequence[Dimension]) -> Any:
    """The place of an element in row-major order, as an int64 scalar of the builder `b`."""
    place = None
    for i, size in zip(index, sizes):
        place = i if place is None else b.add(b.mul(place, dimension_scalar(b, size)), i)
    return b.const(0, "int64") if place is None else place


def unravelled_index(b: Any, place: Any, sizes: Sequence[Dimension]) -> list[Any]:
    """The index of the element at `place` in row-major order."""
    index: list[Any] = []
    for size in reversed(sizes[1:]):
        scale = dimension_scalar(b, size)
        index.insert(0, b.rem(place, scale))
        place = b.floordiv(place, scale)
    return [place, *index] if sizes else []


def reshaped_index(b: Any, index: Sequence[Any], shape: Shape, target: Shape) -> tuple[Any, ...]:
    """The index in `target` of the element that has `index` in `shape`, both in row-major order.

    Runs of axes that keep their count are treated apart, so that an axis that stays needs no arithmetic.
    """
    result: list[Any] = [b.const(0, "int64")] * len(target)
    for run_target, run in groups(target, shape):
        place = linear_index(b, [index[k] for k in run], [shape[k] for k in run])
        for k, i in zip(run_target, unravelled_index(b, place, [target[k] for k in run_target])):
            result[k] = i
    return tuple(result)
