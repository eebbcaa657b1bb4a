"""`ops.image`: images made larger or smaller, cut, framed and turned grey."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.conversion import saturate_cast
from lamina.ops.core import Operand, apply, cast, convert, in_float32, positive, to_float
from lamina.ops.elementwise import round
from lamina.ops.shaping import cut, expand_dims, pad, repeat
from lamina.tensor.contraction import contract
from lamina.tensor.tensor import Tensor

METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size.

    Args:
        images: `(height, width, channels)`, or a batch of such; with the channels before the height for
            `"channels_first"`. Height and width must be known.
        size: `(height, width)` of the result.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` (Keys 1981), `"lanczos3"` or `"lanczos5"`. Pixels are
            squares whose centres lie half a pixel from the edge.
        antialias: whether a smaller image is made of averages over all pixels instead of samples; not for `"nearest"`.
        crop_to_aspect_ratio: whether to cut the middle of the images out, so that they are not distorted.
        pad_to_aspect_ratio: whether to frame the images first, so that they are not distorted.
        fill_mode: `"constant"`.
        fill_value: of the frame.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format` when None.

    Returns:
        Images of the dtype of `images`; integers are rounded (halves to the even neighbour) and cut to their range.

    Raises:
        ArgumentError: if an argument is none of the above.
        ShapeError: if `images` has another rank, or a height or width that is not known.
    """
    _check_choice("resize", "interpolation", interpolation, METHODS)
    _check_choice("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("resize: crop_to_aspect_ratio and pad_to_aspect_ratio exclude one another. Choose one.")
    target = _target(size)
    x = convert(images)
    axes = _axes("resize", x, data_format)
    _known("resize", x, axes)
    original = x.dtype
    if interpolation != "nearest":
        x = to_float(x)
    if crop_to_aspect_ratio:
        x = _cropped(x, axes, target)
    elif pad_to_aspect_ratio:
        x = _framed(x, axes, target, fill_value)
    if interpolation == "nearest":
        for axis, length in zip(axes, target):
            x = _nearest(x, axis, length)
        return positive(x)
    result = in_float32(x, lambda t: _resampled(t, axes, target, interpolation, antialias))
    return result if result.dtype == original else saturate_cast(_whole(result, original), original)


def _whole(x: Operand, dtype: str) -> Operand:
    return round(x) if dtypes.is_integer(dtype) else x


def _check_choice(name: str, argument: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        known = ", ".join(repr(c) for c in choices)
        raise ArgumentError(f"{name}: {argument} must be one of {known}. Received: {value!r}.")


def _target(size: Any) -> tuple[int, int]:
    numbers = tuple(size) if isinstance(size, (tuple, list, np.ndarray)) else ()
    if len(numbers) != 2 or any(isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 1 for n in numbers):
        raise ArgumentError(
            f"resize: size must be two whole numbers of at least 1, (height, width). Received: {size!r}."
        )
    return int(numbers[0]), int(numbers[1])


def _axes(name: str, x: Operand, data_format: str | None) -> tuple[int, int]:
    """The axes of height and width."""
    layout = config.image_data_format if data_format is None else data_format
    _check_choice(name, "data_format", layout, ("channels_last", "channels_first"))
    rank = len(x.dims)
    if rank not in (3, 4):
        raise ShapeError(
            f"{name}: images must have rank 3 (one image) or 4 (a batch). Received: shape {x.shape}. A grey image of "
            "rank 2 needs an axis of one channel: `image[..., None]`."
        )
    return (rank - 3, rank - 2) if layout == "channels_last" else (rank - 2, rank - 1)


def _known(name: str, x: Operand, axes: tuple[int, int]) -> tuple[int, int]:
    """Height and width as numbers."""
    height, width = (x.dims[axis] for axis in axes)
    if not isinstance(height, int) or not isinstance(width, int) or height < 1 or width < 1:
        raise ShapeError(
            f"{name}: height and width of the images must be known and at least 1. Received: shape {x.shape}. Give the "
            "input a fixed height and width."
        )
    return height, width


def _cropped(x: Operand, axes: tuple[int, int], target: tuple[int, int]) -> Operand:
    """The largest window of the target's proportions, from the middle."""
    height, width = _known("resize", x, axes)
    tall = max(min(height, int(width * target[0] / target[1])), 1)
    wide = max(min(width, int(height * target[1] / target[0])), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return cut(cut(x, axes[0], top, top + tall), axes[1], left, left + wide)


def _framed(x: Operand, axes: tuple[int, int], target: tuple[int, int], fill: Any) -> Operand:
    """The image in the middle of a frame of the target's proportions, as nearly as two equal margins allow."""
    height, width = _known("resize", x, axes)
    margins = [(0, 0)] * len(x.dims)
    above = (max(height, int(width * target[0] / target[1])) - height) // 2
    beside = (max(width, int(height * target[1] / target[0])) - width) // 2
    margins[axes[0]] = (above, above)
    margins[axes[1]] = (0, 0) if above else (beside, beside)
    value = saturate_cast(_whole(convert(float(fill)), x.dtype), x.dtype)
    return pad(x, margins, constant_values=value)


def _nearest(x: Operand, axis: int, length: int) -> Operand:
    """An axis of another length, each entry a copy of the nearest; of two, the later one."""
    size: Any = x.dims[axis]
    if size == length:
        return x
    if length % size == 0:
        return repeat(x, length // size, axis)
    if size % length == 0:
        stride = size // length
        start, stop, step = [0] * len(x.dims), list(x.dims), [1] * len(x.dims)
        start[axis], step[axis] = stride // 2, stride
        return apply(P.SLICE, x, start=tuple(start), stop=tuple(stop), step=tuple(step))
    places = (2 * np.arange(length) + 1) * size // (2 * length)
    return apply(P.TAKE, x, Tensor.of_array(places.astype("int32")), axis=axis)


def _resampled(x: Operand, axes: tuple[int, int], target: tuple[int, int], method: str, antialias: bool) -> Tensor:
    """Weighted sums along the height and along the width; first where the image gets smaller the most."""
    steps = sorted(zip(axes, target), key=lambda step: step[1] / x.dims[step[0]])  # type: ignore[operator]
    for axis, length in steps:
        size: Any = x.dims[axis]
        if size != length:
            weights = _weights(size, length, method, antialias).astype(x.dtype)
            before = "abcd"[: len(x.dims)]
            after = before.replace(before[axis], "o")
            x = contract(Tensor.of_array(weights), x, ("o" + before[axis], before, after))
    return positive(x)


@functools.lru_cache(maxsize=64)
def _weights(size: int, length: int, method: str, antialias: bool) -> np.ndarray:
    """How much each of `size` pixels counts for each of `length` new ones: a matrix `(length, size)` of float64.

    The kernel is put over the place in the old image where the new pixel's centre lies, as wide as a new pixel where
    averages are wanted; what it gives sums to 1, so that nothing is lost at the edges.
    """
    shrink = size / length
    centres = (np.arange(length) + 0.5) * shrink - 0.5
    distances = np.abs(centres[:, None] - np.arange(size)) / (max(shrink, 1.0) if antialias else 1.0)
    weights = _KERNELS[method](distances)
    return weights / weights.sum(axis=1, keepdims=True)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0)


def _cubic(x: np.ndarray) -> np.ndarray:
    """The cubic convolution of R. G. Keys (1981), with a = -1/2."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((2.5 - 0.5 * x) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: np.ndarray, radius: int) -> np.ndarray:
    """`sinc(x) * sinc(x / radius)` up to the radius (Lanczos; Duchon 1979)."""
    return np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS: dict[str, Any] = {
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": functools.partial(_lanczos, radius=3),
    "lanczos5": functools.partial(_lanczos, radius=5),
}


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with rows and columns of zeros around them.

    Args:
        images: one image or a batch, as for `resize`.
        top_padding, bottom_padding, target_height: rows above, rows below, and the height that comes of it: two of
            the three.
        left_padding, right_padding, target_width: the same of columns.
        data_format: as for `resize`.

    Raises:
        ArgumentError: unless two of three are given, and none is or comes out negative.
        ShapeError: if `images` does not have rank 3 or 4.
    """
    x: Any = convert(images)
    axes = _axes("pad_images", x, data_format)
    names = (("top_padding", "bottom_padding", "target_height"), ("left_padding", "right_padding", "target_width"))
    given = ((top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width))
    margins: list[tuple[int, int]] = [(0, 0)] * len(x.dims)
    for axis, labels, (before, after, total) in zip(axes, names, given):
        _two_of_three("pad_images", labels, (before, after, total))
        if total is not None:
            _known("pad_images", x, axes)
        before = total - after - x.dims[axis] if before is None else before  # type: ignore[operator]
        after = total - before - x.dims[axis] if after is None else after  # type: ignore[operator]
        margins[axis] = _both_fit("pad_images", labels, before, after)
    return pad(x, margins)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without some of their outer rows and columns.

    Args:
        images: one image or a batch, as for `resize`.
        top_cropping, bottom_cropping, target_height: rows taken off above, rows taken off below, and the height that
            is left: two of the three.
        left_cropping, right_cropping, target_width: the same of columns.
        data_format: as for `resize`.

    Raises:
        ArgumentError: unless two of three are given, and none is or comes out negative.
        ShapeError: if `images` does not have rank 3 or 4, or a height or width that is not known.
    """
    x: Operand = convert(images)
    axes = _axes("crop_images", x, data_format)
    names = (("top_cropping", "bottom_cropping", "target_height"), ("left_cropping", "right_cropping", "target_width"))
    given = ((top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width))
    for axis, size, labels, (before, after, total) in zip(axes, _known("crop_images", x, axes), names, given):
        _two_of_three("crop_images", labels, (before, after, total))
        before = size - total - after if before is None else before  # type: ignore[operator]
        total = size - before - after if total is None else total  # type: ignore[operator]
        _both_fit("crop_images", (labels[0], labels[2]), before, total)
        _both_fit("crop_images", (labels[0], labels[1]), before, size - before - total)
        x = cut(x, axis, before, before + total)
    return positive(x)


def _two_of_three(name: str, labels: Sequence[str], values: Sequence[int | None]) -> None:
    received = ", ".join(f"{label}={value!r}" for label, value in zip(labels, values))
    if sum(value is None for value in values) != 1:
        raise ArgumentError(f"{name}: expected exactly two of {', '.join(labels)}. Received: {received}.")
    if any(
        value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0) for value in values
    ):
        raise ArgumentError(f"{name}: {', '.join(labels)} must be whole numbers of at least 0. Received: {received}.")


def _both_fit(name: str, labels: Sequence[str], before: int, after: int) -> tuple[int, int]:
    for label, value in zip(labels, (before, after)):
        if value < 0:
            raise ArgumentError(f"{name}: {label} would be {value}; expected at least 0. Change the other two sizes.")
    return before, after


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """The brightness of colour images, with one channel: 0.2989 red + 0.587 green + 0.114 blue.

    Args:
        images: one image or a batch, as for `resize`, of 3 channels; of 1 channel they stay as they are.
        data_format: as for `resize`.

    Returns:
        Images of the dtype of `images`; integers without their fraction, as in Keras.

    Raises:
        ShapeError: if `images` does not have rank 3 or 4, or has another number of channels.
    """
    x = convert(images)
    height, _ = _axes("rgb_to_grayscale", x, data_format)
    last = height == len(x.dims) - 3
    axis = len(x.dims) - 1 if last else height - 1
    if x.dims[axis] not in (1, 3):
        raise ShapeError(f"rgb_to_grayscale: images must have 3 channels, or 1. Received: shape {x.shape}.")
    if x.dims[axis] == 1:
        return positive(x)

    def brightness(t: Operand) -> Tensor:
        letters = "abcd"[: len(t.dims)]
        weights = convert(np.array([0.2989, 0.5870, 0.1140], t.dtype))
        return contract(t, weights, (letters, letters[axis], letters.replace(letters[axis], "")))

    return positive(cast(expand_dims(in_float32(to_float(x), brightness), axis), x.dtype))


__all__ = ["crop_images", "pad_images", "resize", "rgb_to_grayscale"]
