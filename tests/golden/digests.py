"""Arrays made by a formula, and arrays summed up in three numbers, so that golden files stay small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fill(shape: Sequence[int], start: float) -> np.ndarray:
    """Numbers between -1 and 1, all different, in no simple order; another `start` gives others."""
    places = np.arange(int(np.prod(shape)), dtype="float64")
    return np.sin(start + 1.7 * places + 0.013 * places**2).reshape(tuple(shape)).astype("float32")


def digest(array: np.ndarray) -> list[float]:
    """The sum of an array, and two sums with other weights at every place: a value that moves changes them."""
    flat = np.asarray(array, "float64").ravel()
    places = np.arange(flat.size)
    return [float(flat.sum()), float(flat @ np.cos(0.9 * places)), float(flat @ np.sin(0.31 * places + 0.5))]
