"""Sums, differences, products, means and extremes of several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import ops
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
    """The product of the inputs."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.multiply, inputs)


class Average(Merge):
    """The mean of the inputs."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.add, inputs) / len(inputs)


class Maximum(Merge):
    """The largest of the inputs at each place."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.maximum, inputs)


class Minimum(Merge):
    """The smallest of the inputs at each place."""

    def _merge(self, inputs: list[Any]) -> Any:
        return _folded(ops.minimum, inputs)


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
