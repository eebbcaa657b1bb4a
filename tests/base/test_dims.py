"""Dimensions: affine expressions of symbols, with plain ints where no symbol is left."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.base.dims import (
    Dim,
    divide,
    element_count,
    evaluate,
    evaluate_shape,
    format_shape,
    is_static,
    symbols_of,
)
from lamina.base.errors import ShapeError

B, T = Dim("batch"), Dim("time")
SYMBOLS = st.fixed_dictionaries({"batch": st.integers(0, 50), "time": st.integers(0, 50)})
SMALL = st.integers(-9, 9)
DIMS = st.builds(lambda b, t, c: Dim.make({"batch": b, "time": t}, c), SMALL, SMALL, SMALL)


@given(DIMS, DIMS, SMALL, SYMBOLS)
def test_arithmetic_is_that_of_numbers(x, y, n, symbols):
    a, b = evaluate(x, symbols), evaluate(y, symbols)
    assert evaluate(x + y, symbols) == a + b
    assert evaluate(x - y, symbols) == a - b
    assert evaluate(x * n, symbols) == evaluate(n * x, symbols) == a * n
    assert evaluate(n - x, symbols) == n - a
    assert evaluate(-x, symbols) == -a


@given(DIMS, DIMS)
def test_equal_expressions_are_equal_and_hash_alike(x, y):
    z = x + y
    assert z == y + x and hash(z) == hash(y + x)
    assert z - y == x


@given(DIMS, DIMS, SYMBOLS)
def test_division_is_exact_or_refused(x, y, symbols):
    quotient = divide(x, y)
    if quotient is not None:
        assert evaluate(quotient, symbols) * evaluate(y, symbols) == evaluate(x, symbols)


@given(st.integers(-5, 5).filter(bool), DIMS)
def test_division_undoes_multiplication(n, x):
    assert divide(x * n, n) == x


def test_symbols_that_cancel_leave_an_int():
    assert type(B - B) is int and B - B == 0
    assert type((B + 3) - B) is int
    assert type(B * 0) is int
    assert type(divide(B * 4, B)) is int and divide(B * 4, B) == 4


def test_division_that_does_not_come_out():
    assert divide(B + 1, 2) is None
    assert divide(7, 2) is None
    assert divide(B, T) is None
    assert divide(3, B) is None
    assert divide(B, 0) is None
    assert divide(0, B) == 0
    with pytest.raises(ShapeError, match=r"batch\+1 is not known to be divisible by 2"):
        (B + 1) // 2
    assert (B * 6 + 4) // 2 == B * 3 + 2


@given(DIMS, DIMS, DIMS, SYMBOLS)
def test_products(x, y, z, symbols):
    a, b, c = (evaluate(d, symbols) for d in (x, y, z))
    assert x * y == y * x
    assert evaluate(x * y * z, symbols) == a * b * c
    assert evaluate(x * y - y * x, symbols) == 0
    assert symbols_of((B * T + 1, B * B)) == {"batch", "time"}
    assert element_count((B, 3, T)) == B * T * 3


def test_a_dimension_is_never_an_int_and_always_true():
    assert not isinstance(B, int) and bool(B)
    assert B != 3 and B != "batch"
    assert Dim("batch") == B and Dim("batch") is not B
    assert {B: 1}[Dim("batch")] == 1


def test_text():
    assert str(B) == "batch"
    assert str(B * 2 - 1) == "2*batch-1"
    assert str(T + B) == "batch+time"
    assert format_shape((B, 28, 28)) == "(batch, 28, 28)"
    assert format_shape((B * 4 + 1,)) == "(4*batch+1,)"
    assert format_shape(()) == "()"


def test_shapes():
    assert element_count((2, B, 3)) == B * 6
    assert element_count(()) == 1
    assert element_count((0, 5)) == 0
    assert evaluate_shape((B + 1, 3), {"batch": 4}) == (5, 3)
    assert symbols_of((B, 3, T + B)) == {"batch", "time"}
    assert is_static((1, 2)) and not is_static((1, B))


def test_pickling_keeps_meaning():
    assert pickle.loads(pickle.dumps(B * 2 + 1)) == B * 2 + 1
