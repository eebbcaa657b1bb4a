"""Scalar products of two tensors, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.merging.merge import Merge, Shape


class Dot(Merge):
    """Sums the products of two inputs along an axis of each, sample by sample.

    Input: two tensors of rank 2 or more; output: the other axes of the first, then those of the second, as in
    `(batch, a, n)` and `(batch, n, b)` to `(batch, a, b)` with `axes=(2, 1)`; `(batch, 1)` where no axis is left.

    Args:
        axes: the axis of both inputs, or one for each; not 0, the batch.
        normalize: whether both are scaled to length 1 along their axes before, which gives the cosine; False.

    Raises:
        ShapeError: if the two axes differ in size.
    """

    _count = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        pair = [axes, axes] if isinstance(axes, int) else list(axes) if isinstance(axes, (list, tuple)) else []
        if len(pair) != 2 or not all(isinstance(a, int) and not isinstance(a, bool) for a in pair):
            raise ArgumentError(f"{self._title()}: axes must be one or two whole numbers. Received: {axes!r}.")
        self.axes = axes
        self.normalize = normalize

    def _axes(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """The axis of each input, counted from the front."""
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        found = []
        for axis, shape in zip(pair, shapes):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ShapeError(
                    f"{self._title()}: an axis must be from 1 to rank - 1 (axis 0 is the batch). Received: axes="
                    f"{self.axes} for inputs of shapes {', '.join(map(str, shapes))}."
                )
            found.append(axis % len(shape))
        return found[0], found[1]

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.shape)
        first, second = inputs
        i, j = self._axes([first.shape, second.shape])
        if self.normalize:
            first, second = ops.normalize(first, axis=i), ops.normalize(second, axis=j)
        left = [d for axis, d in enumerate(first.dims) if axis not in (0, i)]
        right = [d for axis, d in enumerate(second.dims) if axis not in (0, j)]
        batch, summed = first.dims[0], first.dims[i]
        first = ops.reshape(ops.moveaxis(first, i, -1), (batch, _product(left), summed))
        second = ops.reshape(ops.moveaxis(second, j, 1), (batch, summed, _product(right)))
        return ops.reshape(ops.matmul(first, second), (batch, *([*left, *right] or [1])))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The axes of both inputs that are not summed over."""
        shapes = self._check_list(input_shape)
        first, second = shapes
        i, j = self._axes(shapes)
        self._same(first[0], second[0], "batches", shapes)
        self._same(first[i], second[j], f"sizes along axes {i} and {j}", shapes)
        left = [d for axis, d in enumerate(first) if axis not in (0, i)]
        right = [d for axis, d in enumerate(second) if axis not in (0, j)]
        return (second[0] if first[0] is None else first[0], *([*left, *right] or [1]))

    def _same(self, first: int | None, second: int | None, what: str, shapes: Sequence[Shape]) -> None:
        if first is not None and second is not None and first != second:
            raise ShapeError(
                f"{self._title()}: the {what} must be equal. Received: {first} and {second}, for inputs of shapes "
                f"{', '.join(map(str, shapes))}."
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: what is masked is summed over with the rest."""
        return None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}


def _product(dims: Sequence[Any]) -> Any:
    known = math.prod(d for d in dims if isinstance(d, int))
    for dimension in (d for d in dims if not isinstance(d, int)):
        known = dimension * known
    return known


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The scalar products of two tensors, by a `Dot` layer.

    Args:
        inputs: two tensors.
        axes: as of `Dot`; -1.
        kwargs: arguments of the layer, such as `normalize` and `name`.
    """
    return Dot(axes=axes, **kwargs)(inputs)
