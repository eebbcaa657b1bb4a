"""Convolutions of sequences, images and volumes, as `keras.ops` has them."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base.dims import Dimension, Shape, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops import core
from lamina.ops.core import Operand, apply, float_operands
from lamina.ops.shaping import pad
from lamina.ops.spatial import channels_last, each_axis, explicit_padding, spatial_rank
from lamina.tensor.tensor import Tensor


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:  # fmt: skip
    """Sums of products of a kernel with every window of the inputs, with from one to three axes of space.

    Args:
        inputs: of shape (rows, *space, channels).
        kernel: of shape (*sizes, channels of a group, channels of the result). The inputs have as many groups of
            channels as that says; each makes an equal part of the result's.
        strides: from one window to the next, one for all axes of space or one for each; 1.
        padding: "valid" (default): only windows within the inputs; "same": so many zeros around them that there are
            as many windows as steps of `strides` in an axis, one more after the axis than before it where their number
            is odd; "causal" for sequences: all of the zeros before; or a pair (before, after) for each axis of space.
        data_format: "channels_last", or "channels_first" for inputs and a result of shape (rows, channels, *space);
            the configured one when None.
        dilation_rate: from one element of a window to the next; 1.

    Returns:
        (rows, *windows, channels of the result), where an axis of n elements, with padding, has
        `(n - (size - 1)*dilation_rate - 1)//strides + 1` windows.

    Raises:
        ShapeError: if ranks or channels do not fit together, or no window fits into the inputs.
        ArgumentError: for another padding or data format, or numbers that are not positive whole ones.
    """
    x, weights = float_operands(inputs, kernel)
    return channels_last("conv", x, data_format, lambda t: _conv("conv", t, weights, strides, padding, dilation_rate))


def _conv(name: str, x: Operand, kernel: Operand, strides: Any, padding: Any, dilation_rate: Any) -> Tensor:
    _check_rank(name, x, kernel)
    groups = _groups(name, x, kernel)
    geometry = _geometry(name, x, kernel.dims[:-2], strides, padding, dilation_rate)
    return apply(P.CONVOLUTION, x, kernel, groups=groups, **geometry)


def _groups(name: str, x: Operand, kernel: Operand) -> int:
    channels, depth, width = x.dims[-1], kernel.dims[-2], kernel.dims[-1]
    if isinstance(channels, int) and isinstance(depth, int) and isinstance(width, int) and channels and depth:
        groups = channels // depth
        if groups * depth == channels and width % groups == 0:
            return groups
    raise ShapeError(
        f"{name}: the kernel's last axis but one must be the number of channels of the inputs, or divide it into "
        "groups, whose number must then divide the kernel's last axis. Received: inputs with "
        f"{channels} channel(s), a kernel of shape {format_shape(kernel.dims)}. "
        "Give the kernel other sizes, or the inputs other channels."
    )


def _check_rank(name: str, x: Operand, kernel: Operand, most: int = 3) -> None:
    spatial_rank(name, x.dims, most)
    if len(kernel.dims) != len(x.dims):
        raise ShapeError(
            f"{name}: the kernel must have two axes of channels after one for each axis of space of the inputs. "
            f"Received: inputs of shape {format_shape(x.dims)}, a kernel of shape {format_shape(kernel.dims)}."
        )


def _geometry(
    name: str, x: Operand, sizes: Shape, strides: Any, padding: Any, dilation_rate: Any
) -> dict[str, tuple[Any, ...]]:
    spatial = len(sizes)
    steps = each_axis(name, "strides", strides, spatial)
    dilations = each_axis(name, "dilation_rate", dilation_rate, spatial)
    pairs = explicit_padding(name, padding, x.dims[1:-1], _known(name, sizes), steps, dilations)
    return {"strides": steps, "padding": pairs, "dilations": dilations}


def _known(name: str, sizes: Shape) -> list[int]:
    known = [size for size in sizes if isinstance(size, int) and size]
    if len(known) != len(sizes):
        raise ShapeError(f"{name}: the kernel's sizes must be known and not 0. Received: {format_shape(sizes)}.")
    return known


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:  # fmt: skip
    """A convolution of each channel by itself.

    Args:
        inputs: of shape (rows, *space, channels).
        kernel: of shape (*sizes, channels, multiplier): each channel makes `multiplier` of the result's.

    The other arguments, and the errors, are those of `conv`.

    Returns:
        (rows, *windows, channels * multiplier), the results of a channel side by side.
    """
    x, weights = float_operands(inputs, kernel)
    return channels_last(
        "depthwise_conv", x, data_format,
        lambda t: _depthwise("depthwise_conv", t, weights, strides, padding, dilation_rate),
    )  # fmt: skip


def _depthwise(name: str, x: Operand, kernel: Operand, strides: Any, padding: Any, dilation_rate: Any) -> Tensor:
    _check_rank(name, x, kernel)
    *sizes, channels, multiplier = kernel.dims
    if channels != x.dims[-1]:
        raise ShapeError(
            f"{name}: the kernel's last axis but one must be the number of channels of the inputs. Received: inputs "
            f"with {x.dims[-1]} channel(s), a kernel of shape {format_shape(kernel.dims)}."
        )
    flat = core.reshape(kernel, (*sizes, 1, channels * multiplier))
    return _conv(name, x, flat, strides, padding, dilation_rate)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: Any = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Tensor:  # fmt: skip
    """A convolution of each channel by itself, and then one that mixes channels at each place.

    Args:
        depthwise_kernel: of shape (*sizes, channels, multiplier), as of `depthwise_conv`.
        pointwise_kernel: of shape (1, ..., channels * multiplier, channels of the result).

    The other arguments, and the errors, are those of `conv`; strides, padding and dilation are of the first step.
    """
    x, first, second = float_operands(inputs, depthwise_kernel, pointwise_kernel)

    def both(t: Operand) -> Tensor:
        apart = _depthwise("separable_conv", t, first, strides, padding, dilation_rate)
        _check_pointwise(apart, second)
        return _conv("separable_conv", apart, second, 1, "valid", 1)

    return channels_last("separable_conv", x, data_format, both)


def _check_pointwise(x: Operand, kernel: Operand) -> None:
    wanted = (*[1] * (len(x.dims) - 2), x.dims[-1])
    if tuple(kernel.dims[:-1]) != wanted:
        raise ShapeError(
            "separable_conv: the pointwise kernel must have the shape (1, ..., channels * multiplier, channels of the "
            f"result), which begins with {format_shape(wanted)} here. Received: {format_shape(kernel.dims)}."
        )


def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None,
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Tensor:  # fmt: skip
    """The transposed convolution, which enlarges: each element of the inputs adds its kernel to a window of the result.

    It is the gradient of `conv` by its inputs. With stride s, and windows that span
    `k = (size - 1)*dilation_rate + 1`, an axis of n elements becomes one of `(n - 1)*s + max(k, s)` with padding
    "valid" and of `n*s` with "same"; with an `output_padding` p, of `(n - 1)*s + k + p` and `(n - 1)*s + k % 2 + p`.

    Args:
        inputs: of shape (rows, *space, channels).
        kernel: of shape (*sizes, channels of the result, channels).
        strides: by how much the inputs grow; 1.
        padding: "valid" (default) or "same".
        output_padding: elements to add after each axis, one for all or one for each; as above when None.
        data_format: "channels_last", or "channels_first"; the configured one when None.
        dilation_rate: from one element of a window to the next; 1.

    Raises:
        ShapeError: if ranks or channels do not fit together.
        ArgumentError: for another padding or data format, or numbers that are not whole ones.
    """
    x, weights = float_operands(inputs, kernel)

    def transposed(t: Operand) -> Tensor:
        return _transposed(t, weights, strides, padding, output_padding, dilation_rate)

    return channels_last("conv_transpose", x, data_format, transposed)


def _transposed(
    x: Operand, kernel: Operand, strides: Any, padding: Any, output_padding: Any, dilation_rate: Any
) -> Tensor:
    name = "conv_transpose"
    _check_rank(name, x, kernel)
    if kernel.dims[-1] != x.dims[-1]:
        raise ShapeError(
            f"{name}: the kernel's last axis must be the number of channels of the inputs. Received: inputs with "
            f"{x.dims[-1]} channel(s), a kernel of shape {format_shape(kernel.dims)}. The axis before it is that of "
            "the result's channels."
        )
    mode = padding.lower() if isinstance(padding, str) else padding
    if mode not in ("valid", "same"):
        raise ArgumentError(f"{name}: padding must be 'valid' or 'same'. Received: {padding!r}.")
    sizes = _known(name, kernel.dims[:-2])
    spatial = len(sizes)
    steps = each_axis(name, "strides", strides, spatial)
    dilations = each_axis(name, "dilation_rate", dilation_rate, spatial)
    extra = (None,) * spatial
    if output_padding is not None:
        extra = each_axis(name, "output_padding", output_padding, spatial, least=0)  # type: ignore[assignment]
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations)]
    plans = [_enlarged(mode, *axis) for axis in zip(x.dims[1:-1], spans, steps, extra)]
    result = apply(
        P.CONVOLUTION_INPUT_GRADIENT, x, kernel,
        shape=(x.dims[0], *(extent for extent, _, _ in plans), kernel.dims[-2]),
        strides=steps, padding=tuple(pair for _, pair, _ in plans), dilations=dilations, groups=1,
    )  # fmt: skip
    if not any(beyond for _, _, beyond in plans):
        return result
    return pad(result, ((0, 0), *((0, beyond) for _, _, beyond in plans), (0, 0)))


def _enlarged(
    mode: str, extent: Dimension, span: int, stride: int, extra: int | None
) -> tuple[Dimension, tuple[int, int], int]:
    """The axis whose convolution has `extent` windows, the padding of that convolution, and zeros to put after it.

    The zeros are where no window reaches, not even with what a stride leaves over.
    """
    before = (extent - 1) * stride
    if mode == "valid":
        whole = before + (max(span, stride) if extra is None else span + extra)
    else:
        whole = extent * stride if extra is None else before + span % 2 + extra
    cut = before + span - whole
    assert isinstance(cut, int)
    low = max(cut, 0) // 2 if mode == "same" else 0
    high = max(cut - low, 0)
    beyond = max(low - cut - (stride - 1), 0)
    return whole - beyond, (low, high), beyond


__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]
