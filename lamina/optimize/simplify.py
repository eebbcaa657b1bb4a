"""Rules that make a graph smaller without changing what it computes, NaN and infinity included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lamina import primitives as p
from lamina.base import dtypes
from lamina.base.dims import is_static
from lamina.graph import CONSTANT, INPUT, Node, Primitive, constant
from lamina.graph.interpreter import run_node
from lamina.optimize.contractions import widen_halves
from lamina.optimize.parts import concatenate_what_is_added, copy_what_is_concatenated, copy_what_is_padded
from lamina.optimize.rewrite import Rule

LARGEST_FOLDED = 64


def scalar_value(node: Node) -> float | int | bool | None:
    """The number that every element of `node` is, where that is known."""
    while node.primitive in (p.BROADCAST, p.RESHAPE):
        node = node.inputs[0]
    if node.primitive is CONSTANT and node.attrs["value"].value.size == 1:
        return node.attrs["value"].value.reshape(()).item()
    return None


def fold_constants(node: Node) -> Node | None:
    """Computes a node whose operands are all small constants; a broadcast stays one, which takes no memory."""
    if node.primitive in (INPUT, CONSTANT, p.BROADCAST) or not node.inputs or not is_static(node.shape):
        return None
    if node.kind in ("control", "result"):
        return None
    size = 1
    for extent in node.shape:
        size *= extent  # type: ignore[assignment]
    if size > LARGEST_FOLDED or any(n.primitive is not CONSTANT for n in node.inputs):
        return None
    values = [n.attrs["value"].value for n in node.inputs]
    return constant(run_node(node, values, {}).copy(), node.dtype)


def uniform_constant(node: Node) -> Node | None:
    """An array of one number only is that number, broadcast: it then takes no memory."""
    value = node.attrs["value"].value
    if value.size < 2:
        return None
    first = value.reshape(-1)[:1]
    if value.strides != (0,) * value.ndim and (value != first).any():
        return None
    if first != first or (
        first == 0 and node.dtype in dtypes.FLOATS and np.signbit(value).any() != np.signbit(value).all()
    ):
        return None
    return p.full(node.shape, first.item(), node.dtype)


def _neutral(side: int, number: float) -> Rule:
    """x op number (or number op x) is x."""

    def rule(node: Node) -> Node | None:
        other = node.inputs[1 - side]
        return other if scalar_value(node.inputs[side]) == number and other.dtype == node.dtype else None

    return rule


def add_zero(node: Node) -> Node | None:
    """x + 0 of integers and x + (-0.0) are x; x + 0.0 is not where x is -0.0."""
    for side in (0, 1):
        zero = scalar_value(node.inputs[side])
        if zero == 0 and (isinstance(zero, int) or math.copysign(1.0, zero) < 0):
            return node.inputs[1 - side]
    return None


def multiply_one(node: Node) -> Node | None:
    return _neutral(0, 1)(node) or _neutral(1, 1)(node)


def simple_power(node: Node) -> Node | None:
    """x**1, x**2, x**3 and x**0.5 with cheaper operations."""
    base, exponent = node.inputs[0], scalar_value(node.inputs[1])
    if exponent == 1:
        return base
    if exponent == 2:
        return p.multiply(base, base)
    if exponent == 3:
        return p.multiply(p.multiply(base, base), base)
    return None


def divide_by_number(node: Node) -> Node | None:
    """x / c is x * (1 / c) where 1 / c is exact: c is a power of two."""
    number = scalar_value(node.inputs[1])
    if not isinstance(number, float) or abs(math.frexp(number)[0]) != 0.5:
        return None
    largest = 2.0**14 if node.dtype == "float16" else 2.0**100
    if not 1 / largest <= abs(number) <= largest:
        return None
    return p.multiply(node.inputs[0], p.full(node.shape, 1.0 / number, node.dtype))


def double_negate(node: Node) -> Node | None:
    inner = node.inputs[0]
    return inner.inputs[0] if inner.primitive is p.NEGATE else None


def same_cast(node: Node) -> Node | None:
    inner = node.inputs[0]
    return inner if inner.dtype == node.dtype else None


def cast_back(node: Node) -> Node | None:
    """A half float that was widened and is rounded again is what it was."""
    inner = node.inputs[0]
    if inner.primitive is not p.CAST:
        return None
    first = inner.inputs[0]
    wide = first.dtype != dtypes.compute_dtype(first.dtype) and inner.dtype in ("float32", "float64")
    return first if wide and first.dtype == node.dtype else None


def reshape_again(node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.shape == node.shape:
        return inner
    return p.reshape(inner.inputs[0], node.shape) if inner.primitive is p.RESHAPE else None


def transpose_again(node: Node) -> Node | None:
    inner, axes = node.inputs[0], node.attrs["axes"]
    if tuple(axes) == tuple(range(inner.rank)):
        return inner
    if inner.primitive is p.TRANSPOSE:
        return p.transpose(inner.inputs[0], tuple(inner.attrs["axes"][a] for a in axes))
    return None


def broadcast_again(node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.shape == node.shape:
        return inner
    return p.broadcast(inner.inputs[0], node.shape) if inner.primitive is p.BROADCAST else None


def reduce_nothing(node: Node) -> Node | None:
    return node.inputs[0] if not node.attrs.get("axes", True) else None


def reduce_single(node: Node) -> Node | None:
    """Axes of extent 1 hold nothing to fold."""
    inner, axes = node.inputs[0], node.attrs["axes"]
    single = {a for a in axes if inner.shape[a] == 1}
    if not single or node.dtype != inner.dtype:
        return None
    kept = [a for a in range(inner.rank) if a not in single]
    rest = tuple(kept.index(a) for a in axes if a not in single)
    return _REDUCERS[node.primitive](p.reshape(inner, [inner.shape[a] for a in kept]), rest)


def reduce_transposed(node: Node) -> Node | None:
    """Folding a transposed array folds the array itself, along the axes as they lie in memory."""
    inner = node.inputs[0]
    if inner.primitive is not p.TRANSPOSE:
        return None
    order = inner.attrs["axes"]
    folded = {order[a] for a in node.attrs["axes"]}
    kept = [order[a] for a in range(inner.rank) if a not in node.attrs["axes"]]
    result = _REDUCERS[node.primitive](inner.inputs[0], tuple(sorted(folded)))
    return p.transpose(result, tuple(sorted(kept).index(a) for a in kept)) if kept != sorted(kept) else result


def known_choice(node: Node) -> Node | None:
    condition = scalar_value(node.inputs[0])
    if node.inputs[1] is node.inputs[2]:
        return node.inputs[1]
    return None if condition is None else node.inputs[1] if condition else node.inputs[2]


def pass_through(node: Node) -> Node | None:
    return node.inputs[0]


def wait_for_work(node: Node) -> Node | None:
    """Nobody waits for what is there from the beginning, nor does what is known when compiling."""
    value, *others = node.inputs
    working = list(dict.fromkeys(n for n in others if n.inputs and scalar_value(n) is None))
    if not working or value.primitive is CONSTANT or scalar_value(value) is not None:
        return value
    return None if working == others else p.after(value, working)


_REDUCERS = {
    p.REDUCE_SUM: p.reduce_sum, p.REDUCE_PROD: p.reduce_prod, p.REDUCE_MAX: p.reduce_max, p.REDUCE_MIN: p.reduce_min,
    p.REDUCE_ANY: p.reduce_any, p.REDUCE_ALL: p.reduce_all,
}  # fmt: skip

_REDUCER_RULES: Sequence[Rule] = [reduce_nothing, reduce_single, reduce_transposed]

RULES: dict[Primitive | None, Sequence[Rule]] = {
    None: [fold_constants],
    CONSTANT: [uniform_constant],
    p.AFTER: [wait_for_work],
    p.ADD: [add_zero, concatenate_what_is_added],
    p.SUBTRACT: [_neutral(1, 0)],
    p.MULTIPLY: [multiply_one],
    p.DIVIDE: [_neutral(1, 1), divide_by_number],
    p.POWER: [simple_power],
    p.NEGATE: [double_negate],
    p.CAST: [same_cast, cast_back],
    p.CONTRACT: [widen_halves],
    p.PAD: [copy_what_is_padded],
    p.CONCATENATE: [copy_what_is_concatenated],
    p.RESHAPE: [reshape_again],
    p.TRANSPOSE: [transpose_again],
    p.BROADCAST: [broadcast_again],
    p.SELECT: [known_choice],
    p.STOP_GRADIENT: [pass_through],
    **dict.fromkeys(_REDUCERS, _REDUCER_RULES),
}
