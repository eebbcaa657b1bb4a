"""Primitives that fold along an axis and keep every partial result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import NUMBERS, Typed, check_axis, check_dtype, in_float32
from lamina.primitives.samples import available, strided, values


def _cumulative_sum_infer(x: Typed, *, axis: int, reverse: bool, exclusive: bool) -> Spec:
    check_dtype("cumulative_sum", "x", x, NUMBERS)
    check_axis("cumulative_sum", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _cumulative_sum_numpy(x: Any, axis: int, reverse: bool, exclusive: bool) -> Any:
    ordered = np.flip(x, axis) if reverse else x
    if exclusive:
        line = np.moveaxis(ordered, axis, 0)
        ordered = np.moveaxis(np.concatenate([np.zeros_like(line[:1]), line[:-1]]), 0, axis)
    sums = np.cumsum(ordered, axis, dtype=x.dtype)
    return np.flip(sums, axis) if reverse else sums


def _cumulative_sum_vjp(node: Node, g: Node) -> tuple[Node]:
    attrs = node.attrs
    return (cumulative_sum(g, attrs["axis"], not attrs["reverse"], attrs["exclusive"]),)


def _cumulative_sum_samples() -> Iterator[Sample]:
    plain = {"axis": 0, "reverse": False, "exclusive": False}
    for reverse in (False, True):
        for exclusive in (False, True):
            for shape, axis in [((5,), 0), ((3, 4), 1), ((3, 4), 0), ((1,), 0), ((0, 3), 0), ((2, 0), 1)]:
                yield Sample((values(shape),), {"axis": axis, "reverse": reverse, "exclusive": exclusive})
    for dtype in available(["int8", "uint8", "int64", "float16", "bfloat16", "float32"]):
        yield Sample((values((7,), dtype, -9, 9),), plain, False)
    yield Sample((np.array([1.0, np.inf, np.nan, 2.0]),), {**plain, "exclusive": True}, False)
    yield Sample((strided((3, 4)),), {**plain, "axis": 1})


CUMULATIVE_SUM = Primitive(
    "cumulative_sum", "cumulative",
    infer=_cumulative_sum_infer,
    numpy=in_float32(_cumulative_sum_numpy),
    vjp=_cumulative_sum_vjp,
    lower=lambda b, accumulator, x: b.add(accumulator, x),
    identity=lambda dtype: 0,
    samples=_cumulative_sum_samples,
)  # fmt: skip


def cumulative_sum(x: Node, axis: int, reverse: bool = False, exclusive: bool = False) -> Node:
    """Sums of the elements up to each one along an axis, in the dtype of `x`.

    Args:
        reverse: sums from the end instead.
        exclusive: leaves the element itself out.
    """
    return apply(CUMULATIVE_SUM, x, axis=axis, reverse=bool(reverse), exclusive=bool(exclusive))
