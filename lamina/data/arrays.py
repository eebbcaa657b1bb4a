"""One thing that a user calls data (array, list, frame, tensor) as one plain array."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.base.errors import DataError

_KINDS_OF_NUMBERS = "biuf"


def to_array(value: Any, name: str = "x") -> np.ndarray:
    """The numbers in `value` as a C-contiguous array of a dtype that Lamina has.

    An array that is already of that form is returned as it is, without a copy.

    Args:
        value: a NumPy array, a list or tuple of numbers, a tensor of any framework that offers `__array__`, or a
            frame or series of pandas or polars.
        name: what to call it in errors.

    Raises:
        DataError: if it holds something other than numbers, or rows of unequal length.
    """
    array = value if type(value) is np.ndarray else _foreign(value, name)
    if array.dtype.kind not in _KINDS_OF_NUMBERS and array.dtype.name != "bfloat16":
        array = _numbers(array, name)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _foreign(value: Any, name: str) -> np.ndarray:
    if is_frame(value):
        return _frame_to_array(value, name)
    if isinstance(value, dict):
        raise DataError(
            f"{name} is a dict with the keys {sorted(map(str, value))}, where one array is expected. "
            "Pass one of its entries."
        )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{name} cannot be made into one array, as its rows differ in length or shape ({error}). "
            "Pad or cut the rows to one length."
        ) from None


def is_frame(value: Any) -> bool:
    """Whether `value` is a frame or series of pandas or polars, told by the name of its module."""
    module = type(value).__module__.partition(".")[0]
    return module in ("pandas", "polars") and hasattr(value, "to_numpy")


def _frame_to_array(frame: Any, name: str) -> np.ndarray:
    columns = getattr(frame, "columns", None)
    if columns is None:
        return _series_to_array(frame, f"{name} (series {frame.name!r})")
    arrays = {column: _series_to_array(frame[column], f"{name}, column {column!r}") for column in columns}
    if not arrays:
        raise DataError(f"{name} is a frame without columns.")
    whole = np.asarray(frame.to_numpy())
    if whole.dtype.kind in _KINDS_OF_NUMBERS:
        return whole
    return np.stack(list(arrays.values()), axis=1)


def _series_to_array(series: Any, name: str) -> np.ndarray:
    array = np.asarray(series.to_numpy())
    return array if array.dtype.kind in _KINDS_OF_NUMBERS else _numbers(array, name)


_TEXT = "Encode it as numbers first: layers.TextVectorization makes them of texts, layers.StringLookup of words."
_TIME = "Encode it as numbers first, such as days since the first one."
_ENCODE = {"U": _TEXT, "S": _TEXT, "T": _TEXT, "M": _TIME, "m": _TIME}


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Numbers out of an object array; an error for text, dates and the rest."""
    kind = array.dtype.kind
    if kind == "O":
        return _numbers_of_objects(array, name)
    what = {"U": "text", "S": "bytes", "T": "text", "M": "dates", "m": "time spans", "c": "complex numbers"}.get(kind)
    raise DataError(
        f"{name} holds {what or 'values'} (dtype {array.dtype}){_example(array)}; numbers are expected. "
        + _ENCODE.get(kind, "Convert it to a float or integer dtype.")
    )


def _numbers_of_objects(array: np.ndarray, name: str) -> np.ndarray:
    for place, item in enumerate(array.flat):
        if item is None or type(item).__name__ == "NAType":
            raise DataError(
                f"{name} has a missing value (None) at {_place(array, place)}. Fill or drop missing values first."
            )
        if isinstance(item, str | bytes) or not isinstance(item, int | float | np.number | np.bool_):
            raise DataError(
                f"{name} has dtype object and holds {item!r} of type {type(item).__name__} at "
                f"{_place(array, place)}; numbers are expected. Encode it as numbers, "
                "or give all rows one length and call astype('float32')."
            )
    numbers = np.array(array.tolist())
    if numbers.dtype.kind not in _KINDS_OF_NUMBERS:
        raise DataError(f"{name} holds integers that do not fit into 64 bits.")
    return numbers


def _place(array: np.ndarray, flat_index: int) -> str:
    if array.ndim == 0:
        return "the only place"
    index = tuple(int(i) for i in np.unravel_index(flat_index, array.shape))
    return f"row {index[0]}" if len(index) == 1 else f"index {index}"


def _example(array: np.ndarray) -> str:
    return f", for example {array.flat[0].item()!r}" if array.size and array.dtype.kind in "US" else ""
