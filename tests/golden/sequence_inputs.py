"""Arrays with names, so that golden cases of layers for sequences can say what a layer is called on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.digests import fill

_STEPS = np.arange(7)

ARRAYS: dict[str, np.ndarray] = {
    "x": fill((2, 5, 8), 0.4),
    "z": fill((2, 7, 6), 0.5),
    "k": fill((2, 7, 8), 0.6),
    "image": fill((2, 3, 4, 8), 0.7),
    "ids": np.array([[1, 2, 0, 0], [3, 4, 5, 0]]),
    "float_ids": np.array([[1, 2, 0, 0], [3, 4, 5, 0]], "float32"),
    "x_mask": _STEPS[:5] < np.array([[3], [5]]),
    "z_mask": np.array([[7], [4]]) > _STEPS,
    "allowed": (fill((2, 5, 7), 0.8) > -0.4) | (_STEPS == 0),
    "allowed_by_head": (fill((2, 2, 5, 7), 0.9) > -0.4) | (_STEPS == 0),
    "with_padding": np.where((_STEPS[:5] < np.array([[2], [4]]))[..., None], fill((2, 5, 8), 0.4), np.float32(2.0)),
}


def named(value: Any) -> Any:
    """The arrays that the names in nested lists and dicts stand for; what is no name stays as it is."""
    if isinstance(value, list):
        return [named(item) for item in value]
    if isinstance(value, dict):
        return {key: named(item) for key, item in value.items()}
    return ARRAYS.get(value, value) if isinstance(value, str) else value


def shapes(value: Any) -> Any:
    """The shapes of the arrays in nested lists."""
    return [shapes(item) for item in value] if isinstance(value, list) else tuple(value.shape)
