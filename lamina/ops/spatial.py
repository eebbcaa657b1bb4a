"""What convolutions and pooling begin with: sizes for each axis of space, padding, and the place of the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina.base.config import image_data_format
from lamina.base.dims import Dimension, Shape, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.core import Operand
from lamina.ops.shaping import moveaxis
from lamina.primitives.windows import rounded_up
from lamina.tensor.tensor import Tensor

Padding = tuple[tuple[int, int], ...]


def each_axis(name: str, argument: str, value: Any, spatial: int, least: int = 1) -> tuple[int, ...]:
    """`value`, one whole number for all axes of space or one for each, as a tuple.

    Raises:
        ArgumentError: if it is neither, or a number is below `least`.
    """
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,) * spatial
    if len(items) != spatial or not all(_is_whole(item, least) for item in items):
        raise ArgumentError(
            f"{name}: {argument} must be a whole number of at least {least}, or a tuple with one for each of the "
            f"{spatial} axes of space. Received: {value!r}."
        )
    return tuple(int(item) for item in items)


def _is_whole(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and int(value) >= least


def spatial_rank(name: str, dims: Shape, most: int = 3) -> int:
    """The number of axes of space of an input.

    Raises:
        ShapeError: if there are none, or more than `most`.
    """
    if not 3 <= len(dims) <= most + 2:
        raise ShapeError(
            f"{name}: inputs must have an axis of rows, from 1 to {most} axes of space, and one of channels. Received: "
            f"{format_shape(dims)}, of rank {len(dims)}. Add the missing axis with expand_dims."
        )
    return len(dims) - 2


def explicit_padding(
    name: str,
    padding: Any,
    extents: Sequence[Dimension],
    sizes: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Padding:
    """How much to put before and after each axis of space.

    Args:
        padding: "valid" for nothing; "same" for as many windows as the axis has strides, with an odd element put
            after the axis, as TensorFlow does; "causal" (sequences) to put everything before it; or such pairs.

    Raises:
        ArgumentError: for another padding.
        ShapeError: if a window does not fit, or "same" meets an axis of unknown size and a stride above 1.
    """
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations)]
    mode = padding.lower() if isinstance(padding, str) else padding
    if mode == "valid":
        pairs: Any = ((0, 0),) * len(spans)
    elif mode == "same":
        pairs = tuple(_same(name, *axis) for axis in zip(extents, spans, strides))
    elif mode == "causal" and len(spans) == 1:
        pairs = ((spans[0] - 1, 0),)
    elif isinstance(mode, (tuple, list)) and len(mode) == len(spans) and all(map(_is_pair, mode)):
        pairs = tuple((int(low), int(high)) for low, high in mode)
    else:
        raise ArgumentError(
            f"{name}: padding must be 'valid', 'same', 'causal' (with one axis of space), or a pair (before, after) "
            f"for each of the {len(spans)} axes of space. Received: {padding!r}."
        )
    for axis, (extent, span, (low, high)) in enumerate(zip(extents, spans, pairs)):
        if isinstance(extent, int) and extent + low + high < span:
            raise ShapeError(
                f"{name}: a window must fit into the inputs. Received: {extent} value(s) along axis {axis} of space, "
                f"padding {padding!r}, and a window that spans {span}. Give larger inputs, a smaller window or "
                "dilation, or padding='same'."
            )
    return pairs


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(_is_whole(item, 0) for item in value)


def _same(name: str, extent: Dimension, span: int, stride: int) -> tuple[int, int]:
    total = (rounded_up(name, extent, stride) - 1) * stride + span - extent
    assert isinstance(total, int)
    total = max(total, 0)
    return total // 2, total - total // 2


def channels_last(name: str, x: Operand, data_format: Any, compute: Callable[[Operand], Tensor]) -> Tensor:
    """Runs `compute` on inputs with channels last, and brings the result back to the layout that `data_format` says.

    Raises:
        ArgumentError: for another layout than "channels_last", "channels_first", or None for the configured one.
    """
    layout = image_data_format() if data_format is None else data_format
    if layout not in ("channels_last", "channels_first"):
        raise ArgumentError(
            f"{name}: data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}."
        )
    if layout == "channels_last":
        return compute(x)
    return moveaxis(compute(moveaxis(x, 1, -1)), -1, 1)
