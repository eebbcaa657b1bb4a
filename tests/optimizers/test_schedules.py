"""Learning-rate schedules: numbers of Keras, configs, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina.base.errors import ArgumentError
from lamina.optimizers import schedules
from tests.golden.reference import label, load, run_traced

CASES = load("schedules")


@pytest.mark.parametrize("case", CASES, ids=label)
def test_as_keras(case: dict[str, Any]) -> None:
    schedule = getattr(schedules, case["name"])(**case["config"])
    np.testing.assert_allclose([float(schedule(s)) for s in case["steps"]], case["result"], rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_traced_as_keras(case: dict[str, Any], executor: str) -> None:
    schedule = getattr(schedules, case["name"])(**case["config"])
    (result,) = run_traced(schedule, np.array(case["steps"], "int64"))
    np.testing.assert_allclose(result, case["result"], rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_config_makes_the_same_schedule(case: dict[str, Any]) -> None:
    schedule = getattr(schedules, case["name"])(**case["config"])
    again = schedules.deserialize(schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
    assert float(again(3)) == float(schedule(3))


def test_errors() -> None:
    with pytest.raises(ArgumentError, match=r"ExponentialDecay: decay_steps must be a number above 0. Received: 0"):
        schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ArgumentError, match=r"one item more than boundaries. Received: 2 boundaries, 2 values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
