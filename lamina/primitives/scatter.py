"""Primitives that add updates at given places: the adjoints of `take` and `take_along_axis`.

The scheduler has loops of its own for them. Places that occur more than once collect every update, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import (
    INTEGERS,
    NUMBERS,
    Typed,
    check_axis,
    check_dtype,
    check_same_dtype,
    check_same_shape,
    describe,
    in_float32,
)
from lamina.primitives.indexing import check_along_axis, check_indices, take, take_along_axis
from lamina.primitives.samples import available, strided, values

# --- scatter_add -----------------------------------------------------------------------------------------------------


def _scatter_add_infer(x: Typed, indices: Typed, updates: Typed, *, axis: int) -> Spec:
    check_dtype("scatter_add", "x", x, NUMBERS)
    check_dtype("scatter_add", "indices", indices, INTEGERS)
    check_same_dtype("scatter_add", ("x", "updates"), (x, updates))
    check_axis("scatter_add", axis, len(x.shape))
    expected = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if tuple(updates.shape) != expected:
        raise ShapeError(
            f"scatter_add: updates must have the shape of x with axis {axis} replaced by the shape of indices. "
            f"Received: x {describe(x)}, indices {describe(indices)}, updates {describe(updates)}."
        )
    return Spec(tuple(x.shape), x.dtype)


def _scatter_add_numpy(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    check_indices("scatter_add", indices, x.shape[axis], axis)
    result = np.array(x)
    np.add.at(result, (*[slice(None)] * axis, indices), updates)
    return result


def _scatter_add_samples() -> Iterator[Sample]:
    for shape, axis, indices in [
        ((4, 3), 0, [1, 3, 1]), ((4, 3), 1, [[0, 2], [2, 2]]), ((5,), 0, 2), ((2, 4, 3), 1, [3, 0]), ((1,), 0, [0, 0]),
        ((4, 3), 0, np.zeros((0,))), ((4, 0), 0, [1]),
    ]:  # fmt: skip
        places = np.asarray(indices, np.int64)
        updates = values((*shape[:axis], *places.shape, *shape[axis + 1 :]), seed=1)
        yield Sample((values(shape), places, updates), {"axis": axis})
    for dtype in available(["int8", "int64", "float16", "bfloat16", "float32"]):
        places = np.array([2, 0, 2], np.int32)
        yield Sample((values((4, 3), dtype), places, values((3, 3), dtype, seed=1)), {"axis": 0}, False)
    yield Sample((strided((3, 4)), np.array([3, 3, 0]), strided((3, 3), seed=1)), {"axis": 1})


SCATTER_ADD = Primitive(
    "scatter_add", "scatter",
    infer=_scatter_add_infer,
    numpy=in_float32(_scatter_add_numpy),
    vjp=lambda node, g: (g, None, take(g, node.inputs[1], node.attrs["axis"])),
    samples=_scatter_add_samples,
)  # fmt: skip


def scatter_add(x: Node, indices: Node, updates: Node, axis: int) -> Node:
    """`x` with every entry of `updates` added to the entry along the axis that its index names."""
    return apply(SCATTER_ADD, x, indices, updates, axis=axis)


# --- scatter_add_along_axis ------------------------------------------------------------------------------------------


def _scatter_add_along_axis_infer(x: Typed, indices: Typed, updates: Typed, *, axis: int) -> Spec:
    check_dtype("scatter_add_along_axis", "x", x, NUMBERS)
    check_along_axis("scatter_add_along_axis", x, indices, axis)
    check_same_dtype("scatter_add_along_axis", ("x", "updates"), (x, updates))
    check_same_shape("scatter_add_along_axis", ("indices", "updates"), (indices, updates))
    return Spec(tuple(x.shape), x.dtype)


def _scatter_add_along_axis_numpy(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    check_indices("scatter_add_along_axis", indices, x.shape[axis], axis)
    places: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    places[axis] = indices
    result = np.array(x)
    np.add.at(result, tuple(places), updates)
    return result


def _scatter_add_along_axis_samples() -> Iterator[Sample]:
    for shape, axis, indices in [
        ((3, 4), 1, [[0, 3], [1, 1], [2, 0]]), ((3, 2), 0, [[2, 0]]), ((4,), 0, [3, 3, 0]), ((1, 1), 1, [[0]]),
        ((2, 3), 1, np.zeros((2, 0))), ((0, 3), 1, np.zeros((0, 2))),
    ]:  # fmt: skip
        places = np.asarray(indices, np.int64)
        yield Sample((values(shape), places, values(places.shape, seed=1)), {"axis": axis})
    for dtype in available(["int8", "bfloat16"]):
        places = np.array([[0, 0], [2, 1], [3, 3]], np.uint8)
        yield Sample((values((3, 4), dtype), places, values((3, 2), dtype, seed=1)), {"axis": 1}, False)
    yield Sample((strided((3, 4)), np.array([[0], [3], [0]]), strided((3, 1), seed=1)), {"axis": 1})


SCATTER_ADD_ALONG_AXIS = Primitive(
    "scatter_add_along_axis", "scatter",
    infer=_scatter_add_along_axis_infer,
    numpy=in_float32(_scatter_add_along_axis_numpy),
    vjp=lambda node, g: (g, None, take_along_axis(g, node.inputs[1], node.attrs["axis"])),
    samples=_scatter_add_along_axis_samples,
)  # fmt: skip


def scatter_add_along_axis(x: Node, indices: Node, updates: Node, axis: int) -> Node:
    """`x` with each update added on its own line along the axis, at the place that `indices` gives."""
    return apply(SCATTER_ADD_ALONG_AXIS, x, indices, updates, axis=axis)
