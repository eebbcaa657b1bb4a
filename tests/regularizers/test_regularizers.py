"""Penalties on weights."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import regularizers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import Variable

W = np.array([[1.0, -2.0], [0.5, 4.0]], "float32")


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (regularizers.L1(0.1), 0.1 * np.abs(W).sum()),
        (regularizers.L2(0.1), 0.1 * (W**2).sum()),
        (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum()),
        (regularizers.L1L2(), 0.0),
    ],
)
def test_formulas(regularizer: regularizers.Regularizer, expected: float) -> None:
    assert float(regularizer(Variable(W))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode: str) -> None:
    rows = W if mode == "rows" else W.T
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    penalty = regularizers.OrthogonalRegularizer(0.1, mode)
    assert float(penalty(Variable(W))) == pytest.approx(0.1 * abs(rows[0] @ rows[1]), rel=1e-5)
    with pytest.raises(ShapeError, match=r"takes a matrix"):
        penalty(Variable(W[0]))


def test_names_and_configs() -> None:
    for name in ("l1", "l2", "l1_l2", "L2"):
        made = regularizers.get(name)
        again = regularizers.deserialize(regularizers.serialize(made))
        assert type(again) is type(made) and again.get_config() == made.get_config()
    assert regularizers.get(None) is None
    assert regularizers.get("l2").get_config() == {"l2": 0.01}


def test_factors_must_be_numbers() -> None:
    with pytest.raises(ArgumentError, match=r"L2: l2 must be a finite number of at least 0. Received: -1"):
        regularizers.L2(-1)
    with pytest.raises(ArgumentError, match=r"mode must be 'rows' or 'columns'"):
        regularizers.OrthogonalRegularizer(mode="diagonals")
