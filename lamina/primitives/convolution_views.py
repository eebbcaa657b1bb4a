"""How a convolution is a contraction: its operands as views with a label for each axis, and the phases of a stride."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from lamina.base.dims import Dim, Dimension, Shape
from lamina.base.errors import ShapeError
from lamina.graph import Node
from lamina.primitives.cutting import pad, slice
from lamina.primitives.movement import reshape, reverse, transpose
from lamina.primitives.windows import window_count, windows

PLACES, TAPS = "hijklmpq", "stuvwxyz"
MOST_SPATIAL_AXES = len(PLACES)


class Labels(NamedTuple):
    """The labels of the contraction that a convolution is; axes of extent 1 that say nothing have none.

    `n` is the row, `g` the group, `c` a channel of the input in its group, `o` one of the result; places of windows
    are from `PLACES`, taps from `TAPS`. A depthwise convolution has the group alone: its channel.
    """

    patches: str
    kernel: str
    result: str

    @staticmethod
    def of(kernel: Shape, groups: int) -> Labels:
        """The labels for a kernel of this shape."""
        *sizes, depth, width = kernel
        taps = "".join(letter for letter, size in zip(TAPS, sizes) if size != 1)
        group = "g" if groups > 1 else ""
        channel = "" if groups > 1 and depth == 1 else "c"
        result = "" if groups > 1 and width == groups else "o"
        places = "n" + PLACES[: len(sizes)]
        return Labels(places + taps + group + channel, taps + channel + group + result, places + group + result)


def known(shape: Shape) -> tuple[int, ...]:
    """The sizes of a kernel, which are all ints."""
    sizes = tuple(d for d in shape if isinstance(d, int))
    assert len(sizes) == len(shape)
    return sizes


def patches(
    x: Node,
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilations: Sequence[int],
    groups: int,
) -> Node:
    """The windows of `x` that a kernel of these sizes meets, with an axis for each of `Labels.patches`."""
    spatial = len(sizes)
    x = pad(x, (0, *(low for low, _ in padding), 0), (0, *(high for _, high in padding), 0))
    x = _strided_only(x, sizes, strides)
    depth = x.shape[-1] // groups
    if groups > 1 and depth != 1:
        x = reshape(x, (*x.shape[:-1], groups, depth))
    wide = [k for k in range(spatial) if sizes[k] != 1]
    view = windows(
        x, [k + 1 for k in wide], [sizes[k] for k in wide], [strides[k] for k in wide], [dilations[k] for k in wide]
    )
    channels, taps = range(spatial + 1, x.rank), range(x.rank, view.rank)
    return transpose(view, (*range(spatial + 1), *taps, *channels))


def _strided_only(x: Node, sizes: Sequence[int], strides: Sequence[int]) -> Node:
    """Axes with a single tap need no windows, only every `stride`-th element."""
    steps = [1, *(stride if size == 1 else 1 for size, stride in zip(sizes, strides)), 1]
    stop = list(x.shape)
    for axis, step in enumerate(steps):
        if step > 1:
            stop[axis] = (window_count("convolution", stop[axis], 1, step) - 1) * step + 1
    return slice(x, [0] * x.rank, stop, steps)


def kernel_view(kernel: Node, groups: int) -> Node:
    """A kernel with an axis for each of `Labels.kernel`."""
    *sizes, depth, width = kernel.shape
    taps = [size for size in sizes if size != 1]
    if groups == 1:
        return reshape(kernel, (*taps, depth, width))
    each = width // groups
    return reshape(kernel, (*taps, *([] if depth == 1 else [depth]), groups, *([] if each == 1 else [each])))


def result_view(g: Node, groups: int) -> Node:
    """A result, or its gradient, with an axis for each of `Labels.result`."""
    each = g.shape[-1] // groups
    return reshape(g, (*g.shape[:-1], groups, each)) if groups > 1 and each != 1 else g


def swapped(kernel: Node, groups: int) -> Node:
    """The kernel that goes from the channels of the result to those of the input, within each group."""
    *sizes, depth, width = kernel.shape
    spatial = len(sizes)
    if groups == 1:
        return transpose(kernel, (*range(spatial), spatial + 1, spatial))
    each = width // groups
    apart = reshape(kernel, (*sizes, depth, groups, each))
    turned = transpose(apart, (*range(spatial), spatial + 2, spatial + 1, spatial))
    return reshape(turned, (*sizes, each, groups * depth))


class Phase(NamedTuple):
    """What reaches the inputs at `place, place + stride, ...` along one axis: a convolution with stride 1.

    Attributes:
        first, step, taps: its taps are `first, first + step, ...`, as many as `taps`.
        begin: the place in the gradient of the result that the last of these taps meets for the first input.
        dilation: how far apart neighbouring taps meet that gradient.
    """

    first: int
    step: int
    taps: int
    begin: int
    dilation: int

    @staticmethod
    def of(place: int, size: int, stride: int, low: int, dilation: int) -> Phase | None:
        """None where no tap reaches such an input."""
        taps = [tap for tap in range(size) if (place + low - tap * dilation) % stride == 0]
        if not taps:
            return None
        common = math.gcd(stride, dilation)
        apart = dilation // common
        begin = (place + low - taps[0] * dilation) // stride - (len(taps) - 1) * apart
        return Phase(taps[0], stride // common, len(taps), begin, apart)

    def length(self, inputs: Dimension) -> Dimension:
        """How much of the gradient so many inputs meet, zeros outside of it included."""
        return inputs + (self.taps - 1) * self.dilation


def fitted(g: Node, chosen: Sequence[Phase], counts: Sequence[Dimension]) -> tuple[Node, list[tuple[int, int]]] | None:
    """The part of `g` that the phases of each axis meet, and the zeros to put around it; None if that is nothing."""
    start, stop = [0] * g.rank, list(g.shape)
    padding = []
    for axis, (phase, count) in enumerate(zip(chosen, counts), 1):
        beyond = phase.begin + phase.length(count) - g.shape[axis]
        if isinstance(beyond, Dim):
            raise ShapeError(
                f"convolution: the gradient {g.shape} does not follow from unknown sizes of the input. "
                "Give the spatial axes of the input fixed sizes."
            )
        start[axis] = max(phase.begin, 0)
        stop[axis] = stop[axis] + min(beyond, 0)
        extent = stop[axis] - start[axis]
        if isinstance(extent, int) and extent <= 0:
            return None
        padding.append((max(-phase.begin, 0), max(beyond, 0)))
    return slice(g, start, stop), padding


def phase_kernel(kernel: Node, chosen: Sequence[Phase], groups: int) -> Node:
    """The taps of a phase, the last one first, from the channels of the result to those of the input."""
    spatial = len(chosen)
    start = [*(phase.first for phase in chosen), 0, 0]
    stop = [*(phase.first + (phase.taps - 1) * phase.step + 1 for phase in chosen), *kernel.shape[spatial:]]
    taps = slice(kernel, start, stop, [*(phase.step for phase in chosen), 1, 1])
    return swapped(reverse(taps, [axis for axis in range(spatial) if taps.shape[axis] != 1]), groups)
