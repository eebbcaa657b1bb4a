"""Layers of which the work is done in Python, at once, on data that no program can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError, TraceError
from lamina.layers.layer import Layer
from lamina.tensor import Tensor


class HostLayer(Layer):
    """Base of layers that are called on strings, or other data of the user's, and not inside of models."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.built = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer.

        Raises:
            TraceError: if the inputs are those of a model or of a traced function.
        """
        if isinstance(inputs, Tensor) and inputs.symbolic:
            raise TraceError(
                f"{self._title()} works on data in Python, and cannot be a part of a model or of a traced function. "
                "Call it on the data, and give its result to `fit` and `predict`."
            )
        return self.call(inputs, *args, **kwargs)


def as_array(value: Any) -> np.ndarray:
    """The user's words or numbers as an array; bytes are read as UTF-8.

    Raises:
        ArgumentError: if the lists are not of equal length.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ArgumentError(
            "Lists of words must be of equal length, to be one array. Pad them, or call the layer on one at a time."
        ) from None
    if array.dtype.kind == "U" and isinstance(value, (list, tuple)):
        array = np.asarray(value, dtype=object)  # NumPy makes text of the numbers and NaN between texts
    if array.dtype.kind == "S" or (array.dtype.kind == "O" and any(isinstance(v, bytes) for v in array.flat)):
        decoded = [v.decode("utf-8") if isinstance(v, bytes) else v for v in array.ravel().tolist()]
        array = np.array(decoded, dtype=object).reshape(array.shape)
    return array


def batches_of(data: Any, steps: int | None) -> Iterator[Any]:
    """The data to adapt to, in batches: a dataset or generator gives several, of `(x, y)` the first part.

    Args:
        steps: how many batches at most; None for all.
    """
    if isinstance(data, (list, tuple, np.ndarray, str, Tensor)) or hasattr(data, "__array__"):
        yield data
        return
    count = len(data) if hasattr(data, "__getitem__") and hasattr(data, "__len__") else None
    items = iter(data) if count is None else (data[i] for i in range(count))
    for number, batch in enumerate(items):
        if steps is not None and number >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch
