"""Spectral normalisation: the kernel's largest singular value becomes 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import GradientTape, initializers, layers, models, ops
from lamina.base.errors import ArgumentError
from lamina.layers.normalization import SpectralNormalization
from tests.golden.reference import run_traced


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("iterations", [1, 3])
def test_power_iteration(iterations: int, executor: str, rng: Any) -> None:
    x, kernel, u = (rng.standard_normal(s).astype("float32") for s in ((5, 6), (6, 4), (1, 4)))
    layer = SpectralNormalization(layers.Dense(4), power_iterations=iterations)
    layer.build(x.shape)
    layer.set_weights([kernel, u, np.ones(4, "float32")])
    assert [w.name for w in layer.weights] == ["kernel", "vector_u", "bias"]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    (result,) = run_traced(lambda t: layer(t, training=True), x)
    for _ in range(iterations):
        v = unit(u @ kernel.T)
        u = unit(v @ kernel)
    kernel = kernel / (v @ kernel @ u.T)
    np.testing.assert_allclose(result, x @ kernel + 1, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.vector_u.numpy(), u, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer(x).numpy(), result, rtol=1e-4, atol=1e-5)  # the kernel stays as it is


def test_the_singular_value_becomes_one(rng: Any) -> None:
    x = rng.standard_normal((5, 6)).astype("float32")
    kernel = initializers.GlorotUniform(seed=3)  # one whose largest two singular values lie apart
    layer = SpectralNormalization(layers.Dense(4, kernel_initializer=kernel), power_iterations=5)
    for _ in range(10):
        layer(x, training=True)
    assert np.linalg.svd(layer.kernel.numpy(), compute_uv=False)[0] == pytest.approx(1, abs=1e-4)


def test_a_kernel_of_zeros_stays(executor: str) -> None:
    layer = SpectralNormalization(layers.Dense(4, kernel_initializer="zeros"))
    x = np.ones((2, 3), "float32")
    layer.build(x.shape)
    before = layer.vector_u.numpy()
    (result,) = run_traced(lambda t: layer(t, training=True), x)
    assert not result.any() and not layer.kernel.numpy().any()
    np.testing.assert_array_equal(layer.vector_u.numpy(), before)


def test_the_gradient_is_that_of_the_layer_inside(rng: Any) -> None:
    x = rng.standard_normal((5, 3)).astype("float32")
    layer = SpectralNormalization(layers.Dense(2))
    with GradientTape() as tape:
        total = ops.sum(layer(x, training=True))
    gradient = tape.gradient(total, layer.kernel)
    np.testing.assert_allclose(gradient.numpy(), np.repeat(x.sum(0)[:, None], 2, 1), rtol=1e-5)


def test_fit(executor: str, rng: Any) -> None:
    x = rng.standard_normal((64, 4)).astype("float32")
    layer = SpectralNormalization(layers.Dense(4, activation="tanh"))
    model = models.Sequential([layer, layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    losses = model.fit(x, x[:, :1], batch_size=16, epochs=8, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.linalg.svd(layer.kernel.numpy(), compute_uv=False)[0] == pytest.approx(1, abs=0.2)
    assert model.predict(x, verbose=0).shape == (64, 1)


def test_config_round_trip() -> None:
    layer = SpectralNormalization(layers.Dense(3, activation="relu"), power_iterations=2, name="sn")
    config = layer.get_config()
    assert config["layer"]["class_name"] == "Dense" and config["power_iterations"] == 2
    again = SpectralNormalization.from_config(config)
    assert again.get_config() == config
    assert again.compute_output_shape((None, 4)) == (None, 3)


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match="power_iterations must be a whole number of at least 1. Received: 0"):
        SpectralNormalization(layers.Dense(2), power_iterations=0)
    with pytest.raises(ArgumentError, match="layer must be a layer.*Received: 'dense'"):
        SpectralNormalization("dense")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must have a weight `kernel` or `embeddings`. Received: <Flatten"):
        SpectralNormalization(layers.Flatten())(np.ones((2, 3), "float32"))
