"""A small residual network of convolutions, made from tensors: trained compiled as interpreted."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, optimizers
from lamina.base.config import config
from lamina.models import Model
from lamina.utils import set_random_seed


def block(x, filters: int, strides: int):
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    if strides > 1:
        x = layers.Conv2D(filters, 1, strides=strides)(x)
    return layers.Activation("relu")(layers.Add()([x, y]))


def network() -> Model:
    set_random_seed(5)
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = block(block(x, 4, 1), 8, 2)
    x = layers.GlobalAveragePooling2D()(x)
    model = Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile(optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 12)
    return rng.normal(size=(12, 8, 8, 3)).astype("float32") + labels[:, None, None, None], labels


def test_shapes_and_weights():
    model = network()
    assert model.output_shape == (None, 3)
    assert model.count_params() == 112 + 2 * (144 + 16) + (288 + 32) + (576 + 32) + 40 + 27
    names = [layer.name.split("_")[0] for layer in model.layers if layer.name.startswith(("add", "global"))]
    assert names == ["add", "add", "global"]


def test_compiled_training_is_interpreted_training(images):
    results = []
    for interpret in (True, False):
        config.interpret = interpret
        model = network()
        history = model.fit(*images, batch_size=5, epochs=2, shuffle=False, verbose=0).history
        results.append((history, model.predict(images[0], verbose=0), model.get_weights()))
    (one, guess, weights), (other, found, values) = results
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4)
    np.testing.assert_allclose(guess, found, rtol=1e-3, atol=1e-5)
    for a, b in zip(weights, values):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_it_learns(images, compiled):
    model = network()
    history = model.fit(*images, batch_size=6, epochs=25, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
