"""Projections of weights."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import constraints
from lamina.tensor import Variable

W = np.array([[3.0, -0.1], [4.0, 0.2]], "float32")


def _norms(w: object) -> np.ndarray:
    return np.linalg.norm(np.asarray(w), axis=0)


def test_each_does_what_it_says() -> None:
    w = Variable(W)
    np.testing.assert_array_equal(constraints.NonNeg()(w), np.maximum(W, 0))
    np.testing.assert_allclose(_norms(constraints.MaxNorm(2)(w)), [2.0, np.hypot(0.1, 0.2)], rtol=1e-5)
    np.testing.assert_allclose(_norms(constraints.UnitNorm()(w)), [1, 1], rtol=1e-5)
    np.testing.assert_allclose(_norms(constraints.MinMaxNorm(0.5, 1.0)(w)), [1.0, 0.5], rtol=1e-5)
    np.testing.assert_allclose(_norms(constraints.MinMaxNorm(0.5, 1.0, rate=0.5)(w))[0], 3.0, rtol=1e-5)


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "unit_norm", "min_max_norm", "MaxNorm"])
def test_names_and_configs(name: str) -> None:
    made = constraints.get(name)
    again = constraints.deserialize(constraints.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()
