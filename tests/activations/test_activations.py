"""Activations: numbers of Keras, names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import activations
from lamina.base.errors import ArgumentError
from tests.golden.reference import label, load, run_traced

CASES = load("activations")
X = np.array(CASES[0]["x"], "float32")


@pytest.mark.parametrize("case", CASES[1:], ids=label)
def test_as_keras(case: dict[str, Any]) -> None:
    function = getattr(activations, case["name"])
    np.testing.assert_allclose(function(X, **case["config"]), case["result"], rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("case", CASES[1:], ids=label)
def test_traced_as_eager(case: dict[str, Any], executor: str) -> None:
    function = activations.get(case["name"])
    (result,) = run_traced(lambda x: function(x, **case["config"]), X)
    np.testing.assert_allclose(result, function(X, **case["config"]), rtol=1e-5, atol=1e-6)


def test_every_name_is_found_and_written_down() -> None:
    for case in CASES[1:]:
        function = activations.get(case["name"])
        name = activations.serialize(function)
        assert activations.deserialize(name) is function


def test_sparsemax_projects_onto_the_simplex() -> None:
    # 2.5 - 1.5 = 1 apart: the largest takes it all; 0.4 apart: 0.7 and 0.3.
    result = np.asarray(activations.sparsemax(np.array([[2.5, 1.5, 0.0], [0.5, 0.1, -2.0]], "float32")))
    np.testing.assert_allclose(result, [[1, 0, 0], [0.7, 0.3, 0]], atol=1e-6)


def test_none_is_linear_and_functions_stay() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh


def test_misspelt_name() -> None:
    with pytest.raises(ArgumentError, match=r"There is no activation 'rellu'. Did you mean 'relu'"):
        activations.get("rellu")


def test_far_away_values_stay_finite() -> None:
    far = np.array([-1e4, 1e4], "float32")
    for name in ("sigmoid", "softplus", "softmax", "log_softmax", "elu", "selu", "gelu", "silu", "mish", "log_sigmoid"):
        assert np.isfinite(np.asarray(activations.get(name)(far))).all(), name
