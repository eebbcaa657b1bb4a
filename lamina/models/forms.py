"""What a program must know about data before it is built: everything but the number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lamina.base.trees import flatten
from lamina.data import ArrayData
from lamina.tensor.tensor import dtype_name

_LEAF = "*"


class RowForm(NamedTuple):
    """Shape of one row of an array, and its dtype."""

    shape: tuple[int, ...]
    dtype: str


class PartForm(NamedTuple):
    """The forms of the arrays of one part of the data, and how they are nested.

    Attributes:
        rows: in the order of `flatten`.
        outline: says how to nest values for them, see `nest`; None where there are none.
    """

    rows: tuple[RowForm, ...]
    outline: Any

    def nest(self, values: list[Any]) -> Any:
        """One value for each array, in the structure that the user gave."""
        return _fill(self.outline, iter(values))


class DataForm(NamedTuple):
    """The forms of inputs, targets and weights; equal forms share a program."""

    inputs: PartForm
    targets: PartForm
    weights: PartForm

    def split(self, values: list[Any]) -> tuple[Any, Any, Any]:
        """One value for each array of the data as inputs, targets and weights, each in its structure."""
        first, last = len(self.inputs.rows), len(values) - len(self.weights.rows)
        return (
            self.inputs.nest(values[:first]), self.targets.nest(values[first:last]), self.weights.nest(values[last:]),
        )  # fmt: skip


_NOTHING = PartForm((), None)


def form_of(data: ArrayData) -> DataForm:
    """The form of some data."""
    return DataForm(_part_form(data.x), _part_form(data.y), _part_form(data.weights))


def _part_form(part: Any) -> PartForm:
    if part is None:
        return _NOTHING
    if type(part) is np.ndarray:
        return PartForm((RowForm(part.shape[1:], dtype_name(part.dtype)),), _LEAF)
    return PartForm(tuple(RowForm(a.shape[1:], dtype_name(a.dtype)) for a in flatten(part)), _outline(part))


def _outline(part: Any) -> Any:
    """The structure, as something that can be compared and hashed."""
    if isinstance(part, dict):
        return ("dict", tuple((key, _outline(part[key])) for key in sorted(part)))
    if isinstance(part, (list, tuple)):
        return ("list" if isinstance(part, list) else "tuple", tuple(_outline(item) for item in part))
    return None if part is None else _LEAF


def _fill(outline: Any, values: Iterator[Any]) -> Any:
    if outline is None:
        return None
    if outline == _LEAF:
        return next(values)
    kind, items = outline
    if kind == "dict":
        return {key: _fill(item, values) for key, item in items}
    filled = [_fill(item, values) for item in items]
    return filled if kind == "list" else tuple(filled)
