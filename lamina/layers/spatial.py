"""What the layers over time, images and volumes have in common: sizes per axis, layouts, sizes of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.base.config import image_data_format
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.input_spec import InputSpec, advice_on_steps
from lamina.layers.layer import Layer

SampleShape = tuple[int | None, ...]


class SpatialLayer(Layer):
    """A layer of inputs with a batch axis, a channel axis, and `rank` axes of space or time.

    Args:
        data_format: `"channels_last"` for `(batch, *space, channels)`, `"channels_first"` for
            `(batch, channels, *space)`; the default of the configuration when None.

    Raises:
        ArgumentError: for another data format.
    """

    rank: int

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = image_data_format() if data_format is None else data_format
        if self.data_format not in ("channels_last", "channels_first"):
            raise ArgumentError(
                f"{self._title()}: data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}."
            )
        self.input_spec = SpatialSpec(self.rank, self.data_format)

    @property
    def _channel_axis(self) -> int:
        return self.rank + 1 if self.data_format == "channels_last" else 1

    @property
    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _parts(self, shape: Sequence[int | None]) -> tuple[SampleShape, int | None]:
        """The sizes of space, and the number of channels, of an input of this shape; ShapeError for a wrong rank."""
        SpatialSpec(self.rank, self.data_format).check_shape(shape, self._title())
        return tuple(shape[axis] for axis in self._spatial_axes), shape[self._channel_axis]

    def _joined(self, batch: int | None, spatial: SampleShape, channels: int | None) -> SampleShape:
        """The shape of which these are the parts."""
        return (batch, *spatial, channels) if self.data_format == "channels_last" else (batch, channels, *spatial)

    def _all_axes(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """A pair of numbers for every axis of the input, from those of the axes of space; (0, 0) for the others."""
        result = [(0, 0)] * (self.rank + 2)
        for axis, pair in zip(self._spatial_axes, pairs, strict=True):
            result[axis] = pair
        return result

    def _windows(
        self, shape: Sequence[int | None], argument: str, sizes: Sequence[int], strides: Sequence[int], padding: str,
        dilations: Sequence[int] | None = None,
    ) -> SampleShape:  # fmt: skip
        """How many windows fit along each axis of space of an input of this shape; ShapeError where none does.

        Args:
            argument: what messages call the sizes, such as `"kernel_size"`.
        """
        spatial, _ = self._parts(shape)
        counts: list[int | None] = []
        for position, extent in enumerate(spatial):
            dilation = 1 if dilations is None else dilations[position]
            span = (sizes[position] - 1) * dilation + 1
            if extent is None:
                counts.append(None)
            elif padding != "valid":
                counts.append(-(-extent // strides[position]))
            elif extent < span:
                dilated = f" with dilation_rate={tuple(dilations)}" if dilations is not None and dilation > 1 else ""
                raise ShapeError(
                    f"{self._title()}: axis {self._spatial_axes[position]} of the input has {extent} value(s), fewer "
                    f"than the {span} that one window of {argument}={tuple(sizes)}{dilated} spans. Received: input "
                    f"shape {tuple(shape)}, padding='valid'. Give larger inputs, use a smaller {argument}, or "
                    "padding='same'."
                )
            else:
                counts.append((extent - span) // strides[position] + 1)
        return tuple(counts)


class SpatialSpec(InputSpec):
    """Demands the rank of inputs over space, and says how to get it.

    Args:
        rank: number of axes of space.
        data_format: `"channels_last"` or `"channels_first"`.
        channels: the number of channels; None for any.
    """

    def __init__(self, rank: int, data_format: str, channels: int | None = None):
        last = data_format == "channels_last"
        super().__init__(ndim=rank + 2, axes={} if channels is None else {-1 if last else 1: channels})
        space = ("steps",) if rank == 1 else ("depth", "height", "width")[-rank:]
        self.layout = f"({', '.join(('batch', *space, 'channels') if last else ('batch', 'channels', *space))})"
        self.channels_last = last

    def check_shape(self, shape: Sequence[int | None], layer: str) -> None:
        """Raises ShapeError if the rank is another one."""
        self._check_rank(tuple(shape), f"{layer}: input 0 has shape {tuple(shape)}")

    def _check_rank(self, shape: tuple[int | None, ...], where: str) -> None:
        rank = len(shape)
        if rank == self.ndim:
            return
        advice = "Put a Reshape layer before it, or drop axes of size 1 with `ops.squeeze`."
        if self.ndim is not None and rank < self.ndim:
            channel = "x[..., None]" if self.channels_last else "x[:, None]"
            advice = f"One sample goes in as `x[None]`; data without an axis of channels as `{channel}`."
            if self.ndim == 3 and rank == 2:
                advice = advice_on_steps(shape)
        raise ShapeError(f"{where}, of rank {rank}; expected rank {self.ndim}: {self.layout}. {advice}")


def whole_number(owner: str, name: str, value: Any, least: int = 1) -> int:
    """`value` as an int of at least `least`, or ArgumentError.

    Args:
        owner, name: what messages call the layer and its argument.
    """
    if not _counts(value, least):
        raise ArgumentError(f"{owner}: {name} must be a whole number of at least {least}. Received: {value!r}.")
    return int(value)


def whole_numbers(owner: str, name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """`value`, one int for all or one for each, as a tuple of `count` ints of at least `least`, or ArgumentError.

    Args:
        owner, name: what messages call the layer and its argument.
    """
    items = (value,) * count if not isinstance(value, (tuple, list)) else tuple(value)
    if len(items) != count or not all(_counts(item, least) for item in items):
        several = f", or {count} of them" if count > 1 else ", or a tuple of one"
        raise ArgumentError(
            f"{owner}: {name} must be a whole number of at least {least}{several}. Received: {value!r}."
        )
    return tuple(int(item) for item in items)


def pairs(owner: str, name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Numbers of elements before and after along each of `rank` axes, or ArgumentError.

    Args:
        owner, name: what messages call the layer and its argument.
        value: one number for all; one for each axis (for one axis: before and after); or a pair for each axis.
    """
    if _counts(value, 0):
        return ((int(value), int(value)),) * rank
    items = tuple(value) if isinstance(value, (tuple, list)) else ()
    if rank == 1 and len(items) == 2 and all(_counts(item, 0) for item in items):
        return ((int(items[0]), int(items[1])),)
    if len(items) != rank or not all(_counts(item, 0) or _is_pair(item) for item in items):
        forms = "a pair (before, after)" if rank == 1 else f"{rank} of them, or {rank} pairs (before, after)"
        raise ArgumentError(f"{owner}: {name} must be a whole number of at least 0, {forms}. Received: {value!r}.")
    return tuple((int(item[0]), int(item[1])) if _is_pair(item) else (int(item), int(item)) for item in items)


def choice(owner: str, name: str, value: Any, allowed: Sequence[str]) -> str:
    """`value` in lower case where that is one of the allowed words, or ArgumentError."""
    word = value.lower() if isinstance(value, str) else value
    if not isinstance(word, str) or word not in allowed:
        words = " or ".join([", ".join(repr(w) for w in allowed[:-1]), repr(allowed[-1])])
        raise ArgumentError(f"{owner}: {name} must be {words}. Received: {value!r}.")
    return word


def padding_mode(owner: str, value: Any, allowed: Sequence[str] = ("valid", "same")) -> str:
    """`value` as one of the allowed words for `padding`, or ArgumentError."""
    if isinstance(value, (int, tuple, list)):
        raise ArgumentError(
            f"{owner}: padding must be one of {', '.join(repr(w) for w in allowed)}. Received: {value!r}. For numbers "
            "of elements, put a ZeroPadding layer before it."
        )
    return choice(owner, "padding", value, allowed)


def _counts(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and int(value) >= least


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(_counts(item, 0) for item in value)
