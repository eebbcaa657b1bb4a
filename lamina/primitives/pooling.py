"""The largest element, and the sum, of every window of an array that has its channels last."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from lamina.base.dims import Dimension, Shape, format_shape
from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.arithmetic import add, maximum, multiply
from lamina.primitives.convolution import check_padding
from lamina.primitives.cutting import pad, slice
from lamina.primitives.declare import NUMBERS, Typed, check_dtype, in_float32
from lamina.primitives.indexing import iota
from lamina.primitives.logic import equal, less, logical_not, select
from lamina.primitives.movement import broadcast_in_dim, full, full_like, reshape
from lamina.primitives.reduction import lowest, reduce_max, reduce_min, reduce_sum
from lamina.primitives.samples import available, strided, values
from lamina.primitives.windows import check_positive, interleaved, window_count, windows

Padding = Sequence[tuple[int, int]]

# Up to so many elements a window is folded element by element, which fuses with whatever stands around it.
MOST_TAPS = 16

# --- windows of a padded array ---------------------------------------------------------------------------------------


def _infer(name: str) -> Callable[..., Spec]:
    def infer(x: Typed, *, sizes: Any, strides: Any, padding: Any) -> Spec:
        check_dtype(name, "x", x, NUMBERS)
        spatial = len(x.shape) - 2
        if spatial < 1:
            raise ShapeError(
                f"{name}: x must be (rows, *spatial, channels) with at least one spatial axis. "
                f"Received: x of {format_shape(x.shape)}."
            )
        check_positive(name, "sizes", sizes, spatial, "spatial axis")
        check_positive(name, "strides", strides, spatial, "spatial axis")
        check_padding(name, padding, spatial)
        counts = [
            window_count(name, extent + low + high, size, stride)
            for extent, (low, high), size, stride in zip(x.shape[1:-1], padding, sizes, strides)
        ]
        return Spec((x.shape[0], *counts, x.shape[-1]), x.dtype)

    return infer


def _padded(x: Node, padding: Padding, value: Any) -> Node:
    return pad(x, (0, *(low for low, _ in padding), 0), (0, *(high for _, high in padding), 0), value)


def _taps(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return product(*map(range, sizes))


def _at_tap(padded: Node, tap: Sequence[int], strides: Sequence[int], shape: Shape) -> Node:
    """What each window, of as many as `shape` says, has at one of its places."""
    start = (0, *tap, 0)
    steps = (1, *strides, 1)
    stop = [first + (count - 1) * step + 1 for first, count, step in zip(start, shape, steps)]
    return slice(padded, start, [shape[0], *stop[1:-1], shape[-1]], steps)


def _views(padded: Node, node: Node) -> tuple[Node, tuple[int, ...]]:
    """All windows as one view, with their elements along its last axes, and which those are."""
    sizes = node.attrs["sizes"]
    view = windows(padded, range(1, len(sizes) + 1), sizes, node.attrs["strides"], [1] * len(sizes))
    return view, tuple(range(padded.rank, view.rank))


def _fold(node: Node, value: Any, two: Callable[[Node, Node], Node], many: Callable[..., Node]) -> Node:
    sizes, strides = node.attrs["sizes"], node.attrs["strides"]
    padded = _padded(node.inputs[0], node.attrs["padding"], value)
    if math.prod(sizes) > MOST_TAPS:
        return many(*_views(padded, node))
    return reduce(two, (_at_tap(padded, tap, strides, node.shape) for tap in _taps(sizes)))


def _spread(node: Node, at: Callable[[int], Node], everywhere: Callable[[Shape, Sequence[int]], Node]) -> Node:
    """Puts something for every place of every window back to where it came from, and adds where windows overlap.

    Args:
        at: what goes to the place with this number of each window, in the shape of the result.
        everywhere: where windows touch and do not overlap: the same for all places at once, in the shape
            (rows, windows, size, ..., channels) of which the axes given second are those of the result.
    """
    x, sizes, strides, padding = node.inputs[0], *(node.attrs[k] for k in ("sizes", "strides", "padding"))
    if sizes == strides:
        apart = [d for count, size in zip(node.shape[1:-1], sizes) for d in (count, size)]
        kept = [0, *range(1, len(apart), 2), len(apart) + 1]
        joined = [count * size for count, size in zip(node.shape[1:-1], sizes)]
        found = everywhere((node.shape[0], *apart, node.shape[-1]), kept)
        whole = reshape(found, (node.shape[0], *joined, node.shape[-1]))
    else:
        whole = interleaved([_phase(node, at, first) for first in product(*map(range, strides))], strides)
    low = [0, *(before for before, _ in padding), 0]
    start = [_least(before, stop) for before, stop in zip(low, whole.shape)]
    reach = [_least(stop, before + d) for stop, before, d in zip(whole.shape, low, x.shape)]
    inside = slice(whole, start, reach)
    return pad(inside, [0] * x.rank, [d - here for d, here in zip(x.shape, inside.shape)])


def _least(a: Dimension, b: Dimension) -> Dimension:
    """The lesser of two sizes whose difference is known; the first where it is not."""
    more = a - b
    return b if isinstance(more, int) and more > 0 else a


def _phase(node: Node, at: Callable[[int], Node], first: Sequence[int]) -> Node:
    """What `_spread` gives to every `stride`-th place of a padded axis, from the first one on."""
    sizes, strides = node.attrs["sizes"], node.attrs["strides"]
    more = [-(-size // stride) - 1 for size, stride in zip(sizes, strides)]
    terms = []
    for number, tap in enumerate(_taps(sizes)):
        if any((place - start) % stride for place, start, stride in zip(tap, first, strides)):
            continue
        before = [(place - start) // stride for place, start, stride in zip(tap, first, strides)]
        after = [extra - low for extra, low in zip(more, before)]
        terms.append(pad(at(number), (0, *before, 0), (0, *after, 0)))
    if terms:
        return reduce(add, terms)
    counts = [count + extra for count, extra in zip(node.shape[1:-1], more)]
    return full((node.shape[0], *counts, node.shape[-1]), 0, node.dtype)


def _numpy_fold(fold: Any, start: Callable[[str], Any]) -> Callable[..., Any]:
    """The NumPy meaning: folds one place of all windows after the other."""

    def run(x: Any, sizes: Sequence[int], strides: Sequence[int], padding: Padding) -> Any:
        padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=start(x.dtype.name))
        counts = [(d - size) // stride + 1 for d, size, stride in zip(padded.shape[1:-1], sizes, strides)]
        result = np.full((x.shape[0], *counts, x.shape[-1]), start(x.dtype.name), x.dtype)
        for tap in _taps(sizes):
            cut = (np.s_[k : k + (n - 1) * stride + 1 : stride] for k, n, stride in zip(tap, counts, strides))
            fold(result, padded[(np.s_[:], *cut)], out=result)
        return result

    return in_float32(run)


def _samples() -> Iterator[Sample]:
    for shape, sizes, strides, padding in [
        ((2, 7, 3), (2,), (2,), ((0, 0),)), ((1, 8, 2), (3,), (2,), ((0, 1),)), ((2, 5, 2), (3,), (1,), ((1, 1),)),
        ((2, 6, 4, 3), (2, 2), (2, 2), ((0, 0), (0, 0))), ((1, 5, 7, 2), (2, 2), (2, 2), ((0, 1), (0, 1))),
        ((1, 7, 6, 2), (3, 3), (2, 2), ((1, 1), (0, 1))), ((1, 5, 6, 2), (3, 2), (1, 2), ((1, 1), (0, 0))),
        ((1, 9, 5, 1), (2, 3), (3, 1), ((0, 0), (0, 0))), ((1, 4, 4, 3, 2), (2, 2, 2), (2, 2, 1), ((0, 0),) * 3),
        ((1, 40, 2), (20,), (20,), ((0, 0),)), ((1, 23, 1), (18,), (3,), ((1, 0),)),
        ((0, 4, 2), (2,), (2,), ((0, 0),)), ((1, 1, 1), (1,), (1,), ((0, 0),)), ((1, 3, 1), (1,), (2,), ((0, 0),)),
    ]:  # fmt: skip
        yield Sample((values(shape),), {"sizes": sizes, "strides": strides, "padding": padding})
    simple = {"sizes": (2,), "strides": (2,), "padding": ((1, 0),)}
    for dtype in available(["int8", "int32", "float16", "bfloat16", "float32"]):
        yield Sample((values((2, 5, 3), dtype),), simple, False)
    yield Sample((strided((2, 5, 3)),), simple)


# --- largest ---------------------------------------------------------------------------------------------------------


def _max_vjp(node: Node, g: Node) -> tuple[Node]:
    """The first of the largest elements of a window gets its gradient, in row-major order."""
    first = _first_places(node)
    nothing = full_like(g, 0)

    def at(number: int) -> Node:
        return select(equal(first, full_like(first, number)), g, nothing)

    def everywhere(shape: Shape, kept: Sequence[int]) -> Node:
        hit = equal(broadcast_in_dim(first, shape, kept), _numbers(shape, range(2, len(shape) - 1, 2), first.dtype))
        return select(hit, broadcast_in_dim(g, shape, kept), full(shape, 0, g.dtype))

    return (_spread(node, at, everywhere),)


def _first_places(node: Node) -> Node:
    """For each window the number of the first of its elements that equals the largest."""
    sizes, strides = node.attrs["sizes"], node.attrs["strides"]
    padded = _padded(node.inputs[0], node.attrs["padding"], lowest(node.dtype))
    count = math.prod(sizes)
    if count > MOST_TAPS:
        view, axes = _views(padded, node)
        hit = logical_not(less(view, broadcast_in_dim(node, view.shape, range(node.rank))))
        return reduce_min(select(hit, _numbers(view.shape, axes, "int32"), full(view.shape, count, "int32")), axes)
    first = full(node.shape, count - 1, "uint8")
    for number, tap in reversed(list(enumerate(_taps(sizes)))[:-1]):
        hit = logical_not(less(_at_tap(padded, tap, strides, node.shape), node))
        first = select(hit, full(node.shape, number, "uint8"), first)
    return first


def _numbers(shape: Shape, axes: Sequence[int], dtype: str) -> Node:
    """Counts the places along some axes, the last of them fastest."""
    total, step = None, 1
    for axis in reversed(axes):
        part = multiply(iota(shape, dtype, axis), full(shape, step, dtype))
        total = part if total is None else add(part, total)
        step *= shape[axis]  # type: ignore[assignment]
    assert total is not None
    return total


WINDOW_MAX = Primitive(
    "window_max", "reduce",
    infer=_infer("window_max"),
    numpy=_numpy_fold(np.maximum, lowest),
    vjp=_max_vjp,
    expand=lambda node: _fold(node, lowest(node.dtype), maximum, reduce_max),
    samples=_samples,
)  # fmt: skip


def window_max(x: Node, sizes: Sequence[int], strides: Sequence[int], padding: Padding) -> Node:
    """The largest element of every window of `x`, channel by channel; NaN where any is NaN.

    Of equal elements the first has the gradient, as in TensorFlow and PyTorch.

    Args:
        x: of shape (rows, *spatial, channels).
        sizes: of a window; strides: from one window to the next, for each spatial axis.
        padding: how much to put before and after each spatial axis, of what is less than any element.
    """
    pairs = tuple(tuple(pair) for pair in padding)
    return apply(WINDOW_MAX, x, sizes=tuple(sizes), strides=tuple(strides), padding=pairs)


# --- sum -------------------------------------------------------------------------------------------------------------


def _sum_vjp(node: Node, g: Node) -> tuple[Node]:
    return (_spread(node, lambda number: g, lambda shape, kept: broadcast_in_dim(g, shape, kept)),)


WINDOW_SUM = Primitive(
    "window_sum", "reduce",
    infer=_infer("window_sum"),
    numpy=_numpy_fold(np.add, lambda dtype: 0),
    vjp=_sum_vjp,
    expand=lambda node: _fold(node, 0, add, reduce_sum),
    samples=_samples,
)  # fmt: skip


def window_sum(x: Node, sizes: Sequence[int], strides: Sequence[int], padding: Padding) -> Node:
    """The sum of every window of `x`, channel by channel; arguments as of `window_max`, with zeros for padding."""
    pairs = tuple(tuple(pair) for pair in padding)
    return apply(WINDOW_SUM, x, sizes=tuple(sizes), strides=tuple(strides), padding=pairs)
