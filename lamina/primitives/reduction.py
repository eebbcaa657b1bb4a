"""Primitives that fold axes away with an associative function; the axes do not stay, not even with size 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import element_count, format_shape
from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.arithmetic import divide, multiply
from lamina.primitives.conversion import cast
from lamina.primitives.cutting import pad, slice
from lamina.primitives.declare import (
    BOOLS,
    NUMBERS,
    Accepted,
    Typed,
    check_axes,
    check_axis,
    check_dtype,
    in_float32,
)
from lamina.primitives.indexing import iota
from lamina.primitives.logic import equal, is_nan, logical_or, select
from lamina.primitives.movement import (
    broadcast_in_dim,
    full_like,
    ones_like,
    reshape,
    reverse,
    transpose,
    zeros_like,
)
from lamina.primitives.samples import available, specials, strided, values


def lowest(dtype: str) -> Any:
    """The least value of a dtype: -inf for floats."""
    return float("-inf") if dtypes.is_float(dtype) else int(np.iinfo(dtype).min)


def highest(dtype: str) -> Any:
    """The greatest value of a dtype: inf for floats."""
    return float("inf") if dtypes.is_float(dtype) else int(np.iinfo(dtype).max)


def _kept(x: Node, axes: Sequence[int]) -> list[int]:
    return [axis for axis in range(x.rank) if axis not in axes]


def _spread(reduced: Node, x: Node, axes: Sequence[int]) -> Node:
    """A reduced value at every element of `x` that it came from."""
    return broadcast_in_dim(reduced, x.shape, _kept(x, axes))


def _reduction(
    name: str,
    accepted: Accepted,
    *,
    numpy: Callable[..., Any],
    lower: Callable[..., Any],
    identity: Callable[[str], Any],
    vjp: Callable[..., Any] | None = None,
    of_nothing: bool = True,
) -> Primitive:
    """Declares a fold. `of_nothing` tells whether an axis of size 0 has a result, the identity."""

    def infer(x: Typed, *, axes: tuple[int, ...]) -> Spec:
        check_dtype(name, "x", x, accepted)
        check_axes(name, axes, len(x.shape))
        if not of_nothing:
            _check_not_empty(name, x, axes)
        return Spec(tuple(size for axis, size in enumerate(x.shape) if axis not in axes), x.dtype)

    return Primitive(
        name, "reduce",
        infer=infer, numpy=in_float32(numpy), lower=lower, identity=identity, vjp=vjp,
        samples=lambda: _samples(accepted, of_nothing),
    )  # fmt: skip


def _check_not_empty(name: str, x: Typed, axes: Iterable[int]) -> None:
    if any(x.shape[axis] == 0 for axis in axes):
        raise ShapeError(f"{name}: the axes to reduce must not have size 0. Received: x of {format_shape(x.shape)}.")


def _samples(accepted: Accepted, of_nothing: bool) -> Iterator[Sample]:
    found = available(accepted.names)
    for dtype in found:
        yield Sample((values((3, 5), dtype),), {"axes": (1,)})
        yield Sample((specials(dtype),), {"axes": (0,)}, False)
        yield Sample((specials(dtype)[:, None],), {"axes": (1,)}, False)
    for shape, axes in [((3, 4), (0,)), ((3, 4), (0, 1)), ((2, 3, 4), (0, 2)), ((), ()), ((1,), (0,)), ((3,), ())]:
        yield Sample((values(shape, found[-1]),), {"axes": axes})
    yield Sample((values((0, 3), found[-1]),), {"axes": (1,)})
    if of_nothing:
        yield Sample((values((0, 3), found[-1]),), {"axes": (0,)})
    yield Sample((strided((3, 4), found[-1]),), {"axes": (1,)})


# --- sum and product -------------------------------------------------------------------------------------------------

REDUCE_SUM = _reduction(
    "reduce_sum", NUMBERS,
    numpy=lambda x, axes: np.sum(x, axes, dtype=x.dtype),
    lower=lambda b, accumulator, x: b.add(accumulator, x),
    identity=lambda dtype: 0,
    vjp=lambda node, g: (_spread(g, node.inputs[0], node.attrs["axes"]),),
)  # fmt: skip


def reduce_sum(x: Node, axes: Sequence[int]) -> Node:
    """The sum over axes, in the dtype of `x`; half floats are summed in float32."""
    return apply(REDUCE_SUM, x, axes=tuple(sorted(axes))) if axes else x


def _product_vjp(node: Node, g: Node) -> tuple[Node]:
    x, axes = node.inputs[0], node.attrs["axes"]
    others = _others_product(x, axes) if _is_known(x, axes) else _others_quotient(node)
    return (multiply(_spread(g, x, axes), others),)


def _is_known(x: Node, axes: Sequence[int]) -> bool:
    return all(isinstance(x.shape[axis], int) for axis in axes)


def _others_product(x: Node, axes: Sequence[int]) -> Node:
    """For each element the product of the others: of those before it, times of those after it. Exact at zeros."""
    order = [*_kept(x, axes), *axes]
    moved = transpose(x, order)
    count = element_count(x.shape[axis] for axis in axes)
    lines = reshape(moved, (*moved.shape[: x.rank - len(axes)], count))
    after = reverse(_product_before(reverse(lines, (lines.rank - 1,))), (lines.rank - 1,))
    others = reshape(multiply(_product_before(lines), after), moved.shape)
    return transpose(others, [order.index(axis) for axis in range(x.rank)])


def _product_before(lines: Node) -> Node:
    """The product of all earlier elements along the last axis; doubles the reach of each partial product a step."""
    count = lines.shape[-1]
    assert isinstance(count, int)
    result, reach = _shifted(lines, 1), 1
    while reach < count:
        result = multiply(result, _shifted(result, reach))
        reach *= 2
    return result


def _shifted(lines: Node, by: int) -> Node:
    """Moves elements towards the end of the last axis, with ones behind."""
    none = [0] * (lines.rank - 1)
    return slice(pad(lines, (*none, by), (*none, 0), 1), [0] * lines.rank, lines.shape)


def _others_quotient(node: Node) -> Node:
    """The same where the number of elements is unknown: the product divided by the element, with zeros kept apart."""
    x, axes = node.inputs[0], node.attrs["axes"]
    is_zero = equal(x, zeros_like(x))
    rest = reduce_prod(select(is_zero, ones_like(x), x), axes)
    zeros = _spread(reduce_sum(cast(is_zero, x.dtype), axes), x, axes)
    rest, nothing = _spread(rest, x, axes), zeros_like(x)
    at_zero = select(equal(zeros, ones_like(x)), rest, nothing)
    elsewhere = select(equal(zeros, nothing), divide(rest, select(is_zero, ones_like(x), x)), nothing)
    return select(is_zero, at_zero, elsewhere)


REDUCE_PROD = _reduction(
    "reduce_prod", NUMBERS,
    numpy=lambda x, axes: np.prod(x, axes, dtype=x.dtype),
    lower=lambda b, accumulator, x: b.mul(accumulator, x),
    identity=lambda dtype: 1,
    vjp=_product_vjp,
)  # fmt: skip


def reduce_prod(x: Node, axes: Sequence[int]) -> Node:
    """The product over axes, in the dtype of `x`; its gradient is exact where elements are 0."""
    return apply(REDUCE_PROD, x, axes=tuple(sorted(axes))) if axes else x


# --- extremes --------------------------------------------------------------------------------------------------------


def _extreme_vjp(node: Node, g: Node) -> tuple[Node]:
    """Elements that equal the result share the gradient equally."""
    x, axes = node.inputs[0], node.attrs["axes"]
    hit = cast(equal(x, _spread(node, x, axes)), g.dtype)
    share = divide(g, reduce_sum(hit, axes))
    return (multiply(hit, _spread(share, x, axes)),)


REDUCE_MAX = _reduction(
    "reduce_max", NUMBERS, of_nothing=False,
    numpy=lambda x, axes: np.max(x, axes, initial=lowest(x.dtype.name)),
    lower=lambda b, accumulator, x: b.max(accumulator, x),
    identity=lowest,
    vjp=_extreme_vjp,
)  # fmt: skip


def reduce_max(x: Node, axes: Sequence[int]) -> Node:
    """The largest over axes; NaN where any is NaN. Equal elements share the gradient."""
    return apply(REDUCE_MAX, x, axes=tuple(sorted(axes))) if axes else x


REDUCE_MIN = _reduction(
    "reduce_min", NUMBERS, of_nothing=False,
    numpy=lambda x, axes: np.min(x, axes, initial=highest(x.dtype.name)),
    lower=lambda b, accumulator, x: b.min(accumulator, x),
    identity=highest,
    vjp=_extreme_vjp,
)  # fmt: skip


def reduce_min(x: Node, axes: Sequence[int]) -> Node:
    """The smallest over axes; NaN where any is NaN. Equal elements share the gradient."""
    return apply(REDUCE_MIN, x, axes=tuple(sorted(axes))) if axes else x


# --- truth values ----------------------------------------------------------------------------------------------------

REDUCE_ANY = _reduction(
    "reduce_any", BOOLS,
    numpy=lambda x, axes: np.any(x, axes),
    lower=lambda b, accumulator, x: b.bit_or(accumulator, x),
    identity=lambda dtype: False,
)  # fmt: skip


def reduce_any(x: Node, axes: Sequence[int]) -> Node:
    """True where at least one element over the axes is."""
    return apply(REDUCE_ANY, x, axes=tuple(sorted(axes))) if axes else x


REDUCE_ALL = _reduction(
    "reduce_all", BOOLS,
    numpy=lambda x, axes: np.all(x, axes),
    lower=lambda b, accumulator, x: b.bit_and(accumulator, x),
    identity=lambda dtype: True,
)  # fmt: skip


def reduce_all(x: Node, axes: Sequence[int]) -> Node:
    """True where every element over the axes is."""
    return apply(REDUCE_ALL, x, axes=tuple(sorted(axes))) if axes else x


# --- places of extremes ----------------------------------------------------------------------------------------------


def _place_of(extreme: Callable[[Node, Sequence[int]], Node]) -> Callable[[Node], Node]:
    """The least place whose element equals the extreme, where NaN counts as equal."""

    def expand(node: Node) -> Node:
        x, axis = node.inputs[0], node.attrs["axis"]
        hit = equal(x, _spread(extreme(x, (axis,)), x, (axis,)))
        if dtypes.is_float(x.dtype):
            hit = logical_or(hit, is_nan(x))
        places = iota(x.shape, "int64", axis)
        return reduce_min(select(hit, places, full_like(places, highest("int64"))), (axis,))

    return expand


def _place(name: str, numpy: Callable[..., Any], extreme: Callable[[Node, Sequence[int]], Node]) -> Primitive:
    """Declares `argmax` or `argmin`."""

    def infer(x: Typed, *, axis: int) -> Spec:
        check_dtype(name, "x", x, NUMBERS)
        check_axis(name, axis, len(x.shape))
        _check_not_empty(name, x, (axis,))
        return Spec((*x.shape[:axis], *x.shape[axis + 1 :]), "int64")

    return Primitive(
        name, "reduce", infer=infer, numpy=in_float32(numpy), expand=_place_of(extreme), samples=_place_samples
    )


def _place_samples() -> Iterator[Sample]:
    for dtype in available(NUMBERS.names):
        yield Sample((values((3, 5), dtype),), {"axis": 1}, False)
        yield Sample((specials(dtype),), {"axis": 0}, False)
    for shape, axis in [((3, 4), 0), ((1,), 0), ((0, 3), 1), ((2, 3, 4), 1)]:
        yield Sample((values(shape),), {"axis": axis}, False)
    yield Sample((np.array([[1.0, 2, 2], [np.nan, 5, np.nan], [3, np.nan, 4]]),), {"axis": 1}, False)
    yield Sample((strided((3, 4)),), {"axis": 1}, False)


ARGMAX = _place("argmax", lambda x, axis: np.argmax(x, axis), lambda x, axes: reduce_max(x, axes))


def argmax(x: Node, axis: int) -> Node:
    """The first place of the largest element along an axis, int64; of the first NaN where there is one."""
    return apply(ARGMAX, x, axis=axis)


ARGMIN = _place("argmin", lambda x, axis: np.argmin(x, axis), lambda x, axes: reduce_min(x, axes))


def argmin(x: Node, axis: int) -> Node:
    """The first place of the smallest element along an axis, int64; of the first NaN where there is one."""
    return apply(ARGMIN, x, axis=axis)
