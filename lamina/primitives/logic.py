"""Primitives that compare, choose, and combine truth values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina.base import dtypes
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import (
    ANY,
    BOOLS,
    FLOATS,
    NUMBERS,
    Typed,
    binary,
    check_dtype,
    check_same_dtype,
    check_same_shape,
    unary,
)
from lamina.primitives.movement import zeros_like
from lamina.primitives.samples import EDGE_SHAPES, available, strided, values

# --- comparison: bool results, without gradient; NaN is unequal to everything -----------------------------------------

EQUAL = binary("equal", ANY, result="bool", numpy=np.equal, lower=lambda b, x, y: b.eq(x, y))


def equal(x: Node, y: Node) -> Node:
    """`x == y` as bool."""
    return apply(EQUAL, x, y)


NOT_EQUAL = binary("not_equal", ANY, result="bool", numpy=np.not_equal, lower=lambda b, x, y: b.ne(x, y))


def not_equal(x: Node, y: Node) -> Node:
    """`x != y` as bool."""
    return apply(NOT_EQUAL, x, y)


LESS = binary("less", NUMBERS, result="bool", numpy=np.less, lower=lambda b, x, y: b.lt(x, y))


def less(x: Node, y: Node) -> Node:
    """`x < y` as bool."""
    return apply(LESS, x, y)


LESS_EQUAL = binary("less_equal", NUMBERS, result="bool", numpy=np.less_equal, lower=lambda b, x, y: b.le(x, y))


def less_equal(x: Node, y: Node) -> Node:
    """`x <= y` as bool."""
    return apply(LESS_EQUAL, x, y)


GREATER = binary("greater", NUMBERS, result="bool", numpy=np.greater, lower=lambda b, x, y: b.gt(x, y))


def greater(x: Node, y: Node) -> Node:
    """`x > y` as bool."""
    return apply(GREATER, x, y)


GREATER_EQUAL = binary(
    "greater_equal", NUMBERS, result="bool", numpy=np.greater_equal, lower=lambda b, x, y: b.ge(x, y)
)


def greater_equal(x: Node, y: Node) -> Node:
    """`x >= y` as bool."""
    return apply(GREATER_EQUAL, x, y)


IS_NAN = unary("is_nan", FLOATS, result="bool", numpy=np.isnan, lower=lambda b, x: b.ne(x, x))


def is_nan(x: Node) -> Node:
    """True where `x` is not a number."""
    return apply(IS_NAN, x)


IS_FINITE = unary(
    "is_finite", FLOATS, result="bool",
    numpy=np.isfinite,
    lower=lambda b, x: b.lt(b.abs(x), b.const(float("inf"), x.dtype)),
)  # fmt: skip


def is_finite(x: Node) -> Node:
    """True where `x` is neither NaN nor an infinity."""
    return apply(IS_FINITE, x)


# --- truth values ----------------------------------------------------------------------------------------------------

LOGICAL_NOT = unary("logical_not", BOOLS, numpy=np.logical_not, lower=lambda b, x: b.bit_not(x))


def logical_not(x: Node) -> Node:
    """True where `x` is False."""
    return apply(LOGICAL_NOT, x)


LOGICAL_AND = binary("logical_and", BOOLS, numpy=np.logical_and, lower=lambda b, x, y: b.bit_and(x, y))


def logical_and(x: Node, y: Node) -> Node:
    """True where both are."""
    return apply(LOGICAL_AND, x, y)


LOGICAL_OR = binary("logical_or", BOOLS, numpy=np.logical_or, lower=lambda b, x, y: b.bit_or(x, y))


def logical_or(x: Node, y: Node) -> Node:
    """True where at least one is."""
    return apply(LOGICAL_OR, x, y)


LOGICAL_XOR = binary("logical_xor", BOOLS, numpy=np.logical_xor, lower=lambda b, x, y: b.bit_xor(x, y))


def logical_xor(x: Node, y: Node) -> Node:
    """True where exactly one is."""
    return apply(LOGICAL_XOR, x, y)


# --- select ----------------------------------------------------------------------------------------------------------


def _select_infer(condition: Typed, x: Typed, y: Typed) -> Spec:
    check_dtype("select", "condition", condition, BOOLS)
    check_same_dtype("select", ("x", "y"), (x, y))
    check_same_shape("select", ("condition", "x", "y"), (condition, x, y))
    return Spec(tuple(x.shape), x.dtype)


def _select_vjp(node: Node, g: Node) -> tuple[None, Node, Node]:
    condition, zeros = node.inputs[0], zeros_like(g)
    return None, select(condition, g, zeros), select(condition, zeros, g)


def _select_samples() -> Iterator[Sample]:
    for dtype in available(dtypes.NAMES):
        operands = values((3, 5), dtype, seed=1), values((3, 5), dtype, seed=2)
        yield Sample((values((3, 5), "bool"), *operands), {}, dtype == "float64")
    for shape in EDGE_SHAPES:
        yield Sample((values(shape, "bool"), values(shape, seed=1), values(shape, seed=2)))
    yield Sample((strided((3, 4), "bool"), strided((3, 4), seed=1), values((3, 4))))
    yield Sample((np.array([True, False]), np.array([1.0, np.nan]), np.array([np.nan, np.inf])), {}, False)


SELECT = Primitive(
    "select", "elementwise",
    infer=_select_infer,
    numpy=np.where,
    vjp=_select_vjp,
    lower=lambda b, condition, x, y: b.select(condition, x, y),
    samples=_select_samples,
)  # fmt: skip


def select(condition: Node, x: Node, y: Node) -> Node:
    """`x` where the condition holds, `y` elsewhere; a NaN that is not chosen does not show."""
    return apply(SELECT, condition, x, y)
