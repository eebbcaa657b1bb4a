"""Layers and arrays as golden cases of recurrent layers name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.digests import fill

_STEPS = np.arange(5)

ARRAYS: dict[str, np.ndarray] = {
    "x": fill((2, 5, 4), 0.4),
    "one_step": fill((3, 1, 4), 0.45),
    "one_sample": fill((1, 5, 4), 0.5),
    "h": fill((2, 3), 0.6),
    "c": fill((2, 3), 0.7),
    "g": fill((2, 2), 0.8),
    "h2": fill((2, 3), 0.9),
    "c2": fill((2, 3), 1.0),
    "right": np.array([[3], [5]]) > _STEPS,
    "left": np.array([[2], [0]]) <= _STEPS,
    "holes": np.array([[1, 0, 1, 1, 0], [0, 1, 0, 1, 1]], bool),
    "none": np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool),
    "line": fill((2, 5, 6, 2), 0.3),
    "film": fill((2, 5, 5, 4, 2), 0.35),
    "film_first": fill((2, 5, 2, 5, 4), 0.35),
    "solid": fill((2, 3, 4, 3, 4, 2), 0.25),
    "film_h": fill((2, 5, 4, 3), 0.15),
    "film_c": fill((2, 5, 4, 3), 0.2),
}


def made(layers: Any, value: Any) -> Any:
    """Layers for the dicts with a class name, and arrays for the names, in nested lists and dicts.

    Args:
        layers: the module that has the classes: Lamina's, or Keras'.
    """
    if isinstance(value, list):
        return [made(layers, item) for item in value]
    if isinstance(value, dict):
        parts = {key: made(layers, item) for key, item in value.items() if key != "class"}
        return getattr(layers, value["class"])(**parts) if "class" in value else parts
    return value


def named(value: Any) -> Any:
    """The arrays that the names in nested lists and dicts stand for."""
    if isinstance(value, list):
        return [named(item) for item in value]
    if isinstance(value, dict):
        return {key: named(item) for key, item in value.items()}
    return ARRAYS.get(value, value) if isinstance(value, str) else value
