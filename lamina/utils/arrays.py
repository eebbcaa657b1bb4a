"""Changes of arrays that prepare data for training."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, DataError
from lamina.data import to_array


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows for class numbers.

    Args:
        x: class numbers from 0 to `num_classes - 1`, of any shape; a last axis of size 1 is dropped.
        num_classes: how many classes there are; the largest number plus one when None.

    Returns:
        float32 array of shape `x.shape + (num_classes,)`.

    Raises:
        DataError: if a number is no class.
    """
    labels = to_array(x, "x")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    if labels.size == 0 and num_classes is None:
        raise DataError("to_categorical: x is empty, so num_classes must be given.")
    whole = labels.astype(np.int64)
    if not np.array_equal(whole, labels):
        raise DataError("to_categorical: x must hold whole numbers, the numbers of classes.")
    classes = int(whole.max()) + 1 if num_classes is None else int(num_classes)
    if whole.size and (whole.min() < 0 or whole.max() >= classes):
        raise DataError(
            f"to_categorical: class numbers must be 0 to {classes - 1}. Received numbers from {whole.min()} to "
            f"{whole.max()}."
        )
    rows = np.zeros((whole.size, classes), np.float32)
    rows[np.arange(whole.size), whole.reshape(-1)] = 1
    return rows.reshape(*whole.shape, classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """An array divided by its norm along an axis; where the norm is 0 it stays 0.

    Args:
        x: numbers.
        axis: the axis along which norms are taken.
        order: of the norm: 2 is the Euclidean one.
    """
    array = np.atleast_1d(to_array(x, "x"))
    if not -array.ndim <= axis < array.ndim:
        raise ArgumentError(f"normalize: axis must be between {-array.ndim} and {array.ndim - 1}. Received: {axis}.")
    array = array if array.dtype.kind == "f" else array.astype(np.float64)
    norms = np.atleast_1d(np.linalg.norm(array, order, axis))
    norms[norms == 0] = 1
    return array / np.expand_dims(norms, axis)
