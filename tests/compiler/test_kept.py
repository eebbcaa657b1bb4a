"""What programs make of weights alone is kept from call to call, until a weight changes."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import lamina as keras
from lamina import debug, ops
from lamina.base.changes import changes
from lamina.base.config import config

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 32, 128)).astype("float32")


@pytest.fixture(autouse=True)
def nothing_exposed(monkeypatch):
    monkeypatch.setattr(changes, "exposed", False)


def network():
    model = keras.Sequential([keras.Input((32, 128)), keras.layers.Dense(512, "relu"), keras.layers.Dense(64)])
    model.compile("sgd", "mse")
    return model


def expected(model, x):
    first, second = model.layers
    hidden = np.maximum(x @ first.kernel.numpy() + first.bias.numpy(), 0)
    return hidden @ second.kernel.numpy() + second.bias.numpy()


def test_prediction_packs_weights_once():
    text = debug.kernels(network(), X)
    kept, rest = text[text.index("kept until weights change") :].split("======== end ========")
    assert "panels" in kept and "packing" not in rest


def test_training_packs_them_at_every_step():
    assert "kept until weights change" not in debug.kernels(network(), X, np.zeros((40, 32, 64), "float32"))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_changed_weight_is_seen(monkeypatch, threads):
    monkeypatch.setattr(config, "threads", threads)
    model = network()
    for change in (0.0, 0.5, 0.0):
        model.layers[0].kernel.assign_add(np.full((128, 512), change, "float32"))
        for rows in (40, 7, 40):
            np.testing.assert_allclose(
                model.predict(X[:rows], verbose=0), expected(model, X[:rows]), rtol=1e-4, atol=1e-3
            )


def test_training_between_predictions_is_seen():
    model = network()
    y = RNG.standard_normal((40, 32, 64)).astype("float32")
    before = model.predict(X, verbose=0)
    for _ in range(3):
        model.fit(X, y, verbose=0)
        after = model.predict(X, verbose=0)
        np.testing.assert_allclose(after, expected(model, X), rtol=1e-4, atol=1e-3)
    assert not np.allclose(before, after)


def test_training_in_the_interpreter_is_seen(monkeypatch):
    model = network()
    model.predict(X, verbose=0)
    monkeypatch.setattr(config, "interpret", True)
    model.train_on_batch(X, np.ones((40, 32, 64), "float32"))
    monkeypatch.setattr(config, "interpret", False)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-4, atol=1e-3)


def test_functions_keep_what_they_make_of_variables():
    weight = keras.Variable(RNG.standard_normal((128, 512)).astype("float32"))

    @keras.function
    def f(x):
        return ops.matmul(x, weight)

    @keras.function
    def double():
        weight.assign(weight * 2)

    for _ in range(3):
        np.testing.assert_allclose(f(X), X @ weight.numpy(), rtol=1e-4, atol=1e-3)
        double()
        np.testing.assert_allclose(f(X), X @ weight.numpy(), rtol=1e-4, atol=1e-3)


def test_memory_that_was_given_away_may_change_unseen():
    weight = keras.Variable(np.eye(128, 512, dtype="float32"))

    @keras.function
    def f(x):
        return ops.matmul(x, weight)

    f(X)
    assert not changes.exposed
    outside = np.from_dlpack(weight)
    assert changes.exposed
    f(X)
    ctypes.memset(outside.ctypes.data, 0, outside.nbytes)
    np.testing.assert_array_equal(np.asarray(f(X)), np.zeros((40, 32, 512)))


def test_equal_programs_of_several_models_keep_their_own():
    first, second = network(), network()
    first.predict(X, verbose=0)
    np.testing.assert_allclose(second.predict(X, verbose=0), expected(second, X), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(first.predict(X, verbose=0), expected(first, X), rtol=1e-4, atol=1e-3)


def test_a_profile_of_prediction_leaves_packing_out():
    profile = network().profile(X)
    assert all(k.kind != "packing" for k in profile.kernels if k.in_step)


def test_what_depends_on_the_size_of_the_batch_is_not_kept():
    weight = keras.Variable(np.ones((3,), "float32"))

    @keras.function
    def mean(x):
        return ops.sum(x * (weight / ops.shape(x)[0]), axis=0)

    for rows in (4, 8, 2, 5):
        np.testing.assert_allclose(mean(np.ones((rows, 3), "float32")), np.ones(3), rtol=1e-6)


def test_the_last_batch_of_training_is_smaller(monkeypatch):
    results = []
    for interpret in (True, False):
        monkeypatch.setattr(config, "interpret", interpret)
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        x = np.arange(48, dtype="float32").reshape(12, 4)
        results.append(model.fit(x, x[:, :2], batch_size=5, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*results, rtol=1e-4)
