"""Names of dtypes and how they combine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.base import dtypes
from lamina.base.errors import DTypeError

names = st.sampled_from(dtypes.NAMES)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("float32", "float32"), (np.float64, "float64"), (np.dtype("int8"), "int8"), (float, "float32"), (int, "int32"),
     (bool, "bool"), ("half", "float16"), ("double", "float64"), ("float", "float32"), (np.bool_, "bool"),
     (">f4", "float32")],
)  # fmt: skip
def test_names(given_, expected):
    assert dtypes.canonical(given_) == expected


@pytest.mark.parametrize("wrong", ["complex64", "str", "float8", object, "S3", None.__class__])
def test_unknown(wrong):
    with pytest.raises(DTypeError, match="Expected one of: bool, int8"):
        dtypes.canonical(wrong)


def test_every_name_is_its_own_and_has_its_size():
    for name in dtypes.NAMES:
        assert dtypes.canonical(dtypes.to_numpy(name)) == name
        assert dtypes.to_numpy(name).itemsize == dtypes.size(name)


@given(names, names)
def test_promotion_is_the_same_both_ways_and_idempotent(a, b):
    joined = dtypes.promote(a, b)
    assert joined == dtypes.promote(b, a)
    assert dtypes.promote(joined, a) == dtypes.promote(joined, b) == joined
    assert dtypes.promote(a, a) == a


@given(names, names)
def test_promotion_keeps_to_kinds(a, b):
    joined = dtypes.promote(a, b)
    assert dtypes.is_float(joined) == (dtypes.is_float(a) or dtypes.is_float(b))
    if dtypes.is_float(a) and not dtypes.is_float(b):
        assert joined == a


def test_promotion():
    assert dtypes.promote("float16", "bfloat16") == "float32"
    assert dtypes.promote("int64", "float16") == "float16"
    assert dtypes.promote("int8", "uint8") == "int16"
    assert dtypes.promote("uint64", "int64") == "int64"
    assert dtypes.promote("bool", "uint8") == "uint8"


def test_python_numbers():
    assert dtypes.result_dtype(["float16"], [2.0]) == "float16"
    assert dtypes.result_dtype(["int8"], [2.5]) == "float32"
    assert dtypes.result_dtype(["int8"], [2]) == "int8"
    assert dtypes.result_dtype([], [2]) == "int32"
    assert dtypes.result_dtype([], [2**40]) == "int64"
    assert dtypes.result_dtype([], [True]) == "bool"
    assert dtypes.result_dtype(["bool"], [1]) == "int32"
    assert dtypes.result_dtype([], [1.0], "float64") == "float64"


def test_halves_are_computed_wide():
    assert dtypes.compute_dtype("float16") == dtypes.compute_dtype("bfloat16") == "float32"
    assert dtypes.compute_dtype("int8") == "int8" and dtypes.compute_dtype("float64") == "float64"
