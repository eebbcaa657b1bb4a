"""Convolutions, channels last: the forward one and both of its gradients, which are closed under differentiation.

Each is one contraction over views, or a few for the gradient of the input of a strided one; one generator of kernels
serves them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from lamina.base.dims import Dimension, Shape, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives import convolution_reference as reference
from lamina.primitives.contraction import contract
from lamina.primitives.convolution_views import (
    MOST_SPATIAL_AXES,
    PLACES,
    TAPS,
    Labels,
    Phase,
    fitted,
    kernel_view,
    known,
    patches,
    phase_kernel,
    result_view,
)
from lamina.primitives.cutting import slice
from lamina.primitives.declare import NUMBERS, Typed, check_dtype, check_same_dtype, check_shape, describe, in_float32
from lamina.primitives.movement import full, reshape, transpose
from lamina.primitives.samples import available, strided, values
from lamina.primitives.windows import check_positive, interleaved, put_back, rounded_up, window_count

Padding = Sequence[tuple[int, int]]
# Channels of an input that would leave most of a vector empty.
FEW_CHANNELS = 4

# --- shapes ----------------------------------------------------------------------------------------------------------


def _result_shape(name: str, x: Shape, kernel: Shape, strides: Any, padding: Any, dilations: Any, groups: Any) -> Shape:
    """The shape of a convolution's result, after checking all that it is given."""
    spatial = _check_ranks(name, x, kernel)
    check_positive(name, "strides", strides, spatial, "spatial axis")
    check_positive(name, "dilations", dilations, spatial, "spatial axis")
    check_positive(name, "groups", (groups,), 1, "convolution")
    check_padding(name, padding, spatial)
    *sizes, depth, width = known(kernel)
    if x[-1] != depth * groups or width % groups:
        raise ShapeError(
            f"{name}: x must have groups times as many channels as the last axis but one of the kernel, and the last "
            f"axis of the kernel must be a multiple of groups. Received: x of {format_shape(x)}, kernel of "
            f"{format_shape(kernel)}, groups {groups}."
        )
    counts = [
        window_count(name, extent + low + high, size, stride, dilation)
        for extent, (low, high), size, stride, dilation in zip(x[1:-1], padding, sizes, strides, dilations)
    ]
    return (x[0], *counts, width)


def _check_ranks(name: str, x: Shape, kernel: Shape) -> int:
    """The number of spatial axes."""
    if len(x) != len(kernel) or not 3 <= len(x) <= MOST_SPATIAL_AXES + 2:
        raise ShapeError(
            f"{name}: x must be (rows, *spatial, channels) and the kernel (*spatial, channels in a group, channels of "
            f"the result), with from 1 to {MOST_SPATIAL_AXES} spatial axes. Received: x of {format_shape(x)}, kernel "
            f"of {format_shape(kernel)}."
        )
    if not all(isinstance(d, int) and d > 0 for d in kernel) or not isinstance(x[-1], int):
        raise ShapeError(
            f"{name}: the kernel's sizes and the number of channels must be known, and no size of the kernel may be "
            f"0. Received: x of {format_shape(x)}, kernel of {format_shape(kernel)}."
        )
    return len(x) - 2


def check_padding(name: str, padding: Any, spatial: int) -> None:
    """Raises unless padding is a pair of ints that are not negative for each spatial axis."""
    good = isinstance(padding, tuple) and len(padding) == spatial
    good = good and all(isinstance(pair, tuple) and len(pair) == 2 for pair in padding)
    if not good or not all(isinstance(w, int) and not isinstance(w, bool) and w >= 0 for p in padding for w in p):
        raise ArgumentError(
            f"{name}: padding must be a tuple of {spatial} pairs (low, high) of ints that are not negative, one for "
            f"each spatial axis. Received: {padding!r}."
        )


def _check_numbers(name: str, arguments: tuple[str, str], operands: tuple[Typed, Typed]) -> None:
    for argument, operand in zip(arguments, operands):
        check_dtype(name, argument, operand, NUMBERS)
    check_same_dtype(name, arguments, operands)


def _check_gradient(name: str, g: Typed, expected: Shape) -> None:
    if tuple(g.shape) != tuple(expected):
        raise ShapeError(
            f"{name}: g must have the shape of the convolution's result, {format_shape(expected)}. "
            f"Received: {describe(g)}."
        )


# --- forwards --------------------------------------------------------------------------------------------------------


def _infer(x: Typed, kernel: Typed, **geometry: Any) -> Spec:
    _check_numbers("convolution", ("x", "kernel"), (x, kernel))
    return Spec(_result_shape("convolution", x.shape, kernel.shape, **geometry), x.dtype)


def _vjp(node: Node, g: Node) -> tuple[Node, Node]:
    x, kernel = node.inputs
    return (
        convolution_input_gradient(g, kernel, x.shape, **node.attrs),
        convolution_kernel_gradient(x, g, known(kernel.shape), **node.attrs),
    )


def _expand(node: Node) -> Node:
    x, kernel = node.inputs
    groups = node.attrs["groups"]
    labels = Labels.of(kernel.shape, groups)
    windowed = patches(x, known(kernel.shape[:-2]), **node.attrs)
    return reshape(contract(windowed, kernel_view(kernel, groups), labels), node.shape)


# The input's shape, the kernel's, and strides, padding, dilations, groups.
_CASES: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Any, tuple[int, ...], int]] = [
    ((2, 7, 3), (3, 3, 4), (1,), ((0, 0),), (1,), 1), ((2, 8, 2), (3, 2, 3), (2,), ((1, 2),), (1,), 1),
    ((1, 9, 2), (2, 2, 3), (3,), ((0, 1),), (2,), 1), ((1, 9, 1), (3, 1, 2), (2,), ((4, 0),), (2,), 1),
    ((2, 5, 6, 3), (3, 3, 3, 2), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 7, 6, 2), (3, 3, 2, 3), (2, 2), ((0, 1), (1, 1)), (1, 1), 1),
    ((1, 8, 7, 2), (2, 3, 2, 2), (3, 2), ((2, 0), (0, 3)), (1, 1), 1),
    ((1, 7, 7, 2), (3, 2, 2, 2), (1, 1), ((0, 0), (2, 1)), (2, 3), 1),
    ((2, 4, 5, 3), (1, 1, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((1, 5, 5, 2), (1, 1, 2, 3), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    ((1, 5, 6, 2), (1, 3, 2, 2), (2, 1), ((1, 0), (1, 1)), (1, 1), 1),
    ((1, 5, 5, 4), (3, 3, 2, 6), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    ((1, 6, 5, 4), (3, 2, 2, 2), (2, 1), ((1, 0), (0, 0)), (1, 2), 2),
    ((2, 5, 5, 3), (3, 3, 1, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    ((1, 6, 7, 3), (3, 3, 1, 6), (2, 2), ((0, 1), (1, 1)), (1, 1), 3),
    ((1, 3, 3, 2), (1, 1, 1, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    ((1, 4, 3, 5, 2), (2, 2, 3, 2, 2), (1, 2, 2), ((0, 0), (1, 0), (1, 1)), (2, 1, 1), 1),
    ((0, 5, 2), (2, 2, 3), (2,), ((1, 1),), (1,), 1), ((1, 1, 1), (1, 1, 1), (1,), ((0, 0),), (1,), 1),
    ((1, 1, 1), (2, 1, 1), (5,), ((4, 0),), (1,), 1),
]  # fmt: skip
_GEOMETRY = ("strides", "padding", "dilations", "groups")


def _cases() -> Iterator[tuple[Any, Any, tuple[int, ...], dict[str, Any]]]:
    """An input, a kernel, the shape of the result, and the rest."""
    for shape, sizes, *rest in _CASES:
        geometry = dict(zip(_GEOMETRY, rest))
        result = _result_shape("convolution", shape, sizes, **geometry)
        yield values(shape), values(sizes, seed=1), result, geometry  # type: ignore[misc]


_SIMPLE = {"strides": (1,), "padding": ((1, 0),), "dilations": (1,), "groups": 1}
_HALVES = ("float16", "bfloat16", "float32", "int32")


def _samples() -> Iterator[Sample]:
    for x, kernel, _, geometry in _cases():
        yield Sample((x, kernel), geometry)
    for dtype in available(_HALVES):
        yield Sample((values((2, 5, 3), dtype), values((2, 3, 4), dtype, seed=1)), _SIMPLE, False)
    yield Sample((strided((2, 5, 3)), strided((2, 3, 2), seed=1)), _SIMPLE)


CONVOLUTION = Primitive(
    "convolution", "contract", expensive=True,
    infer=_infer,
    numpy=in_float32(reference.convolve),
    vjp=_vjp,
    expand=_expand,
    samples=_samples,
)  # fmt: skip


def convolution(
    x: Node, kernel: Node, strides: Sequence[int], padding: Padding, dilations: Sequence[int], groups: int = 1
) -> Node:
    """Sums of products of a kernel with every window of `x`, as in all of deep learning: the kernel is not reversed.

    Args:
        x: of shape (rows, *spatial, channels), with one spatial axis or more.
        kernel: of shape (*spatial, channels / groups, channels of the result).
        strides: from one window to the next, for each spatial axis.
        padding: zeros before and after each spatial axis, as pairs of ints that are not negative.
        dilations: from one element of a window to the next.
        groups: channels are cut into as many groups, and the result's too; each sees its own. As many groups as
            channels make a depthwise convolution.
    """
    return apply(CONVOLUTION, x, kernel, **_geometry(strides, padding, dilations, groups))


def _geometry(strides: Sequence[int], padding: Padding, dilations: Sequence[int], groups: int) -> dict[str, Any]:
    pairs = tuple(tuple(pair) for pair in padding)
    return {"strides": tuple(strides), "padding": pairs, "dilations": tuple(dilations), "groups": groups}


# --- gradient of the input, which is also the transposed convolution -------------------------------------------------


def _input_gradient_infer(g: Typed, kernel: Typed, *, shape: Shape, **geometry: Any) -> Spec:
    name = "convolution_input_gradient"
    _check_numbers(name, ("g", "kernel"), (g, kernel))
    check_shape(name, "shape", shape)
    _check_gradient(name, g, _result_shape(name, shape, kernel.shape, **geometry))
    return Spec(shape, g.dtype)


def _input_gradient_vjp(node: Node, h: Node) -> tuple[Node, Node]:
    g, kernel = node.inputs
    geometry = {key: node.attrs[key] for key in _GEOMETRY}
    return convolution(h, kernel, **geometry), convolution_kernel_gradient(h, g, known(kernel.shape), **geometry)


def _input_gradient_expand(node: Node) -> Node:
    """A convolution with stride 1 for each residue of an input's place modulo the strides, then all interleaved."""
    shape, strides = node.attrs["shape"], node.attrs["strides"]
    if node.attrs["groups"] == 1 and shape[-1] <= FEW_CHANNELS < known(node.inputs[1].shape)[-1]:
        return _put_back_windows(node)
    counts = [rounded_up("convolution", extent, stride) for extent, stride in zip(shape[1:-1], strides)]
    parts = [_phase(node, places, counts) for places in product(*map(range, strides))]
    whole = interleaved(parts, strides)
    return slice(whole, [0] * whole.rank, shape)


def _put_back_windows(node: Node) -> Node:
    """Few channels, as of a picture: one product for all taps together, whose windows are then added up in place."""
    g, kernel = node.inputs
    shape, padding = node.attrs["shape"], node.attrs["padding"]
    sizes = known(kernel.shape)[:-2]
    spatial = len(sizes)
    places, taps = PLACES[:spatial], TAPS[:spatial]
    spread = contract(g, kernel, (f"n{places}o", f"{taps}co", f"n{places}{taps}c"))
    spread = transpose(spread, (*range(spatial + 1), 2 * spatial + 1, *range(spatial + 1, 2 * spatial + 1)))
    padded = [extent + low + high for extent, (low, high) in zip(shape[1:-1], padding)]
    axes = range(1, spatial + 1)
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    whole = put_back(spread, (shape[0], *padded, shape[-1]), axes, sizes, strides, dilations)
    start = [0, *(low for low, _ in padding), 0]
    return slice(whole, start, [begin + extent for begin, extent in zip(start, shape)])


def _phase(node: Node, places: Sequence[int], counts: Sequence[Dimension]) -> Node:
    """The gradients of the inputs at these places, and at every multiple of the strides from there."""
    g, kernel = node.inputs
    shape, groups = node.attrs["shape"], node.attrs["groups"]
    lows = [low for low, _ in node.attrs["padding"]]
    each = zip(places, kernel.shape, node.attrs["strides"], lows, node.attrs["dilations"])
    chosen = [phase for phase in (Phase.of(*axis) for axis in each) if phase is not None]  # type: ignore[arg-type]
    met = fitted(g, chosen, counts) if len(chosen) == len(places) else None
    if met is None:
        return full((shape[0], *counts, shape[-1]), 0, g.dtype)
    part, padding = met
    dilations = [phase.dilation for phase in chosen]
    return convolution(part, phase_kernel(kernel, chosen, groups), [1] * len(chosen), padding, dilations, groups)


def _input_gradient_samples() -> Iterator[Sample]:
    for x, kernel, result, geometry in _cases():
        yield Sample((values(result, seed=2), kernel), {"shape": x.shape, **geometry})
    attrs = {"shape": (2, 5, 3), **_SIMPLE}
    for dtype in available(_HALVES):
        yield Sample((values((2, 5, 4), dtype), values((2, 3, 4), dtype, seed=1)), attrs, False)
    yield Sample((strided((2, 5, 2)), strided((2, 3, 2), seed=1)), attrs)


CONVOLUTION_INPUT_GRADIENT = Primitive(
    "convolution_input_gradient", "contract", expensive=True,
    infer=_input_gradient_infer,
    numpy=in_float32(reference.input_gradient),
    vjp=_input_gradient_vjp,
    expand=_input_gradient_expand,
    samples=_input_gradient_samples,
)  # fmt: skip


def convolution_input_gradient(
    g: Node,
    kernel: Node,
    shape: Sequence[Dimension],
    strides: Sequence[int],
    padding: Padding,
    dilations: Sequence[int],
    groups: int = 1,
) -> Node:
    """The gradient of `convolution` by its input, and so the transposed convolution of `g`.

    Args:
        g: the gradient of the result.
        kernel: of the convolution.
        shape: of its input, and so of this result. The others are those of the convolution.
    """
    geometry = _geometry(strides, padding, dilations, groups)
    return apply(CONVOLUTION_INPUT_GRADIENT, g, kernel, shape=tuple(shape), **geometry)


# --- gradient of the kernel ------------------------------------------------------------------------------------------


def _kernel_gradient_infer(x: Typed, g: Typed, *, shape: Shape, **geometry: Any) -> Spec:
    name = "convolution_kernel_gradient"
    _check_numbers(name, ("x", "g"), (x, g))
    check_shape(name, "shape", shape)
    _check_gradient(name, g, _result_shape(name, x.shape, shape, **geometry))
    return Spec(shape, x.dtype)


def _kernel_gradient_vjp(node: Node, h: Node) -> tuple[Node, Node]:
    x, g = node.inputs
    geometry = {key: node.attrs[key] for key in _GEOMETRY}
    return convolution_input_gradient(g, h, x.shape, **geometry), convolution(x, h, **geometry)


def _kernel_gradient_expand(node: Node) -> Node:
    x, g = node.inputs
    geometry = {key: node.attrs[key] for key in _GEOMETRY}
    windowed = patches(x, known(node.shape[:-2]), **geometry)
    labels = Labels.of(node.shape, geometry["groups"])
    product_ = contract(windowed, result_view(g, geometry["groups"]), (labels.patches, labels.result, labels.kernel))
    return reshape(product_, node.shape)


def _kernel_gradient_samples() -> Iterator[Sample]:
    for x, kernel, result, geometry in _cases():
        yield Sample((x, values(result, seed=2)), {"shape": kernel.shape, **geometry})
    attrs = {"shape": (2, 3, 4), **_SIMPLE}
    for dtype in available(_HALVES):
        yield Sample((values((2, 5, 3), dtype), values((2, 5, 4), dtype, seed=1)), attrs, False)
    yield Sample((strided((2, 5, 3)), strided((2, 5, 4), seed=1)), attrs)


CONVOLUTION_KERNEL_GRADIENT = Primitive(
    "convolution_kernel_gradient", "contract", expensive=True,
    infer=_kernel_gradient_infer,
    numpy=in_float32(reference.kernel_gradient),
    vjp=_kernel_gradient_vjp,
    expand=_kernel_gradient_expand,
    samples=_kernel_gradient_samples,
)  # fmt: skip


def convolution_kernel_gradient(
    x: Node,
    g: Node,
    shape: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    dilations: Sequence[int],
    groups: int = 1,
) -> Node:
    """The gradient of `convolution` by its kernel.

    Args:
        x: the input of the convolution.
        g: the gradient of its result.
        shape: of its kernel, and so of this result. The others are those of the convolution.
    """
    geometry = _geometry(strides, padding, dilations, groups)
    return apply(CONVOLUTION_KERNEL_GRADIENT, x, g, shape=tuple(shape), **geometry)
