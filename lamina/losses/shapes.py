"""How targets, predictions and weights of different ranks are brought together."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Two tensors whose ranks differ by one with that last axis removed or added, where it has size 1.

    Args:
        expand_rank_1: whether a tensor of rank 1 gets an axis, rather than the other losing one; True.
    """
    if len(x1.shape) == len(x2.shape) + 1 and x1.shape[-1] == 1:
        if len(x2.shape) == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if len(x2.shape) == len(x1.shape) + 1 and x2.shape[-1] == 1:
        if len(x1.shape) == 1 and expand_rank_1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def aligned(weights: Any, rank: int) -> Any:
    """Weights with axes of size 1 at the end, up to a rank: a weight for each sample is one for all of its values."""
    missing = rank - len(weights.shape)
    return ops.reshape(weights, (*weights.dims, *(1,) * missing)) if missing > 0 and weights.shape else weights


def prepare(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one float dtype and one rank.

    Raises:
        ShapeError: if they cannot be compared element by element.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    check_comparable(name, y_true, y_pred)
    return y_true, y_pred


def check_comparable(name: str, y_true: Any, y_pred: Any) -> None:
    """Raises ShapeError unless each axis has one size in both, or size 1 in one of them."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    scalar = not true or not pred
    if scalar or (len(true) == len(pred) and all(_meet(a, b) for a, b in zip(true, pred, strict=True))):
        return
    raise ShapeError(
        f"Loss {name!r}: y_true has shape {true} and y_pred has shape {pred}; they are compared element by element. "
        + _advice(true, pred)
    )


def _meet(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b or 1 in (a, b)


def _advice(true: tuple[int | None, ...], pred: tuple[int | None, ...]) -> str:
    if len(true) < len(pred):
        return (
            "If y_true holds class numbers, use a sparse categorical loss; otherwise give the model an output of the "
            "shape of y_true, for example a last layer of 1 unit for one number a sample."
        )
    if len(true) == len(pred) and true[-1] != pred[-1]:
        return f"Give the last layer {true[-1]} units, or fix the targets."
    return "Flatten the targets, or remove the layer that drops axes of the output."
