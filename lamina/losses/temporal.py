"""The loss of labels whose places in time are not known."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.masks import mask_of
from lamina.losses.loss import Loss, LossFunctionWrapper
from lamina.ops.ctc import ctc_loss_of_steps

_BLANK = 0


def ctc(y_true: Any, y_pred: Any) -> Any:
    """`-log` of the chance of the labels over all ways to place them in time, see `ops.ctc_loss`.

    Args:
        y_true: labels, whole numbers from 1, `(batch, labels)`; 0 is padding at the end.
        y_pred: logits `(batch, steps, classes)`, of which class 0 is the blank. Steps that a mask hides do not count.

    Returns:
        `(batch,)`.

    Raises:
        ShapeError: if the ranks are not these.
    """
    y_true, steps = ops.convert_to_tensor(y_true), mask_of(y_pred)
    y_pred = ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ShapeError(
            "Loss 'ctc': y_true must be labels (batch, labels), and y_pred logits (batch, steps, classes). Received: "
            f"y_true of shape {tuple(y_true.shape)}, y_pred of shape {tuple(y_pred.shape)}."
        )
    labels = ops.cast(y_true, "int64")
    count = ops.sum(ops.cast(ops.not_equal(labels, _BLANK), "int64"), axis=-1)
    if steps is None:
        steps = ops.ones(tuple(y_pred.dims[:2]), dtype="bool")
    return ctc_loss_of_steps(labels, y_pred, count, steps, _BLANK)


ctc.takes_integers = True  # type: ignore[attr-defined]
ctc.reads_mask = True  # type: ignore[attr-defined]


class CTC(LossFunctionWrapper):
    """`ctc` as a loss: labels without their places in time, from logits, see there."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None):
        super().__init__(ctc, name=name, reduction=reduction, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return Loss.get_config(self)
