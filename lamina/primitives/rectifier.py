"""The rectifier: what is positive, up to a ceiling.

It is a primitive and not a choice between `x` and 0 because its gradient can be told from its result: a network then
need not keep what it rectified.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.graph import Node, Primitive, Sample, apply
from lamina.primitives.declare import NUMBERS, elementwise_infer, in_float32
from lamina.primitives.logic import greater, less, logical_and, select
from lamina.primitives.movement import full_like, zeros_like
from lamina.primitives.samples import available, strided, values


def _numpy(x: Any, ceiling: float | None) -> Any:
    return np.clip(x, 0, ceiling).astype(x.dtype)


def _lower(b: Any, x: Any, ceiling: float | None) -> Any:
    # Comparisons that are false for NaN, which so passes.
    zero = b.const(0, x.dtype)
    positive = b.select(b.le(x, zero), zero, x)
    if ceiling is None:
        return positive
    top = b.const(ceiling, x.dtype)
    return b.select(b.ge(positive, top), top, positive)


def _vjp(node: Node, g: Node) -> tuple[Node]:
    passes = greater(node, full_like(node, 0))
    if node.attrs["ceiling"] is not None:
        passes = logical_and(passes, less(node, full_like(node, node.attrs["ceiling"])))
    return (select(passes, g, zeros_like(g)),)


def _samples() -> Iterator[Sample]:
    for ceiling in (None, 1.0):
        yield Sample((values((3, 5)),), {"ceiling": ceiling})
        yield Sample((np.array([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf], "float32"),), {"ceiling": ceiling}, False)
        yield Sample((values((0, 2)),), {"ceiling": ceiling})
    yield Sample((strided((3, 4)),), {"ceiling": None})
    yield Sample((values((1,)),), {"ceiling": None})
    for dtype in available(["int8", "int32", "uint8", "float16", "bfloat16"]):
        yield Sample((values((7,), dtype),), {"ceiling": 3}, False)


_infer = elementwise_infer("relu", ("x",), NUMBERS)

RELU = Primitive(
    "relu", "elementwise",
    infer=lambda x, ceiling: _infer(x),
    numpy=in_float32(_numpy),
    lower=_lower,
    vjp=_vjp,
    samples=_samples,
)  # fmt: skip


def relu(x: Node, ceiling: float | None = None) -> Node:
    """`max(x, 0)`, and not more than `ceiling`; NaN stays NaN. At 0 and at the ceiling the gradient is 0."""
    return apply(RELU, x, ceiling=ceiling)
