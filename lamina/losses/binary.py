"""Losses on yes-or-no targets: cross-entropy and its focal form."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.activations.logits import logits_of
from lamina.losses.loss import LossFunctionWrapper
from lamina.losses.shapes import prepare

Reduction = str | None


def _smooth(y_true: Any, label_smoothing: float) -> Any:
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """`-mean(t * log(p) + (1 - t) * log(1 - p))` over an axis.

    Args:
        y_true: 0 or 1, or shares between.
        y_pred: probabilities; or any numbers if `from_logits`. Probabilities are kept `epsilon()` away from 0 and 1,
            unless they come right from the sigmoid activation: then its inputs are used, as Keras on TensorFlow does.
        from_logits: whether the sigmoid is still to be applied; False.
        label_smoothing: moves targets towards 1/2 by this share; 0.
        axis: -1.
    """
    y_true, y_pred = prepare("binary_crossentropy", y_true, y_pred)
    logits = None if from_logits else logits_of("sigmoid", y_pred)
    if logits is not None:
        y_pred, from_logits = logits, True
    losses = ops.binary_crossentropy(_smooth(y_true, label_smoothing), y_pred, from_logits=from_logits)
    return ops.mean(losses, axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Cross-entropy times `(1 - p_t)^gamma`, where `p_t` is the probability of the truth (Lin et al., 2017).

    Args:
        apply_class_balancing: whether ones are weighted by `alpha` and zeros by `1 - alpha`; False.
        alpha: 0.25; gamma: 2.
        from_logits, label_smoothing, axis: as in `binary_crossentropy`.
    """
    y_true, y_pred = prepare("binary_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    truth = y_true * p + (1.0 - y_true) * (1.0 - p)
    loss = ops.power(1.0 - truth, gamma) * ops.binary_crossentropy(y_true, p)
    if apply_class_balancing:
        loss = loss * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(loss, axis=axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of yes-or-no targets; arguments as of `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Focal cross-entropy of yes-or-no targets; arguments as of `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_focal_crossentropy, name=name, reduction=reduction, dtype=dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
