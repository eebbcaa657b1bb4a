"""Names of objects, as Keras makes them: `dense`, `dense_1`, `dense_2`."""

from __future__ import annotations

import re
from collections import Counter

_used: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """`"SparseCategoricalAccuracy"` as `"sparse_categorical_accuracy"`, `"Conv2D"` as `"conv2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(class_name: str) -> str:
    """The next free name for an object of this class: the class in snake case, then the same with `_1`, `_2`, ..."""
    prefix = snake_case(class_name)
    number = _used[prefix]
    _used[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def reset_names() -> None:
    """Starts the numbers of names anew, as `keras.utils.clear_session` does."""
    _used.clear()
