"""What a program must know about data before it is built: everything but the number of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamina.base.trees import unflatten
from lamina.data import ArrayData
from lamina.tensor.tensor import dtype_name


class RowForm(NamedTuple):
    """Shape of one row of an array, and its dtype."""

    shape: tuple[int, ...]
    dtype: str


class DataForm(NamedTuple):
    """The forms of inputs, targets and weights; equal forms share a program.

    Attributes:
        structure: what tells how inputs are nested: None for a single array, keys of a dict, or a count.
    """

    inputs: tuple[RowForm, ...]
    structure: tuple[Any, ...] | int | None
    target: RowForm | None
    weighted: bool

    def nest(self, inputs: list[Any]) -> Any:
        """Puts one value for each input into the structure that the user gave."""
        if self.structure is None:
            return inputs[0]
        if isinstance(self.structure, int):
            return tuple(inputs)
        return unflatten(dict.fromkeys(self.structure, 0), inputs)


def form_of(data: ArrayData) -> DataForm:
    """The form of some data."""
    x = data.x
    if isinstance(x, dict):
        structure: Any = tuple(sorted(x))
    else:
        structure = len(x) if isinstance(x, tuple) else None
    target = None if data.y is None else row_form(data.y)
    return DataForm(tuple(map(row_form, data.inputs)), structure, target, data.weights is not None)


def row_form(array: np.ndarray) -> RowForm:
    return RowForm(array.shape[1:], dtype_name(array.dtype))
