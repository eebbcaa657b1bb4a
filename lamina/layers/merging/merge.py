"""What layers that make one tensor of several have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.layer import Layer

Shape = tuple[int | None, ...]


class Merge(Layer):
    """Base of layers that combine the values of several tensors place by place.

    A subclass has `_merge(inputs)`. Axes of size 1 are stretched to those of the other inputs; an input of lower rank
    gets axes of size 1 after the batch.

    Input: a list of at least one tensor; output: one tensor of the shape to which they broadcast.
    """

    # How many inputs the layer takes exactly; None for any number.
    _count: int | None = None

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge(self, inputs: list[Any]) -> Any:
        raise NotImplementedError(f"{self._title()} has no `_merge(self, inputs)`.")

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        self._check_list([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.shape)
        rank = max(len(x.shape) for x in inputs)
        return self._merge([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape to which all inputs broadcast."""
        shapes = self._check_list(input_shape)
        rank = max(map(len, shapes))
        result: Shape = (1,) * rank
        for shape in shapes:
            padded = (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])
            result = tuple(self._common(axis, *pair, shapes) for axis, pair in enumerate(zip(result, padded)))
        return result

    def _check_list(self, shapes: Any) -> list[Shape]:
        """The shapes of a list of inputs; raises ArgumentError if it is none, or of another length than is taken."""
        if not isinstance(shapes, (list, tuple)) or not shapes or not all(isinstance(s, (list, tuple)) for s in shapes):
            raise ArgumentError(
                f"{self._title()} takes a list of tensors, as in {type(self).__name__}()([x, y]). Received: "
                f"{'an empty list' if not shapes and isinstance(shapes, list) else f'one input of shape {shapes}'}."
            )
        if self._count is not None and len(shapes) != self._count:
            raise ArgumentError(f"{self._title()} takes exactly {self._count} inputs. Received: {len(shapes)}.")
        return [tuple(shape) for shape in shapes]

    def _common(self, axis: int, first: int | None, second: int | None, shapes: Sequence[Shape]) -> int | None:
        if first == second or second == 1:
            return first
        if first == 1:
            return second
        if first is None or second is None:
            return None if axis else first or second
        raise ShapeError(
            f"{self._title()}: the inputs cannot be merged: their sizes along axis {axis} are {first} and {second}, "
            f"neither of which is 1. Received the shapes {', '.join(map(str, shapes))}."
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output: where the mask of any input is True; None if one of them has none.

        Args:
            inputs: the inputs of the layer.
            mask: a list with a mask (or None) for each of them; or None.
        """
        masks = self._check_masks(inputs, mask)
        if any(m is None for m in masks):
            return None
        result = masks[0]
        for other in masks[1:]:
            result = ops.logical_or(result, other)
        return result

    def _check_masks(self, inputs: Any, mask: Any) -> list[Any]:
        """A mask or None for each input."""
        if mask is None:
            return [None] * len(inputs)
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            given = f"{len(mask)} masks" if isinstance(mask, (list, tuple)) else repr(mask)
            raise ArgumentError(
                f"{self._title()}: mask must be a list with a mask (or None) for each of the {len(inputs)} inputs. "
                f"Received: {given}."
            )
        return list(mask)


def _with_rank(x: Any, rank: int) -> Any:
    """The tensor with axes of size 1 after the batch, up to this rank."""
    missing = rank - len(x.shape)
    return ops.reshape(x, (*x.dims[:1], *(1,) * missing, *x.dims[1:])) if missing else x
