"""Losses on one class out of several: cross-entropy with one-hot targets or class numbers, and its focal form."""

from __future__ import annotations

from typing import Any

from lamina import ops, primitives
from lamina.activations.logits import logits_of
from lamina.base.config import epsilon
from lamina.base.errors import ArgumentError, IndexRangeError, ShapeError
from lamina.losses.loss import LossFunctionWrapper
from lamina.tensor import apply

Reduction = str | None


def _one_hot_pair(name: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int) -> tuple[Any, Any]:
    """Targets and predictions of one shape; targets smoothed."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true) != len(pred) or any(
        a is not None and b is not None and a != b for a, b in zip(true, pred, strict=True)
    ):
        sparse = len(true) < len(pred) or true[-1] == 1
        raise ShapeError(
            f"Loss {name!r}: y_true has shape {true} and y_pred has shape {pred}; both must be (batch, ..., classes). "
            + (
                "y_true seems to hold class numbers: use 'sparse_categorical_crossentropy', or one-hot encode it."
                if sparse
                else f"Give the last layer {true[-1]} units, or fix the targets."
            )
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / true[axis]
    return y_true, y_pred


def _prefer_logits(y_pred: Any, from_logits: bool, axis: int) -> tuple[Any, bool]:
    """Predictions, as logits where these are known."""
    logits = None if from_logits or axis not in (-1, len(y_pred.shape) - 1) else logits_of("softmax", y_pred)
    return (y_pred, from_logits) if logits is None else (logits, True)


def _clip(p: Any) -> Any:
    """A probability kept `epsilon()` away from 0 and 1, so that its logarithm is finite."""
    return ops.clip(p, epsilon(), 1.0 - epsilon())


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """`-sum(t * log(p))` over the classes.

    Args:
        y_true: one-hot, or shares that sum to 1; of the shape of `y_pred`.
        y_pred: probabilities; or any numbers if `from_logits`. Probabilities are made to sum to 1 and kept
            `epsilon()` away from 0 and 1, unless they come right from the softmax activation: then its inputs are
            used, as Keras on TensorFlow does.
        from_logits: whether the softmax is still to be applied; False.
        label_smoothing: share of the targets that is spread over all classes; 0.
        axis: of the classes; -1.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = _one_hot_pair("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    y_pred, from_logits = _prefer_logits(y_pred, from_logits, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Cross-entropy times `alpha * (1 - p)^gamma` for each class (Lin et al., 2017); other arguments as above."""
    y_true, y_pred = _one_hot_pair("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = _clip(p)
    return ops.sum(alpha * ops.power(1.0 - p, gamma) * -y_true * ops.log(p), axis=axis)


def _class_numbers(y_true: Any, y_pred: Any, axis: int) -> Any:
    """Targets as integers, of the shape of the predictions without the class axis."""
    y_true = ops.convert_to_tensor(y_true)
    true, pred = list(y_true.shape), list(y_pred.shape)
    if len(true) == len(pred) and true[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
        true = list(y_true.shape)
    expected = pred[:axis] + pred[axis + 1 :] if axis != -1 else pred[:-1]
    if len(true) != len(expected) or any(
        a is not None and b is not None and a != b for a, b in zip(true, expected, strict=True)
    ):
        one_hot = true == pred
        raise ShapeError(
            f"Loss 'sparse_categorical_crossentropy': y_true has shape {tuple(true)}; expected {tuple(expected)} for "
            f"y_pred of shape {tuple(pred)}. "
            + (
                "y_true seems to be one-hot: use 'categorical_crossentropy'."
                if one_hot
                else "y_true holds one class number for each prediction."
            )
        )
    return ops.cast(y_true, "int64")


def _hot(labels: Any, classes: int, axis: int) -> Any:
    """True at the class of each label, along a new axis; a label out of range is an error."""
    numbers = ops.arange(classes, dtype="int64")
    try:
        # Looking the number up in a table of all of them checks that it is one, in a compiled program too.
        known = apply(primitives.TAKE, numbers, labels, axis=0)
    except IndexRangeError as error:
        raise IndexRangeError(
            f"Loss 'sparse_categorical_crossentropy': y_true must hold class numbers from 0 to {classes - 1}, as "
            f"y_pred has {classes} classes. {error}"
        ) from None
    return ops.one_hot(known, classes, axis=axis, dtype="bool")


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """`-log(p[y_true])`: cross-entropy with class numbers as targets.

    Args:
        y_true: whole numbers from 0 to classes - 1, of the shape of `y_pred` without its class axis (or with 1 there).
        y_pred: probabilities; or any numbers if `from_logits`. Probabilities are made to sum to 1 and kept
            `epsilon()` away from 0 and 1, unless they come right from the softmax activation: then its inputs are
            used, as Keras on TensorFlow does.
        from_logits: whether the softmax is still to be applied; False.
        ignore_class: a class number whose loss is 0, such as -1 for "unknown"; none.
        axis: of the classes; -1.

    Raises:
        ShapeError: if the shapes do not fit.
        IndexRangeError: if a class number is out of range.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = _class_numbers(y_true, y_pred, axis)
    y_pred, from_logits = _prefer_logits(y_pred, from_logits, axis)
    valid = None
    if ignore_class is not None:
        valid = ops.not_equal(labels, ignore_class)
        labels = ops.where(valid, labels, 0)
        y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0 if from_logits else 1.0)
    # A sum over a one-hot choice, unlike a gather, has a gradient without scattering.
    picked = ops.sum(ops.where(_hot(labels, y_pred.shape[axis], axis), y_pred, 0.0), axis=axis)
    if from_logits:
        loss = ops.logsumexp(y_pred, axis=axis) - picked
    else:
        loss = -ops.log(_clip(picked / ops.sum(y_pred, axis=axis)))
    return loss if valid is None else ops.where(valid, loss, 0.0)


sparse_categorical_crossentropy.takes_integers = True  # type: ignore[attr-defined]


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy with one-hot targets; arguments as of `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        _check_axis(axis)
        super().__init__(
            categorical_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Focal cross-entropy with one-hot targets; arguments as of `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        _check_axis(axis)
        super().__init__(
            categorical_focal_crossentropy, name=name, reduction=reduction, dtype=dtype, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy with class numbers as targets; arguments as of `sparse_categorical_crossentropy`.

    With `ignore_class`, a mean is taken over the samples that count.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        _check_axis(axis)
        super().__init__(
            sparse_categorical_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def valid(self, y_true: Any, y_pred: Any) -> Any | None:
        if self.ignore_class is None:
            return None
        return ops.not_equal(_class_numbers(y_true, y_pred, self.axis), self.ignore_class)


def _check_axis(axis: Any) -> None:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ArgumentError(f"axis must be an int, the axis of the classes. Received: {axis!r}.")
