"""Positions as waves, as vectors and as rotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models, ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.masks import mask_of
from lamina.random import set_random_seed
from lamina.tensor import GradientTape
from tests.golden.digests import fill
from tests.golden.reference import run_traced

X = fill((2, 6, 8), 0.4)
IDS = np.array([[3, 1, 2, 0], [4, 4, 0, 0]])


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


def waves(first: int, steps: int, size: int, longest: float = 10000) -> np.ndarray:
    places = np.arange(size)
    angles = np.arange(first, first + steps)[:, None] / longest ** (2 * (places // 2) / size)
    return np.where(places % 2 == 0, np.sin(angles), np.cos(angles))


@pytest.mark.parametrize(("options", "start"), [({}, 0), ({"max_wavelength": 100}, 0), ({}, 7)])
def test_sines_and_cosines(options: Any, start: int) -> None:
    layer = layers.SinePositionEncoding(**options)
    expected = np.broadcast_to(waves(start, 6, 8, options.get("max_wavelength", 10000)), X.shape)
    np.testing.assert_allclose(layer(X, start_index=start), expected, atol=1e-6)
    (traced,) = run_traced(lambda x: layer(x, start_index=start), X)
    np.testing.assert_allclose(traced, expected, atol=1e-6)
    assert layer.compute_output_shape((None, 6, 8)) == (None, 6, 8)


def test_vectors_are_the_rows_of_a_table() -> None:
    layer = layers.PositionEmbedding(9)
    y = np.asarray(layer(X))
    table = np.asarray(layer.position_embeddings)
    assert [w.name for w in layer.weights] == ["embeddings"] and table.shape == (9, 8)
    np.testing.assert_array_equal(y, np.broadcast_to(table[:6], X.shape))
    np.testing.assert_array_equal(layer(X, start_index=3)[0], table[3:9])
    np.testing.assert_array_equal(layer(X, start_index=np.array(2))[1], table[2:8])
    np.testing.assert_array_equal(layer(X, positions=np.array([5, 4, 3, 2, 1, 0]))[0], table[5::-1])


def test_a_table_trains_for_an_open_number_of_steps(executor: str) -> None:
    inputs = layers.Input((None, 8))
    model = models.Model(inputs, layers.Dense(1)(inputs + layers.PositionEmbedding(9)(inputs)))
    model.compile("adam", loss="mse")
    history = model.fit(X, fill((2, 6, 1), 2.0), epochs=6, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(X[:, :4], verbose=0).shape == (2, 4, 1)


def rotated(x: np.ndarray, first: int = 0, scale: float = 1.0) -> np.ndarray:
    """As complex numbers that are multiplied by a rotation."""
    half = x.shape[-1] // 2
    turns = np.arange(first, first + x.shape[1]) / scale
    angles = turns[:, None] * 10000.0 ** (-np.arange(half) / half)
    numbers = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([numbers.real, numbers.imag], -1)


def test_rotations() -> None:
    np.testing.assert_allclose(layers.RotaryEmbedding()(X), rotated(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layers.RotaryEmbedding()(X, start_index=4), rotated(X, 4), rtol=1e-4, atol=1e-5)
    halved = layers.RotaryEmbedding(scaling_factor=2.0)
    np.testing.assert_allclose(halved(X), rotated(X, scale=2.0), rtol=1e-4, atol=1e-6)
    heads = np.stack([X, 2 * X], 2)
    y = np.asarray(layers.RotaryEmbedding()(heads))
    np.testing.assert_allclose(y, np.stack([rotated(X), 2 * rotated(X)], 2), rtol=1e-4, atol=1e-5)
    moved = layers.RotaryEmbedding(sequence_axis=2, feature_axis=1)(np.moveaxis(X, 2, 1))
    np.testing.assert_allclose(np.moveaxis(np.asarray(moved), 1, 2), rotated(X), rtol=1e-4, atol=1e-6)
    shuffled = layers.RotaryEmbedding()(X[:, ::-1], positions=np.arange(6)[::-1].copy())
    np.testing.assert_allclose(np.asarray(shuffled)[:, ::-1], rotated(X), rtol=1e-4, atol=1e-6)


def test_products_of_rotated_vectors_tell_only_the_distance() -> None:
    query, key = np.broadcast_to(X[:1, :1], (1, 6, 8)), np.broadcast_to(X[:1, 1:2], (1, 6, 8))
    layer = layers.RotaryEmbedding()
    products = np.asarray(ops.einsum("btd,bsd->bts", layer(query), layer(key)))[0]
    for distance in range(-5, 6):
        assert np.ptp(np.diagonal(products, distance)) < 1e-5


def test_rotations_keep_lengths_and_have_gradients(executor: str) -> None:
    inputs = layers.Input((6, 8))
    model = models.Model(inputs, layers.Dense(1)(layers.RotaryEmbedding()(layers.Dense(8)(inputs))))
    model.compile("sgd", loss="mse")
    history = model.fit(X, X[..., :1], epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    lengths = np.linalg.norm(np.asarray(layers.RotaryEmbedding()(X)), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(X, axis=-1), rtol=1e-5)


def test_tokens_and_positions() -> None:
    layer = layers.TokenAndPositionEmbedding(6, 9, 8, mask_zero=True)
    y = layer(IDS)
    tokens, places = (np.asarray(w) for w in layer.weights)
    np.testing.assert_allclose(y, tokens[IDS] + places[:4], rtol=1e-6)
    np.testing.assert_array_equal(mask_of(y), IDS != 0)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 4)) == (None, 4, 8)
    with GradientTape() as tape:
        loss = ops.sum(layer(IDS))
    np.testing.assert_array_equal(np.asarray(tape.gradient(loss, layer.weights[1]))[:, 0], [2] * 4 + [0] * 5)


@pytest.mark.parametrize(
    "layer",
    [layers.SinePositionEncoding(50), layers.PositionEmbedding(7), layers.RotaryEmbedding(100, 2.0, feature_axis=2)],
    ids=lambda layer: type(layer).__name__,
)
def test_configs(layer: Any) -> None:
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()


def test_what_cannot_be() -> None:
    with pytest.raises(ArgumentError, match="sequence_length must be a whole number"):
        layers.PositionEmbedding(None)
    with pytest.raises(ShapeError, match="has 6 steps, more than sequence_length=4"):
        layers.PositionEmbedding(4)(X)
    with pytest.raises(ShapeError, match="must be known and even"):
        layers.RotaryEmbedding()(X[..., :7])
