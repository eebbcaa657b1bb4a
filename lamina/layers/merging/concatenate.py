"""Tensors side by side along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.merging.merge import Merge, Shape


class Concatenate(Merge):
    """The inputs one after the other along an axis.

    Input: a list of tensors whose shapes are equal but for that axis.

    Args:
        axis: along which; -1, the last.

    Raises:
        ShapeError: if the shapes differ along another axis.
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ArgumentError(f"{self._title()}: axis must be a whole number. Received: {axis!r}.")
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.shape)
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the inputs, with the sum of their sizes along the axis."""
        shapes = self._check_list(input_shape)
        first = shapes[0]
        if not -len(first) <= self.axis < len(first):
            raise ShapeError(
                f"{self._title()}: axis={self.axis} is out of range for inputs of rank {len(first)}. Received the "
                f"shapes {', '.join(map(str, shapes))}."
            )
        axis = self.axis % len(first)
        result: list[int | None] = list(first)
        for shape in shapes[1:]:
            if len(shape) != len(first) or not all(
                i == axis or a is None or b is None or a == b for i, (a, b) in enumerate(zip(result, shape))
            ):
                raise ShapeError(
                    f"{self._title()}: the inputs must have one shape but for axis {self.axis}. Received the shapes "
                    f"{', '.join(map(str, shapes))}."
                )
            joined, size = result[axis], shape[axis]
            result = [a if b is None else b for a, b in zip(result, shape)]
            result[axis] = None if joined is None or size is None else joined + size
        return tuple(result)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks of the inputs one after the other; True where an input has none. None if none has one."""
        masks = self._check_masks(inputs, mask)
        if all(m is None for m in masks):
            return None
        ranks = {len(m.shape) for m in masks if m is not None}
        rank = min(ranks)
        if len(ranks) == 1 and rank < len(inputs[0].shape):
            return self._of_steps(inputs, masks, rank)
        parts = [_full_mask(x, m) for x, m in zip(inputs, masks)]
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1)

    def _of_steps(self, inputs: Any, masks: list[Any], rank: int) -> Any:
        """The mask of the output, where masks are for the first `rank` axes."""
        parts = [ops.ones(ops.shape(x)[:rank], dtype="bool") if m is None else m for x, m in zip(inputs, masks)]
        axis = self.axis % len(inputs[0].shape)
        if axis < rank:
            return ops.concatenate(parts, axis=axis)
        result = parts[0]
        for part in parts[1:]:
            result = ops.logical_or(result, part)
        return result

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


def _full_mask(x: Any, mask: Any) -> Any:
    """A mask of the shape of the input, for one that may lack the last axis."""
    if mask is None:
        return ops.ones_like(x, dtype="bool")
    mask = ops.convert_to_tensor(mask)
    if len(mask.shape) < len(x.shape):
        mask = ops.broadcast_to(ops.expand_dims(mask, -1), ops.shape(x))
    return mask


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors one after the other along an axis, by a `Concatenate` layer.

    Args:
        inputs: tensors whose shapes are equal but for that axis.
        kwargs: arguments of the layer, such as `name`.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
