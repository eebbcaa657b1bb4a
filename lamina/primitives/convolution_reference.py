"""What convolutions mean, in NumPy: products of matrices over copied windows, one tap at a time where that is less."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from lamina.primitives.windows import view_of_windows

# Windows are copied into matrices of about so many bytes, for as many rows of the batch at a time as fit.
LARGEST_COPY = 1 << 24

Padding = Sequence[tuple[int, int]]


def convolve(
    x: Any, kernel: Any, strides: Sequence[int], padding: Padding, dilations: Sequence[int], groups: int
) -> Any:
    """The forward convolution."""
    *sizes, depth, width = kernel.shape
    padded = _padded(x, padding)
    if _is_depthwise(kernel, groups):
        return _depthwise(padded, kernel, strides, dilations)
    view = _patches(padded, sizes, strides, dilations, groups)
    weights = kernel.reshape(math.prod(sizes) * depth, groups, width // groups).transpose(1, 0, 2)
    result = np.empty((*view.shape[: 1 + len(sizes)], width), x.dtype)
    for rows in _blocks(view):
        products = np.matmul(_matrices(view[rows], groups), weights)
        result[rows] = _joined(products, result[rows].shape)
    return result


def kernel_gradient(
    x: Any, g: Any, shape: Sequence[int], strides: Sequence[int], padding: Padding, dilations: Sequence[int],
    groups: int,
) -> Any:  # fmt: skip
    """The gradient of the kernel, which has this shape, where `g` is that of the result."""
    *sizes, depth, width = shape
    padded = _padded(x, padding)
    channels = math.prod(sizes) * depth
    if depth == 1 and width == groups:
        flat = g.reshape(-1, width)
        result = np.zeros((*sizes, 1, width), g.dtype)
        for tap, part in _taps(padded, sizes, g.shape[1:-1], strides, dilations):
            result[tap] = np.einsum("mc,mc->c", part.reshape(flat.shape), flat)
        return result
    view = _patches(padded, sizes, strides, dilations, groups)
    total = np.zeros((groups, channels, width // groups), g.dtype)
    for rows in _blocks(view):
        total += np.matmul(_matrices(view[rows], groups).swapaxes(1, 2), _grouped(g[rows], groups))
    return total.transpose(1, 0, 2).reshape(shape)


def input_gradient(
    g: Any, kernel: Any, shape: Sequence[int], strides: Sequence[int], padding: Padding, dilations: Sequence[int],
    groups: int,
) -> Any:  # fmt: skip
    """The gradient of the input, which has this shape, where `g` is that of the result."""
    *sizes, depth, width = kernel.shape
    spread = np.zeros((shape[0], *(d + low + high for d, (low, high) in zip(shape[1:-1], padding)), shape[-1]), g.dtype)
    depthwise = _is_depthwise(kernel, groups)
    each = _grouped(g, groups)
    weights = kernel.reshape(*sizes, depth, groups, width // groups)
    for tap, part in _taps(spread, sizes, g.shape[1:-1], strides, dilations):
        if depthwise:
            part += g * kernel[tap]
        else:
            part += _joined(np.matmul(each, weights[tap].transpose(1, 2, 0)), part.shape)
    inside = (slice(low, low + d) for d, (low, _) in zip(shape[1:-1], padding))
    return spread[(slice(None), *inside)]


def _is_depthwise(kernel: Any, groups: int) -> bool:
    return kernel.shape[-2] == 1 and kernel.shape[-1] == groups


def _padded(x: Any, padding: Padding) -> Any:
    if not any(low or high for low, high in padding):
        return x
    return np.pad(x, ((0, 0), *padding, (0, 0)))


def _patches(padded: Any, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int], groups: int) -> Any:
    """Windows with the axes (row, *places, group, *taps, channel in the group)."""
    spatial = len(sizes)
    apart = padded.reshape(*padded.shape[:-1], groups, padded.shape[-1] // groups)
    view = view_of_windows(apart, range(1, spatial + 1), sizes, strides, dilations)
    return view.transpose(*range(spatial + 2), *range(spatial + 3, view.ndim), spatial + 2)


def _blocks(view: Any) -> Iterator[slice]:
    """Slices of the batch whose windows are not too large to copy."""
    one = max(math.prod(view.shape[1:]) * view.itemsize, 1)
    step = max(LARGEST_COPY // one, 1)
    for start in range(0, view.shape[0], step):
        yield slice(start, start + step)


def _matrices(view: Any, groups: int) -> Any:
    """Windows as (group, row and place, tap and channel)."""
    spatial = (view.ndim - 3) // 2
    moved = view if groups == 1 else np.moveaxis(view, spatial + 1, 0)
    places = math.prod(view.shape[: spatial + 1])
    return moved.reshape(groups, places, math.prod(view.shape[spatial + 2 :]))


def _grouped(g: Any, groups: int) -> Any:
    """A result as (group, row and place, channel in the group)."""
    return g.reshape(math.prod(g.shape[:-1]), groups, g.shape[-1] // groups).transpose(1, 0, 2)


def _joined(products: Any, shape: Sequence[int]) -> Any:
    """(group, row and place, channel in the group) as a result of this shape."""
    return products.transpose(1, 0, 2).reshape(shape)


def _taps(
    padded: Any, sizes: Sequence[int], counts: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """For each tap a view of what it meets, in the shape of the result but for the channels."""
    for tap in product(*map(range, sizes)):
        starts = [place * dilation for place, dilation in zip(tap, dilations)]
        cut = (slice(s, s + (n - 1) * stride + 1, stride) for s, n, stride in zip(starts, counts, strides))
        yield tap, padded[(slice(None), *cut)]


def _depthwise(padded: Any, kernel: Any, strides: Sequence[int], dilations: Sequence[int]) -> Any:
    *sizes, _, width = kernel.shape
    spans = [(size - 1) * dilation for size, dilation in zip(sizes, dilations)]
    counts = [(d - span - 1) // stride + 1 for d, span, stride in zip(padded.shape[1:-1], spans, strides)]
    result = np.zeros((padded.shape[0], *counts, width), padded.dtype)
    for tap, part in _taps(padded, sizes, counts, strides, dilations):
        result += part * kernel[tap]
    return result
