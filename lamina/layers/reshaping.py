"""Layers that only give their input another shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.config import image_data_format
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class Flatten(Layer):
    """`(batch, a, b, ...)` as `(batch, a * b * ...)`; `(batch,)` as `(batch, 1)`.

    Args:
        data_format: `"channels_last"` (the default of the configuration) keeps the order of values;
            `"channels_first"` moves axis 1 to the end before.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format or image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ArgumentError(
                f"{self._title()}: data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}."
            )
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.dims[0], _count(self, inputs.dims[1:])))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}


def _count(layer: Layer, dims: Sequence[Any]) -> Any:
    try:
        result = 1
        for size in sorted(dims, key=lambda d: not isinstance(d, int)):
            result = size * result
    except ShapeError as error:
        raise ShapeError(f"{layer._title()}: {error}") from None
    return result


class Reshape(Layer):
    """Gives every sample another shape.

    Args:
        target_shape: of one sample, without the batch; one size may be -1 (or None): what the others leave over.

    Raises:
        ArgumentError: if more than one size is left open, or one is negative.
    """

    def __init__(self, target_shape: Sequence[int | None] | int, **kwargs: Any):
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        self.target_shape = tuple(-1 if size is None else size for size in target)
        if self.target_shape.count(-1) > 1 or any(size < -1 for size in self.target_shape):
            raise ArgumentError(
                f"{self._title()}: target_shape has sizes of at least 0, at most one of them -1. Received: "
                f"{tuple(target)}."
            )
        self.built = True

    def _resolve(self, sample: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The target with -1 replaced, by None where the input's own sizes are not known."""
        known = math.prod(size for size in self.target_shape if size != -1)
        if None in sample:
            return tuple(None if size == -1 else size for size in self.target_shape)
        count = math.prod(sample)  # type: ignore[arg-type]
        fits = known > 0 and count % known == 0 if -1 in self.target_shape else count == known
        if not fits:
            raise ShapeError(
                f"{self._title()}: a sample of shape {tuple(sample)} has {count} values, which do not fit "
                f"target_shape={self.target_shape} ({'a multiple of ' if -1 in self.target_shape else ''}{known})."
            )
        return tuple(count // known if size == -1 else size for size in self.target_shape)

    def call(self, inputs: Any) -> Any:
        target = self._resolve(tuple(inputs.shape[1:]))
        return ops.reshape(inputs, (inputs.dims[0], *(-1 if size is None else size for size in target)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self._resolve(tuple(input_shape[1:])))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}
