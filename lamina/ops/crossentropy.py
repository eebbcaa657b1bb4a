"""Cross-entropies between targets and predictions, from probabilities or from logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base.config import config
from lamina.base.dims import format_shape
from lamina.base.errors import IndexRangeError, ShapeError
from lamina.ops.activations import log_softmax
from lamina.ops.core import Operand, apply, cast, convert, in_float32, normal_axis, to_float, unary
from lamina.ops.elementwise import clip
from lamina.ops.logic import where
from lamina.ops.reduction import keep_axes, sum
from lamina.ops.shaping import squeeze
from lamina.tensor.arithmetic import add, divide, multiply, negative, subtract
from lamina.tensor.tensor import Tensor


def _same_shape(name: str, target: Operand, output: Operand) -> None:
    if tuple(target.dims) != tuple(output.dims):
        raise ShapeError(
            f"{name}: target and output must have one shape. Received: target {format_shape(target.dims)}, output "
            f"{format_shape(output.dims)}."
        )


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """`-target * log(output) - (1 - target) * log(1 - output)`, element by element.

    Args:
        target: probabilities from 0 to 1, of the shape of `output`.
        output: probabilities, cut to lie `epsilon` within 0 and 1; or logits, whose sigmoid is the probability.
        from_logits: which of the two.
    """
    x = to_float(output)
    y = cast(convert(target), x.dtype)
    _same_shape("binary_crossentropy", y, x)

    def of_logits(z: Operand) -> Tensor:
        # softplus(z) - z * y, without the difference of two large numbers.
        t = cast(y, z.dtype)
        soft = unary(P.SOFTPLUS, where(z <= 0, z, negative(z)))
        return add(subtract(where(z <= 0, 0.0, z), multiply(z, t)), soft)

    def of_probabilities(p: Operand) -> Tensor:
        t = cast(y, p.dtype)
        p = clip(p, config.epsilon, 1.0 - config.epsilon)
        there = multiply(t, unary(P.LOG, p))
        return negative(add(there, multiply(subtract(1.0, t), unary(P.LOG, subtract(1.0, p)))))

    return in_float32(x, of_logits if from_logits else of_probabilities)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """`-sum(target * log(output))` over an axis.

    Args:
        target: probabilities of the classes, often one-hot, of the shape of `output`.
        output: probabilities, which are scaled to sum to 1 first; or logits, whose softmax they are.
        from_logits: which of the two.
        axis: of the classes.
    """
    x = to_float(output)
    y = cast(convert(target), x.dtype)
    _same_shape("categorical_crossentropy", y, x)
    _need_classes("categorical_crossentropy", x)
    return in_float32(
        x, lambda t: negative(sum(multiply(cast(y, t.dtype), _log_probabilities(t, from_logits, axis)), axis))
    )


def _need_classes(name: str, x: Operand) -> None:
    if not x.dims:
        raise ShapeError(f"{name}: output needs an axis of classes. Received: a scalar.")


def _log_probabilities(x: Operand, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return log_softmax(x, axis)
    scaled = divide(x, sum(x, axis, keepdims=True))
    return unary(P.LOG, clip(scaled, config.epsilon, 1.0 - config.epsilon))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """`-log(output[label])`: as `categorical_crossentropy`, with whole numbers for the classes.

    Args:
        target: labels from 0, of the shape of `output` without `axis`; an axis of size 1 in its place is dropped.
        output: probabilities, or logits.
        from_logits: which of the two.
        axis: of the classes.

    Raises:
        IndexRangeError: if a label is negative or not below the number of classes.
        ShapeError: if the shapes do not match.
    """
    name = "sparse_categorical_crossentropy"
    x = to_float(output)
    _need_classes(name, x)
    place = normal_axis(name, axis, len(x.dims))
    labels = cast(convert(target), "int64")
    if len(labels.dims) == len(x.dims) and labels.dims[-1] == 1:
        labels = squeeze(labels, -1)
    expected = tuple(d for i, d in enumerate(x.dims) if i != place)
    if tuple(labels.dims) != expected:
        raise ShapeError(
            f"{name}: target must have the shape of output without axis {axis}, {format_shape(expected)}. Received: "
            f"target {format_shape(labels.dims)}, output {format_shape(x.dims)}. For one-hot targets use "
            "categorical_crossentropy."
        )
    _check_labels(name, labels, x.dims[place])

    def compute(t: Operand) -> Tensor:
        wanted = keep_axes(labels, t, (place,))  # type: ignore[arg-type]
        logs = _log_probabilities(t, from_logits, place)
        chosen = apply(P.TAKE_ALONG_AXIS, logs, wanted, axis=place)
        return negative(squeeze(chosen, place))

    return in_float32(x, compute)


def _check_labels(name: str, labels: Operand, classes: Any) -> None:
    """Speaks of labels where the numbers are at hand; in a program the index is checked when it runs."""
    if labels._array is None or not isinstance(classes, int):
        return
    wrong = (labels._array < 0) | (labels._array >= classes)
    if np.any(wrong):
        raise IndexRangeError(
            f"{name}: labels must lie from 0 to {classes - 1}, as output has {classes} classes. Received: "
            f"{labels._array[wrong][0]}."
        )


__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
