"""Batch normalisation: the formula, its moving statistics, masks, and training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import GradientTape, layers, models, ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.normalization import BatchNormalization
from tests.golden.reference import run_traced


def by_formula(x: np.ndarray, axis: int = -1, epsilon: float = 1e-3) -> np.ndarray:
    x = x.astype("float64")
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


@pytest.mark.parametrize("middle", [0.0, 1e4])
@pytest.mark.parametrize("shape", [(40, 3), (4, 5, 3), (2, 4, 5, 3), (2, 2, 3, 4, 3)])
def test_training_is_the_formula(shape: tuple[int, ...], middle: float, executor: str, rng: Any) -> None:
    x = (rng.standard_normal(shape) + middle).astype("float32")
    layer = BatchNormalization(momentum=0.9)
    layer.build(x.shape)
    layer.set_weights([np.full(3, 2.0), np.array([1.0, -1.0, 0.5]), np.zeros(3), np.ones(3)])
    (result,) = run_traced(lambda t: layer(t, training=True), x)
    np.testing.assert_allclose(result, 2 * by_formula(x) + [1, -1, 0.5], rtol=1e-5, atol=1e-5)
    exact = x.astype("float64").reshape(-1, 3)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * exact.mean(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * exact.var(0), rtol=1e-5)
    assert [v.name for v in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [v.name for v in layer.trainable_weights] == ["gamma", "beta"]


@pytest.mark.parametrize("axis", [1, -2, 3])
def test_any_axis(axis: int, rng: Any) -> None:
    x = rng.standard_normal((3, 4, 5, 6)).astype("float32")
    layer = BatchNormalization(axis=axis, epsilon=0.01)
    np.testing.assert_allclose(layer(x, training=True).numpy(), by_formula(x, axis, 0.01), atol=1e-5)
    assert layer.gamma is not None and layer.gamma.shape == (x.shape[axis],)


def test_inference_uses_the_moving_statistics(executor: str, rng: Any) -> None:
    x = rng.standard_normal((5, 2, 3)).astype("float32")
    layer = BatchNormalization()
    layer.build(x.shape)
    gamma, beta, mean, variance = rng.uniform(0.5, 2, (4, 3)).astype("float32")
    layer.set_weights([gamma, beta, mean, variance])
    expected = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    for training in (None, False):
        (result,) = run_traced(lambda t, training=training: layer(t, training=training), x)
        np.testing.assert_allclose(result, expected, atol=2e-6)
    layer.trainable = False  # which means inference, in training too
    np.testing.assert_allclose(layer(x, training=True).numpy(), expected, atol=2e-6)
    assert layer(x[:0]).shape == (0, 2, 3)
    for now, before in zip(layer.get_weights(), [gamma, beta, mean, variance]):
        np.testing.assert_array_equal(now, before)


def test_without_scale_and_shift(rng: Any) -> None:
    x = rng.standard_normal((9, 3)).astype("float32")
    for options in ({"scale": False}, {"center": False}, {"scale": False, "center": False}):
        layer = BatchNormalization(**options)
        np.testing.assert_allclose(layer(x, training=True).numpy(), by_formula(x), atol=1e-5)
        np.testing.assert_allclose(BatchNormalization(**options)(x).numpy(), x / np.sqrt(1.001), rtol=1e-5)
        assert len(layer.weights) == 4 - len(options)


def test_gradients(rng: Any) -> None:
    x = (rng.standard_normal((20, 3)) + 1e3).astype("float32")
    g = rng.standard_normal(x.shape)
    layer, inputs = BatchNormalization(), ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(inputs)
        total = ops.sum(layer(inputs, training=True) * g.astype("float32"))
    of_gamma, of_beta, of_inputs = tape.gradient(total, [layer.gamma, layer.beta, inputs])
    normal, deviation = by_formula(x), np.sqrt(x.astype("float64").var(0) + 1e-3)
    np.testing.assert_allclose(of_gamma.numpy(), (g * normal).sum(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(of_beta.numpy(), g.sum(0), rtol=1e-4, atol=1e-5)
    expected = (g - g.mean(0) - normal * (g * normal).mean(0)) / deviation
    np.testing.assert_allclose(of_inputs.numpy(), expected, atol=1e-5)


def test_a_mask_keeps_elements_out(rng: Any) -> None:
    x = rng.standard_normal((2, 5, 3)).astype("float32")
    mask = np.array([[True, True, False, True, False], [False, True, True, True, True]])
    layer = BatchNormalization(momentum=0.0)
    result = layer(np.where(mask[..., None], x, 1e6).astype("float32"), training=True, mask=mask).numpy()
    np.testing.assert_allclose(result[mask], by_formula(x[mask]), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x[mask].var(0), rtol=1e-5)
    with pytest.raises(ShapeError, match=r"mask must have one axis less.*mask shape \(2, 5, 3\)"):
        layer(x, mask=np.ones(x.shape, bool))


def test_half_floats_are_computed_wide(rng: Any) -> None:
    x = (rng.standard_normal((50, 2)) * 300 + 1000).astype("float16")
    layer = BatchNormalization(dtype="float16")
    result = layer(x, training=True)
    assert result.dtype == "float16"
    np.testing.assert_allclose(result.numpy(), by_formula(x), atol=2e-3)


def test_fit_evaluate_predict(executor: str, rng: Any) -> None:
    x = (rng.standard_normal((96, 4)) * 3 + 1e4).astype("float32")
    y = x[:, :1] - 1e4
    layer = BatchNormalization(momentum=0.5)
    model = models.Sequential([layer, layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    history = model.fit(x, y, batch_size=32, epochs=12, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0), atol=2.0)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x.var(0), rtol=0.5)
    before = layer.get_weights()
    assert model.evaluate(x, y, verbose=0) < history[0]
    model.predict(x, verbose=0)
    for now, then in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(now, then)


def test_frozen_in_fit(rng: Any) -> None:
    x = rng.standard_normal((32, 4)).astype("float32")
    layer = BatchNormalization(trainable=False)
    model = models.Sequential([layer, layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    assert [w.tolist() for w in layer.get_weights()] == [[1.0] * 4, [0.0] * 4, [0.0] * 4, [1.0] * 4]


def test_config_round_trip() -> None:
    layer = BatchNormalization(
        axis=1, momentum=0.5, epsilon=0.1, center=False, gamma_initializer="random_normal", gamma_regularizer="l2",
        gamma_constraint="non_neg", moving_variance_initializer="zeros", synchronized=True, name="bn",
    )  # fmt: skip
    config = layer.get_config()
    again = BatchNormalization.from_config(config)
    assert again.get_config() == config
    assert (config["momentum"], config["axis"], config["synchronized"], config["center"]) == (0.5, 1, True, False)
    assert layer.compute_output_shape((None, 4, 5)) == (None, 4, 5)
    keras_3_15 = config | {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    assert BatchNormalization.from_config(keras_3_15).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axis": [1, 2]}, r"axis must be one whole number. Received: \[1, 2\]"),
        ({"axis": 1.5}, "axis must be a whole number or a list.*Received: 1.5"),
        ({"momentum": 2}, "momentum must be a number from 0 to 1. Received: 2"),
        ({"epsilon": -1.0}, "epsilon must be a number of at least 0. Received: -1.0"),
        ({"renorm": True}, "renormalisation is not supported"),
        ({"momentun": 0.9}, "does not have the argument 'momentun'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"(?s)BatchNormalization.*{message}"):
        BatchNormalization(**arguments)


def test_wrong_inputs() -> None:
    with pytest.raises(ShapeError, match=r"axis=2 does not name different axes of an input of rank 2.*\(3, 4\)"):
        BatchNormalization(axis=2)(np.zeros((3, 4), "float32"))
    with pytest.raises(ShapeError, match="size of axis -1 must be known"):
        BatchNormalization().build((None, 4, None))
    layer = BatchNormalization(name="bn")
    layer(np.zeros((3, 4), "float32"))
    with pytest.raises(ShapeError, match="axis -1 is 5; expected 4 there"):
        layer(np.zeros((3, 5), "float32"))
    with pytest.raises(ShapeError, match="nothing has no mean"):
        layer(np.zeros((0, 4), "float32"), training=True)
