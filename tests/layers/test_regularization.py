"""Layers that disturb their input, or penalise it: shares and moments of the noise, shapes, what passes unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.models import Sequential
from tests.golden.reference import run_traced

SPATIAL = [
    (layers.SpatialDropout1D, (20, 5, 30), {}, (1,)),
    (layers.SpatialDropout2D, (20, 4, 3, 30), {}, (1, 2)),
    (layers.SpatialDropout2D, (20, 30, 4, 3), {"data_format": "channels_first"}, (2, 3)),
    (layers.SpatialDropout3D, (20, 4, 3, 2, 30), {}, (1, 2, 3)),
    (layers.SpatialDropout3D, (20, 30, 4, 3, 2), {"data_format": "channels_first"}, (2, 3, 4)),
]
ALL = [
    layers.Dropout(0.3, seed=1), layers.GaussianDropout(0.3, seed=1), layers.GaussianNoise(0.3, seed=1),
    layers.AlphaDropout(0.3, seed=1), layers.SpatialDropout1D(0.3, seed=1), layers.SpatialDropout2D(0.3, seed=1),
    layers.SpatialDropout3D(0.3, seed=1), layers.ActivityRegularization(0.1, 0.2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shape", "options", "space"), SPATIAL)
def test_whole_channels_are_dropped(kind: Any, shape: Any, options: Any, space: Any) -> None:
    y = np.asarray(kind(0.25, seed=3, **options)(np.ones(shape, "float32"), training=True))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    np.testing.assert_array_equal(y.max(space), y.min(space))
    dropped = (y.max(space) == 0).mean()
    assert 0.2 < dropped < 0.3
    assert len(np.unique((y.max(space) == 0).mean(0))) > 1  # not the same channels in every sample


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_passes_unchanged_outside_of_training(layer: Any, rng: np.random.Generator) -> None:
    rank = getattr(layer, "rank", 1) + 2
    x = rng.normal(size=(3, 4, 5, 6, 7)[:rank]).astype("float32")
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    assert layer.compute_output_shape((None, 4)) == (None, 4)
    assert layer.count_params() == 0
    assert layer.supports_masking


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_config_makes_the_same_layer(layer: Any) -> None:
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_traced_as_eager(layer: Any, rng: np.random.Generator, executor: str) -> None:
    config = layer.get_config()
    eager, traced = (type(layer).from_config(dict(config)) for _ in range(2))
    rank = getattr(layer, "rank", 1) + 2
    x = rng.normal(size=(3, 4, 5, 6, 7)[:rank]).astype("float32")
    (result,) = run_traced(lambda t: traced(t, training=True), x)
    np.testing.assert_allclose(result, eager(x, training=True), rtol=2e-6, atol=1e-6)


def test_no_noise_at_zero(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4)).astype("float32")
    for layer in (layers.GaussianDropout(0), layers.GaussianNoise(0), layers.AlphaDropout(0), layers.Dropout(0.0)):
        np.testing.assert_array_equal(layer(x, training=True), x)


def test_gaussian_dropout_multiplies_with_the_variance_of_dropout() -> None:
    x = np.full((400, 500), 2.0, "float32")
    y = np.asarray(layers.GaussianDropout(0.2, seed=5)(x, training=True)) / 2
    assert abs(y.mean() - 1) < 0.005
    assert abs(y.var() - 0.2 / 0.8) < 0.005


def test_alpha_dropout_keeps_mean_and_variance(rng: np.random.Generator) -> None:
    x = rng.normal(size=(400, 500)).astype("float32")
    y = np.asarray(layers.AlphaDropout(0.3, seed=5)(x, training=True))
    assert abs(y.mean()) < 0.01
    assert abs(y.var() - 1) < 0.02
    lowest = -1.0507009873554805 * 1.6732632423543772
    scale = (0.7 * (1 + 0.3 * lowest**2)) ** -0.5
    dropped = np.isclose(y, scale * lowest * (1 - 0.3), atol=1e-6)
    assert abs(dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[~dropped], (scale * x - scale * lowest * 0.3)[~dropped], rtol=1e-5, atol=1e-6)


def test_noise_shape_is_shared() -> None:
    x = np.ones((6, 50), "float32")
    y = np.asarray(layers.AlphaDropout(0.5, noise_shape=(1, None), seed=2)(x, training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:1], y.shape))
    assert len(np.unique(y)) == 2


@pytest.mark.parametrize("kind", [layers.Dropout, layers.AlphaDropout])
def test_noise_shape_that_does_not_fit(kind: Any) -> None:
    with pytest.raises(ShapeError, match=r"noise_shape must have a size for each axis .*noise_shape=\(3, 1, 1\)"):
        kind(0.5, noise_shape=(3, 1, 1))(np.ones((3, 2), "float32"), training=True)
    with pytest.raises(ShapeError, match=r"noise_shape=\(2, 5\), input shape \(3, 5\)"):
        kind(0.5, noise_shape=(2, 5))(np.ones((3, 5), "float32"), training=True)


def test_activity_penalty_of_a_row_is_added_to_the_loss(executor: str) -> None:
    layer = layers.ActivityRegularization(l1=0.5, l2=0.25)
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")
    layer(x)
    np.testing.assert_allclose(float(layer.losses[0]), (0.5 * 6 + 0.25 * 14) / 2, rtol=1e-6)
    model = Sequential([layers.Input((2,)), layers.ActivityRegularization(l2=0.25)])
    model.compile(optimizer="sgd", loss="mse")
    assert model.evaluate(x, x, verbose=0) == pytest.approx(0.25 * 14 / 2)


def test_training_with_all_of_them(rng: np.random.Generator, executor: str) -> None:
    model = Sequential([
        layers.Input((4, 6)), layers.SpatialDropout1D(0.2, seed=1), layers.Flatten(), layers.GaussianNoise(0.1, seed=2),
        layers.Dense(8, "selu"), layers.AlphaDropout(0.1, seed=3), layers.GaussianDropout(0.1, seed=4), layers.Dense(1),
    ])  # fmt: skip
    model.compile(optimizer="sgd", loss="mse")
    x = rng.normal(size=(32, 4, 6)).astype("float32")
    history = model.fit(x, x[:, 0, :1], epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dropout(1.5), r"Dropout layer 'dropout.*': rate must be a number from 0 to 1. Received: 1.5"),
        (lambda: layers.GaussianDropout(1.0), "rate must be a number from 0 to below 1. Received: 1.0"),
        (lambda: layers.AlphaDropout(True), "rate must be a number from 0 to below 1. Received: True"),
        (lambda: layers.GaussianNoise(-1), "stddev must be a number of at least 0. Received: -1"),
        (lambda: layers.SpatialDropout2D(0.1, data_format="last"), "data_format must be 'channels_last' or"),
        (lambda: layers.ActivityRegularization(l1=-1.0), "l1 must be a finite number of at least 0"),
    ],
)
def test_arguments_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_wrong_rank_is_named() -> None:
    with pytest.raises(ShapeError, match=r"SpatialDropout2D.*of rank 3; expected rank 4"):
        layers.SpatialDropout2D(0.5)(np.ones((2, 3, 4), "float32"), training=True)
