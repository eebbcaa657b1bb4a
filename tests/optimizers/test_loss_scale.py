"""The optimizer that scales the loss: as Keras, steps that are skipped, the scale's way, what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import optimizers
from lamina.base.errors import ArgumentError, GradientError
from lamina.optimizers import LossScaleOptimizer, schedules
from lamina.tensor import Variable
from tests.golden.reference import run_traced

STEPS = 12
INNER: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.9,
             "ema_overwrite_frequency": 3}),
    ("Adam", {"clipnorm": 1.0}),
    ("Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
]  # fmt: skip
# Of the steps below, in Keras 3.15 on PyTorch.
KERAS = [
    [-0.0077793314, 0.70156693, 2.4241233, 1.3071877],
    [0.4946675, -0.91882032, 1.9257618, 0.25831801],
    [0.49755102, -0.99403661, 1.9983808, 0.25043586],
    [0.24291937, -0.69929153, 1.8747209, 0.46592039],
]


def _variables() -> list[Variable]:
    return [
        Variable(np.array([0.5, -1.0, 2.0], "float32"), name="a"),
        Variable(np.array([[0.25]], "float32"), name="b"),
    ]


def _gradients(step: int, scale: float) -> list[np.ndarray]:
    """Gradients of a loss times a scale; not finite at three of the steps."""
    rng = np.random.default_rng(step)
    a, b = (rng.normal(size=3) * scale).astype("float32"), (rng.normal(size=(1, 1)) * scale).astype("float32")
    if step in (1, 7):
        b[0, 0] = np.inf
    if step == 8:
        a[1] = np.nan
    return [a, b]


def _path(optimizer: Any, variables: list[Any], run: Any) -> list[float]:
    """The values after all steps, where steps that are not finite must leave every bit as it was."""
    optimizer.build(variables)
    kept = [*variables, *optimizer.inner_optimizer.variables]
    for step in range(STEPS):
        before = [v.numpy() for v in kept]
        run(optimizer, _gradients(step, float(optimizer.dynamic_scale)))
        if step in (1, 7, 8):
            assert all(old.tobytes() == v.numpy().tobytes() for old, v in zip(before, kept, strict=True))
    return [float(x) for v in variables for x in v.numpy().ravel()]


def _eagerly(optimizer: Any, gradients: list[np.ndarray]) -> None:
    optimizer.apply(gradients)


def _traced(optimizer: Any, gradients: list[np.ndarray]) -> None:
    run_traced(lambda: optimizer.apply(gradients))


@pytest.mark.parametrize(("case", "expected"), list(zip(INNER, KERAS, strict=True)), ids=lambda c: str(c[0]))
def test_as_keras(case: tuple[str, dict[str, Any]], expected: list[float], executor: str) -> None:
    for run in (_eagerly, _traced):
        inner = getattr(optimizers, case[0])(**case[1])
        optimizer = LossScaleOptimizer(inner, initial_scale=8.0, dynamic_growth_steps=3)
        np.testing.assert_allclose(_path(optimizer, _variables(), run), expected, rtol=2e-5, atol=1e-6)
        # Halved three times; doubled after steps 4 and 11, each the third good one in a row.
        assert (float(optimizer.dynamic_scale), int(optimizer.step_counter)) == (4.0, 0)
        good = STEPS - 3
        assert int(optimizer.iterations) == (good if "gradient_accumulation_steps" not in case[1] else good // 2)


def test_scale_of_the_loss() -> None:
    optimizer = LossScaleOptimizer(optimizers.SGD())
    assert optimizer.scale_loss(2.0) == 2.0**16
    optimizer.build(_variables())
    optimizer.dynamic_scale.assign(4.0)
    assert float(optimizer.scale_loss(np.float32(2.0))) == 8.0


def test_overflow_before_unscaling_is_one() -> None:
    variable = Variable(np.array([1.0], "float32"))
    optimizer = LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=2.0)
    optimizer.apply([np.array([2.0], "float32")], [variable])
    assert variable.numpy().tolist() == [0.0]
    optimizer.apply([np.array([-np.inf], "float32")], [variable])
    assert variable.numpy().tolist() == [0.0] and float(optimizer.dynamic_scale) == 1.0


def test_variables_without_gradient_stay() -> None:
    a, b = _variables()
    optimizer = LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=2.0)
    with pytest.warns(UserWarning, match="does not depend on these variables, which stay as they are: b"):
        optimizer.apply([np.ones(3, "float32"), None], [a, b])
    assert b.numpy().tolist() == [[0.25]]
    np.testing.assert_allclose(a.numpy(), [0.0, -1.5, 1.5])
    with pytest.raises(GradientError, match="no gradient for any variable"):
        optimizer.apply([None, None], [a, b])


def test_averages_and_decay_are_those_of_the_inner_optimizer() -> None:
    variables = _variables()
    inner = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, weight_decay=0.5)
    optimizer = LossScaleOptimizer(inner, initial_scale=2.0)
    optimizer.exclude_from_weight_decay(var_names=["b"])
    zeros = [np.zeros(3, "float32"), np.zeros((1, 1), "float32")]
    for _ in range(2):
        optimizer.apply(zeros, variables)
    np.testing.assert_allclose(variables[0].numpy(), np.array([0.5, -1.0, 2.0]) / 4)
    assert variables[1].numpy().tolist() == [[0.25]]
    optimizer.finalize_variable_values(variables)
    np.testing.assert_allclose(variables[0].numpy(), np.array([0.5, -1.0, 2.0]) * (0.5 + 0.25) / 2)


def test_config_and_state() -> None:
    inner = optimizers.Adam(schedules.ExponentialDecay(0.1, 10, 0.5), clipnorm=1.0)
    optimizer = LossScaleOptimizer(inner, initial_scale=64.0, dynamic_growth_steps=7, name="scaled")
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert isinstance(again, LossScaleOptimizer) and isinstance(again.inner_optimizer, optimizers.Adam)
    assert again.get_config() == optimizer.get_config()
    variables = _variables()
    optimizer.build(variables)
    assert [v.path for v in optimizer.variables][:5] == [
        "scaled/iteration", "scaled/learning_rate", "scaled/step_counter", "scaled/dynamic_scale",
        f"{inner.name}/iteration",
    ]  # fmt: skip
    saved = [v.numpy() for v in optimizer.variables]
    optimizer.apply([np.ones(3, "float32"), np.ones((1, 1), "float32")])
    optimizer.set_weights(saved)
    assert int(optimizer.iterations) == int(optimizer.step_counter) == 0


def test_learning_rate_is_that_of_the_inner_optimizer() -> None:
    optimizer = LossScaleOptimizer(optimizers.SGD(0.5))
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == float(optimizer.learning_rate) == 0.25


def test_scale_of_the_inner_optimizer_is_taken_over() -> None:
    inner = optimizers.SGD(loss_scale_factor=8.0)
    LossScaleOptimizer(inner)
    assert inner.loss_scale_factor is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LossScaleOptimizer("adam"), "inner_optimizer must be an optimizer that does not scale itself"),
        (lambda: optimizers.get("LossScaleOptimizer"), "inner_optimizer must be an optimizer .* Received: None"),
        (lambda: LossScaleOptimizer(LossScaleOptimizer(optimizers.SGD())), "inner_optimizer must be an optimizer that"),
        (lambda: LossScaleOptimizer(optimizers.SGD(), initial_scale=0), "initial_scale must be a number above 0"),
        (
            lambda: LossScaleOptimizer(optimizers.SGD(), dynamic_growth_steps=1.5),
            "dynamic_growth_steps must be a whole",
        ),
        (lambda: LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0), "'clipnorm': give it to the inner_optimizer"),
        (lambda: LossScaleOptimizer(optimizers.SGD(), dynamic=False), "dynamic must be True. For a fixed scale"),
        (lambda: LossScaleOptimizer(optimizers.SGD(), growth=2), "does not have the argument 'growth'"),
    ],
)
def test_arguments_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_arguments_of_other_optimizers_may_say_that_they_are_not_used() -> None:
    config = LossScaleOptimizer(optimizers.SGD(), clipnorm=None, use_ema=False, ema_momentum=0.99).get_config()
    assert set(config) == {"name", "inner_optimizer", "initial_scale", "dynamic_growth_steps"}
