"""Computation in half floats with weights in float32: layers, models, losses and their scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina as keras
from lamina import layers, ops, optimizers
from lamina.tensor import GradientTape, Variable
from lamina.tensor.state import state
from tests.golden.reference import run_traced

HALVES = [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")]
X = np.array([[1.0, -2.0, 0.3], [0.1, 5.0, 1.0]], "float32")


@pytest.mark.parametrize(("policy", "half"), HALVES)
def test_weights_stay_wide_and_outputs_are_halves(policy: str, half: str, executor: str) -> None:
    layer = layers.Dense(4, dtype=policy)
    assert (layer.dtype, layer.variable_dtype, layer.compute_dtype) == ("float32", "float32", half)
    assert layer(X).dtype == half
    assert layer.kernel.dtype == layer.bias.dtype == "float32"
    (result,) = run_traced(layer, X)
    rounded = [np.asarray(ops.cast(a, half)).astype("float32") for a in (X, layer.kernel)]
    np.testing.assert_allclose(result.astype("float32"), rounded[0] @ rounded[1], rtol=2e-2, atol=1e-3)
    assert result.dtype.name == half
    assert layer.get_config()["dtype"] == policy
    assert layers.Dense.from_config(layer.get_config()).dtype_policy == layer.dtype_policy


class Sum(keras.Layer):
    """Shows what `call` sees of its weights."""

    def build(self, input_shape: Any) -> None:
        self.cast = self.add_weight(shape=(), initializer=keras.initializers.Constant(1 / 3))
        self.exact = self.add_weight(shape=(), initializer=keras.initializers.Constant(1 / 3), autocast=False)
        self.counter = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.steps = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        assert (self.cast + 0.0).dtype == ops.square(self.cast).dtype == self.cast.value.dtype == "float16"
        assert (self.cast * self.cast).dtype == self.cast[None].dtype == "float16"
        assert (self.exact + 0.0).dtype == self.exact.value.dtype == "float32"
        assert (self.steps + 1).dtype == "int32"
        self.counter.assign_add(self.cast)
        self.counter.assign_sub(0.0001)
        self.steps.assign_add(1)
        return inputs * self.cast


def test_how_a_layer_reads_its_weights(executor: str) -> None:
    layer = Sum(dtype="mixed_float16")
    layer.build((None, 3))
    run_traced(layer, X)
    layer(X)
    third = np.float32(1 / 3)
    # Assignments are exact: 1/3 is added as the float32 that it is, not as it was read.
    np.testing.assert_allclose(float(layer.counter), 2 * (third - np.float32(0.0001)), rtol=1e-6)
    assert int(layer.steps) == 2
    assert (layer.cast + 0.0).dtype == "float32"
    assert state.autocast is None


def test_weights_are_read_as_they_are_after_an_error() -> None:
    def fail(x: Any) -> Any:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        layers.Lambda(fail, dtype="mixed_float16")(X)
    assert state.autocast is None


class Outer(keras.Layer):
    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.first = layers.Dense(4, dtype="float32", name="first")
        self.second = layers.Dense(4, name="second")
        self.seen: list[Any] = []

    def call(self, inputs: Any) -> Any:
        first = self.first(inputs)
        second = self.second(first)
        self.seen = [inputs.dtype, first.dtype, second.dtype]
        return second


def test_each_layer_follows_its_own_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    outer = Outer()
    outer(X)
    assert outer.seen == ["bfloat16", "float32", "bfloat16"]
    keras.config.set_dtype_policy("float32")
    assert Outer(dtype="mixed_bfloat16")(X).dtype == "float32"


def test_whole_numbers_and_layers_without_autocast() -> None:
    seen = []

    class Show(keras.Layer):
        def call(self, inputs: Any) -> Any:
            seen.append(inputs.dtype)
            return inputs

    Show(dtype="mixed_float16")(np.array([1, 2]))
    Show(dtype="mixed_float16", autocast=False)(X)
    Show(dtype="mixed_float16")(X)
    assert seen == ["int64", "float32", "float16"]


def test_penalties_are_computed_in_float32() -> None:
    layer = layers.Dense(
        300, dtype="mixed_float16", kernel_initializer="ones", kernel_regularizer="l2", activity_regularizer="l2"
    )
    layer(np.ones((2, 300), "float32"))
    activity, weights = layer.losses
    assert (activity.dtype, weights.dtype) == ("float32", "float32")
    # Beyond the largest float16, 65504.
    np.testing.assert_allclose(float(activity), 0.01 * 300 * 300.0**2, rtol=1e-6)
    np.testing.assert_allclose(float(weights), 0.01 * 300 * 300, rtol=1e-6)


def test_gradients_are_those_of_the_wide_weights(executor: str) -> None:
    layer = layers.Dense(2, use_bias=False, dtype="mixed_bfloat16")
    layer(X)
    with GradientTape() as tape:
        loss = ops.sum(ops.cast(layer(X), "float32"))
    gradient = tape.gradient(loss, layer.kernel)
    assert gradient is not None and gradient.dtype == "float32"
    np.testing.assert_allclose(gradient, np.broadcast_to(X.sum(0)[:, None], (3, 2)), rtol=1e-2)


def _model(**options: Any) -> keras.Sequential:
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(16, "relu"), layers.Dropout(0.0), layers.Dense(8, "gelu"),
        layers.Dense(3, "softmax", **options),
    ])  # fmt: skip
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 6)).astype("float32")
    return x, (x @ rng.normal(size=(6, 3))).argmax(-1)


# Of `_model` and `_data` in Keras 3.15 on JAX, with the loop of `_losses`.
KERAS = {
    "float32": [1.044156, 0.7555721, 0.5603033, 0.3745382, 0.2177581],
    "mixed_bfloat16": [1.04452, 0.7567296, 0.5603397, 0.3754483, 0.217928],
    "mixed_float16": [1.044233, 0.7555665, 0.5602807, 0.3744286, 0.2177277],
}


def _losses(policy: str) -> tuple[keras.Sequential, list[float]]:
    keras.config.set_dtype_policy(policy)
    model = _model()
    optimizer: Any = optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    if policy == "mixed_float16":
        # A scale at which Keras, which takes the logarithm of rounded probabilities, does not overflow either.
        optimizer = optimizers.LossScaleOptimizer(optimizer, initial_scale=16.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(*_data(), epochs=5, batch_size=16, shuffle=False, verbose=0)
    return model, history.history["loss"]


@pytest.mark.parametrize("policy", KERAS)
def test_training_as_keras(policy: str, executor: str) -> None:
    model, found = _losses(policy)
    np.testing.assert_allclose(found, KERAS[policy], rtol=1e-5 if policy == "float32" else 1e-2)
    assert {w.dtype for w in model.weights} == {"float32"}
    predicted = model.predict(_data()[0], verbose=0)
    assert predicted.dtype.name == model.compute_dtype
    loss, accuracy = model.evaluate(*_data(), verbose=0)
    assert np.isfinite(loss) and accuracy == np.mean(predicted.argmax(-1) == _data()[1])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_probabilities_too_small_for_a_half_still_have_a_logarithm(policy: str, executor: str) -> None:
    keras.config.set_dtype_policy(policy)
    model = keras.Sequential([keras.Input((2,)), layers.Softmax(), layers.Activation("linear")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.array([[0.0, 40.0]], "float32")
    assert model.evaluate(x, np.array([0]), verbose=0) == pytest.approx(40.0)


def test_last_layer_in_float32() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    model = _model(dtype="float32")
    assert model.predict(_data()[0], verbose=0).dtype == np.float32


def test_compile_scales_the_loss_of_float16_only() -> None:
    for policy, kind in (("mixed_float16", "LossScaleOptimizer"), ("mixed_bfloat16", "Adam"), ("float32", "Adam")):
        keras.config.set_dtype_policy(policy)
        model = _model()
        model.compile("adam", "mse")
        assert type(model.optimizer).__name__ == kind
    keras.config.set_dtype_policy("mixed_float16")
    model = _model()
    model.compile(optimizers.LossScaleOptimizer(optimizers.SGD(), initial_scale=4.0), "mse")
    assert model.optimizer.initial_scale == 4.0
    model.compile("adam", "mse", auto_scale_loss=False)
    assert isinstance(model.optimizer, optimizers.Adam)


def test_steps_that_overflow_change_nothing_but_the_scale(executor: str) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    model = _model()
    x, y = _data()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.optimizer.dynamic_scale.assign(2.0**30)
    before = model.get_weights()
    model.fit(x, y, batch_size=64, epochs=3, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(model.optimizer.dynamic_scale) == 2.0**27
    assert int(model.optimizer.iterations) == 0
    model.fit(x, y, batch_size=64, epochs=25, verbose=0)
    assert 0 < int(model.optimizer.iterations) <= 25
    assert np.isfinite(model.evaluate(x, y, verbose=0))


def test_learning_rate_of_a_scaled_optimizer_can_be_changed_by_callbacks() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    model = _model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(
        *_data(),
        epochs=2,
        verbose=0,
        callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))],
    )
    assert float(model.optimizer.learning_rate) == 0.25
    assert float(model.optimizer.inner_optimizer.learning_rate) == 0.25


def test_variables_outside_of_layers_are_what_they_are() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    assert (Variable(X) + 1.0).dtype == "float32"
