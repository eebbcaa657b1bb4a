"""Optimizers: trajectories of Keras, clipping, learning rates, state, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import ops, optimizers
from lamina.base.errors import ArgumentError, GradientError, LaminaError, ShapeError
from lamina.optimizers import schedules
from lamina.tensor import Variable
from tests.golden.reference import label, load, run_traced

_ALL = load("optimizers")
CASES = _ALL[1:]
STARTS = [np.array(s, "float32") for s in _ALL[0]["starts"]]
GRADIENTS = [[np.array(g, "float32") for g in step] for step in _ALL[0]["gradients"]]


def _variables() -> list[Variable]:
    return [Variable(s, name=f"v{i}") for i, s in enumerate(STARTS)]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_five_steps_as_keras(case: dict[str, Any]) -> None:
    variables = _variables()
    optimizer = getattr(optimizers, case["name"])(**case["config"])
    for gradients, expected in zip(GRADIENTS, case["path"], strict=True):
        optimizer.apply(gradients, variables)
        for variable, value in zip(variables, expected, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, rtol=2e-5, atol=1e-6)
    assert int(optimizer._iterations) == 5


@pytest.mark.parametrize("case", CASES, ids=label)
def test_traced_as_keras(case: dict[str, Any], interpreted: None) -> None:
    variables = _variables()
    optimizer = getattr(optimizers, case["name"])(**case["config"])
    optimizer.build(variables)
    for gradients in GRADIENTS:
        run_traced(lambda step=gradients: optimizer.apply(step, variables))
    for variable, value in zip(variables, case["path"][-1], strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_compiled_as_interpreted(name: str, executor: str) -> None:
    variables = _variables()
    optimizer = optimizers.get(name)
    optimizer.build(variables)
    for gradients in GRADIENTS:
        run_traced(lambda step=gradients: optimizer.apply(step, variables))
    expected = next(c for c in CASES if c["name"] == name and not c["config"])["path"][-1]
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-5, atol=1e-6)


def test_first_step_of_adam_is_its_formula() -> None:
    variable = Variable(np.array([1.0, -2.0], "float32"))
    gradient = np.array([0.3, -4.0], "float32")
    optimizers.Adam(learning_rate=0.1).apply([gradient], [variable])
    alpha = 0.1 * np.sqrt(1 - 0.999) / (1 - 0.9)
    expected = np.array([1.0, -2.0]) - alpha * 0.1 * gradient / (np.sqrt(0.001 * gradient**2) + 1e-7)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_config_makes_the_same_optimizer(case: dict[str, Any]) -> None:
    optimizer = getattr(optimizers, case["name"])(**case["config"])
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()


def test_state_and_its_names() -> None:
    kernel, bias = Variable(np.zeros((2, 3)), dtype="float32", name="kernel"), Variable(np.zeros(3), dtype="float32")
    kernel.path = "dense/kernel"
    optimizer = optimizers.Adam(name="adam")
    optimizer.build([kernel, bias])
    assert len(optimizer.variables) == 2 + 4
    assert [v.path for v in optimizer.variables[:4]] == [
        "adam/iteration", "adam/learning_rate", "adam/dense_kernel_momentum", "adam/dense_kernel_velocity",
    ]  # fmt: skip
    assert optimizer.variables[2].shape == (2, 3)
    assert not any(v.trainable for v in optimizer.variables)
    saved = [v.numpy() for v in optimizer.variables]
    optimizer.apply([np.ones((2, 3), "float32"), np.ones(3, "float32")])
    optimizer.set_weights(saved)
    assert int(optimizer.iterations) == 0


def test_learning_rate_can_be_assigned() -> None:
    optimizer = optimizers.SGD(0.5)
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    variable = Variable(np.array([1.0], "float32"))
    optimizer.apply([np.array([2.0], "float32")], [variable])
    assert variable.numpy().tolist() == [0.5]
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_learning_rate_by_schedule_and_by_function() -> None:
    schedule = schedules.PiecewiseConstantDecay([0], [1.0, 0.5])
    optimizer = optimizers.SGD(schedule)
    variable = Variable(np.array([10.0], "float32"))
    gradient = [np.array([1.0], "float32")]
    optimizer.apply(gradient, [variable])
    assert variable.numpy().tolist() == [9.0]
    optimizer.apply(gradient, [variable])
    assert variable.numpy().tolist() == [8.5]
    again = optimizers.SGD.from_config(optimizer.get_config())
    assert float(again.learning_rate) == 1.0
    with pytest.raises(ArgumentError, match=r"the learning rate follows PiecewiseConstantDecay"):
        optimizer.learning_rate = 0.1
    by_function = optimizers.SGD(lambda: 2.0)
    by_function.apply(gradient, [variable])
    assert variable.numpy().tolist() == [6.5]


def test_schedule_replaces_a_number() -> None:
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 1.0
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_variables_without_gradient_stay_and_are_named() -> None:
    a, b = _variables()
    with pytest.warns(UserWarning, match=r"does not depend on these variables, which stay as they are: v1"):
        optimizers.SGD(1.0).apply([np.ones((2, 3), "float32"), None], [a, b])
    np.testing.assert_array_equal(b.numpy(), STARTS[1])
    np.testing.assert_allclose(a.numpy(), STARTS[0] - 1)


def test_no_gradient_at_all() -> None:
    with pytest.raises(GradientError, match=r"no gradient for any variable.*v0, v1"):
        optimizers.SGD().apply([None, None], _variables())


def test_other_variables_than_built_for() -> None:
    optimizer = optimizers.Adam()
    optimizer.build(_variables())
    with pytest.raises(ArgumentError, match=r"Adam does not know variable 'x'.*Make a new optimizer"):
        optimizer.apply([np.zeros(2, "float32")], [Variable(np.zeros(2, "float32"), name="x")])


def test_gradient_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"gradient of 'x' has shape \(3,\); expected that of the variable, \(2,\)"):
        optimizers.SGD().apply([np.zeros(3, "float32")], [Variable(np.zeros(2, "float32"), name="x")])


def test_constraints_are_applied_after_the_update() -> None:
    variable = Variable(np.array([1.0, -1.0], "float32"))
    variable.constraint = lambda w: ops.maximum(w, 0.0)  # type: ignore[attr-defined]
    optimizers.SGD(1.0).apply([np.array([0.5, 0.5], "float32")], [variable])
    assert variable.numpy().tolist() == [0.5, 0.0]


def test_weight_decay_leaves_out_what_is_excluded() -> None:
    kernel, bias = (Variable(np.array([1.0], "float32"), name=n) for n in ("kernel", "bias"))
    optimizer = optimizers.AdamW(learning_rate=0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    zero = np.zeros(1, "float32")
    optimizer.apply([zero, zero], [kernel, bias])
    np.testing.assert_allclose([kernel.numpy()[0], bias.numpy()[0]], [0.95, 1.0], rtol=1e-6)
    with pytest.raises(LaminaError, match=r"before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_averages_replace_the_variables_at_the_end() -> None:
    variable = Variable(np.array([0.0], "float32"))
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([np.array([-1.0], "float32")], [variable])
    assert variable.numpy().tolist() == [2.0]
    optimizer.finalize_variable_values([variable])
    assert variable.numpy().tolist() == [1.5]


def test_own_optimizer() -> None:
    class SignDescent(optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
            self.assign_sub(variable, learning_rate * ops.sign(gradient))

    variable = Variable(np.array([1.0, 1.0], "float32"))
    SignDescent(0.25).apply_gradients([(np.array([5.0, -5.0], "float32"), variable)])
    assert variable.numpy().tolist() == [0.75, 1.25]


def test_names() -> None:
    assert isinstance(optimizers.get("ADAM"), optimizers.Adam)
    assert isinstance(optimizers.get("rmsprop"), optimizers.RMSprop)
    assert isinstance(optimizers.get({"class_name": "adamw", "config": {}}), optimizers.AdamW)
    with pytest.raises(ArgumentError, match=r"There is no optimizer 'adm'. Did you mean 'adam'"):
        optimizers.get("adm")
    with pytest.raises(ArgumentError, match=r"Expected an optimizer"):
        optimizers.get(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam("fast"), "Adam: learning_rate must be a number of at least 0.* Received: 'fast'"),
        (lambda: optimizers.Adam(-0.1), "Adam: learning_rate must be a number of at least 0"),
        (lambda: optimizers.SGD(momentum=2.0), "SGD: momentum must be a number from 0 to 1"),
        (lambda: optimizers.Adam(beta_1=1.0), "Adam: beta_1 must be from 0 to below 1"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "SGD: give only one of clipnorm, clipvalue"),
        (lambda: optimizers.SGD(clipnorm=0.0), "SGD: clipnorm must be a number above 0"),
        (lambda: optimizers.SGD(lr=0.1), "SGD does not have the argument 'lr'. Did you mean 'learning_rate'"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=0), "gradient_accumulation_steps must be a whole number"),
        (lambda: optimizers.AdamW(weight_decay=None), "AdamW: weight_decay must be a number"),
    ],
)
def test_arguments_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
