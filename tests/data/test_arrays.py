"""Whatever a user calls data becomes one plain array, or an error that says what is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lamina.base.errors import DataError
from lamina.data import to_array


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int64", "bool", "float16"])
def test_a_plain_array_is_used_in_place(dtype):
    array = np.zeros((3, 2), dtype)
    assert to_array(array) is array


def test_other_layouts_become_contiguous_and_native():
    array = np.arange(12, dtype=">f4").reshape(3, 4).T
    result = to_array(array)
    assert result.flags.c_contiguous and result.dtype.isnative
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], ((1, 2), (3, 4)), [np.array([1, 2]), np.array([3, 4])]])
def test_lists_and_tuples(value):
    np.testing.assert_array_equal(to_array(value), [[1, 2], [3, 4]])


def test_anything_with_the_array_protocol():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.array([1.5, 2.5])

    np.testing.assert_array_equal(to_array(Foreign()), [1.5, 2.5])


def test_pandas_frames_and_series():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    np.testing.assert_array_equal(to_array(frame), [[1, 0.5], [2, 1.5], [3, 2.5]])
    np.testing.assert_array_equal(to_array(frame["a"]), [1, 2, 3])
    whole = pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": [True, False]})
    np.testing.assert_array_equal(to_array(whole), [[1, 1], [2, 0]])


def test_polars_frames_and_series():
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    np.testing.assert_array_equal(to_array(frame), [[1, 0.5], [2, 1.5], [3, 2.5]])
    np.testing.assert_array_equal(to_array(frame["b"]), [0.5, 1.5, 2.5])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array(["a", "b"]), r"x holds text .*for example 'a'.*Encode it as numbers"),
        (np.array([b"a"]), "x holds bytes"),
        (np.array([1 + 2j]), "complex numbers"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "x holds dates"),
        (np.array([1.0, "b"], dtype=object), r"dtype object and holds 'b' of type str at row 1"),
        (np.array([1.0, None], dtype=object), r"missing value \(None\) at row 1"),
        ([[1, 2], [3]], "rows differ in length"),
        ({"a": [1]}, r"x is a dict with the keys \['a'\]"),
        (pd.DataFrame({"a": [1, 2], "name": ["u", "v"]}), "column 'name'"),
        (pl.DataFrame({"a": [1, 2], "name": ["u", "v"]}), "column 'name'"),
        (pd.DataFrame(), "without columns"),
    ],
)
def test_what_is_not_numbers_is_refused(value, message):
    with pytest.raises(DataError, match=message):
        to_array(value)


def test_numbers_in_an_object_array_are_taken():
    result = to_array(np.array([1, 2.5, True], dtype=object))
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [1, 2.5, 1])
