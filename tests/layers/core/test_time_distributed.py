"""One layer for every step, and the marking of padding by its value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.masks import mask_of
from lamina.random import set_random_seed
from tests.golden.digests import fill
from tests.layers import sequences

X = fill((3, 4, 6, 5), 0.4)


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(2),
        lambda: layers.Conv1D(2, 3),
        lambda: layers.Flatten(),
        lambda: layers.LayerNormalization(),
    ],
)
def test_each_step_on_its_own(make: Any) -> None:
    layer = layers.TimeDistributed(make())
    y = np.asarray(layer(X))
    for step in range(4):
        np.testing.assert_allclose(y[:, step], layer.layer(X[:, step]), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(X.shape) == y.shape
    assert layer.compute_output_shape((None, *X.shape[1:]))[1:] == y.shape[1:]
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert len(layer.weights) == len(layer.layer.weights)


def test_training_and_masks_are_passed_on() -> None:
    class Told(layers.Layer):
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            self.seen = (training, None if mask is None else tuple(mask.shape))
            return inputs

    layer = layers.TimeDistributed(Told())
    mask = np.ones((3, 4), bool)
    layer(X, training=True, mask=mask)
    assert layer.layer.seen == (True, (12,))
    layer(X, mask=np.ones((3, 4, 6), bool))
    assert layer.layer.seen[1] == (12, 6)
    y = layers.TimeDistributed(layers.Dense(2))(X, mask=mask)
    np.testing.assert_array_equal(mask_of(y), mask)


def test_fit(executor: str) -> None:
    model = models.Sequential([
        layers.Input((None, 5)), layers.TimeDistributed(layers.Dense(4, "relu")),
        layers.TimeDistributed(layers.Dropout(0.1, seed=1)), layers.Dense(1),
    ])  # fmt: skip
    model.compile("adam", loss="mse")
    x = fill((8, 6, 5), 0.3)
    history = model.fit(x, x[..., :1], epochs=12, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: layers.TimeDistributed(3), ArgumentError, "layer must be a layer"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(X[0, 0]), ShapeError, "takes one tensor of rank 3 or more"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(X, mask=np.ones((3, 5), bool)), ShapeError, "must begin with"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(X, mask=np.ones((3,), bool)), ShapeError, "must begin with"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("case", sequences.cases("Masking"), ids=sequences.label)
def test_masking_as_in_keras(case: Any) -> None:
    sequences.check_description(case)
    sequences.check_values(case)
    sequences.check_traced(case)


def test_masking_marks_steps_and_zeroes_them() -> None:
    x = fill((2, 4, 3), 0.2)
    x[0, 2:] = -1.0
    x[1, 0, 1] = -1.0  # one value of a step is not the whole step
    y = layers.Masking(-1.0)(x)
    np.testing.assert_array_equal(mask_of(y), [[True, True, False, False], [True] * 4])
    np.testing.assert_array_equal(y, np.where(np.asarray(mask_of(y))[..., None], x, 0))


def test_a_vector_for_every_step(executor):
    x = np.arange(6, dtype="float32").reshape(2, 3)
    layer = layers.RepeatVector(4)
    np.testing.assert_array_equal(layer(x), np.repeat(x[:, None], 4, 1))
    model = models.Sequential([layers.Input((3,)), layer, layers.Permute((2, 1))])
    assert model.output_shape == (None, 3, 4)
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.repeat(x[:, :, None], 4, 2))
    again = layers.Permute.from_config(layers.Permute([3, 1, 2]).get_config())
    film = np.ones((2, 3, 4, 5))
    assert again(film).shape == again.compute_output_shape(film.shape) == (2, 5, 3, 4)
    assert layers.RepeatVector.from_config(layer.get_config()).n == 4


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.RepeatVector(0), "n must be a whole number of at least 1"),
        (lambda: layers.RepeatVector(2)(np.ones((2, 3, 4))), "expected rank 2"),
        (lambda: layers.Permute((0, 1)), "dims must have each axis once, counted from 1"),
        (lambda: layers.Permute((1, 1)), "dims must have each axis once"),
        (lambda: layers.Permute("ab"), "dims must have each axis once"),
        (lambda: layers.Permute((2, 1))(np.ones((2, 3))), "expected rank 3"),
    ],
)
def test_refused_repeats_and_permutations(make, text):
    with pytest.raises(ValueError, match=text):
        make()
