"""Sums, differences, products, means and extremes of several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import ops
from lamina.layers.masks import set_mask
from lamina.layers.merging.merge import Merge


def _folded(function: Callable[[Any, Any], Any], inputs: Sequence[Any]) -> Any:
    result = inputs[0]
    for x in inputs[1:]:
        result = function(result, x)
    return result


class Add(Merge):
    """The sum of the inputs."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.add, inputs)


class Subtract(Merge):
    """The first of two inputs less the second."""

    _count = 2

    def _merge(self, inputs: list[Any]) -> Any:
        return ops.subtract(inputs[0], inputs[1])


class Multiply(Merge):
    """The product of the inputs; what their masks hide counts as 1, and where all of them hide it the output is 0."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.multiply, inputs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or not isinstance(mask, (list, tuple)):
            return super().call(inputs)
        kept = [_full(m, x) for m, x in zip(mask, inputs)]
        result = super().call(
            [x if m is None else ops.where(m, x, ops.ones((), x.dtype)) for m, x in zip(kept, inputs)]
        )
        joined = self.compute_mask(inputs, mask)
        if joined is not None:
            result = ops.where(_full(joined, result), result, ops.zeros((), result.dtype))
            set_mask(result, joined)
        return result


class Average(Merge):
    """The mean of the inputs."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.add, inputs) / len(inputs)


class _Extreme(Merge):
    """One of the inputs at each place; those that their masks hide are passed over where another is not hidden."""

    def _chosen(self, first: Any, second: Any) -> Any:
        raise NotImplementedError(f"{self._title()} has no `_chosen(self, first, second)`.")

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(self._chosen, inputs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or not isinstance(mask, (list, tuple)):
            return super().call(inputs)
        result, seen = inputs[0], _full(mask[0], inputs[0])
        for x, m in zip(inputs[1:], mask[1:]):
            here = _full(m, x)
            x = x if here is None else ops.where(here, x, result)
            result = super().call([result if seen is None else ops.where(seen, result, x), x])
            seen = None if seen is None or here is None else ops.logical_or(seen, here)
        return result


class Maximum(_Extreme):
    """The largest of the inputs at each place; what their masks hide is passed over."""

    def _chosen(self, first: Any, second: Any) -> Any:
        return ops.maximum(first, second)


class Minimum(_Extreme):
    """The smallest of the inputs at each place; what their masks hide is passed over."""

    def _chosen(self, first: Any, second: Any) -> Any:
        return ops.minimum(first, second)


def _full(mask: Any, x: Any) -> Any:
    """A mask with axes of size 1 at the end, as many as it lacks of those of the tensor; None stays None."""
    if mask is None:
        return None
    mask = ops.convert_to_tensor(mask)
    return ops.reshape(mask, (*mask.dims, *(1,) * (len(x.shape) - len(mask.shape))))


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of tensors, by an `Add` layer of its own.

    Args:
        inputs: at least one tensor.
        kwargs: arguments of the layer, such as `name`.
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first of two tensors less the second, by a `Subtract` layer; arguments as of `add`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of tensors, by a `Multiply` layer; arguments as of `add`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of tensors, by an `Average` layer; arguments as of `add`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of tensors at each place, by a `Maximum` layer; arguments as of `add`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of tensors at each place, by a `Minimum` layer; arguments as of `add`."""
    return Minimum(**kwargs)(inputs)
