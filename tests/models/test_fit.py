"""What fit, evaluate and predict compute, against loops written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.errors import UnknownArgumentError
from lamina.layers import Dense, Dropout, Input
from lamina.metrics import MeanSquaredError
from lamina.models import Sequential
from lamina.optimizers import SGD, Adam
from lamina.utils import set_random_seed


@pytest.fixture
def data(rng):
    x = rng.normal(size=(10, 3)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)
    return x, y


def linear(optimizer=None, **options) -> Sequential:
    model = Sequential([Input((3,)), Dense(1)])
    model.set_weights([np.full((3, 1), 0.1, np.float32), np.zeros(1, np.float32)])
    model.compile(optimizer or SGD(0.1), "mse", **options)
    return model


def hand_written(x, y, epochs, batch_size, rate=0.1, weights=None):
    """Gradient descent on the mean squared error, in float64; the weights and the mean loss of every epoch."""
    w, b = np.full((3, 1), 0.1), np.zeros(1)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            part, weight = x[rows], 1.0 if weights is None else weights[rows][:, None]
            error = part @ w + b - y[rows]
            total += np.sum(weight * error**2)
            gradient = 2 * weight * error / len(part)
            w, b = w - rate * part.T @ gradient, b - rate * gradient.sum(0)
        losses.append(total / len(x))
    return w, b, losses


@pytest.mark.parametrize("batch_size", [1, 4, 10, 32])
def test_fit_is_gradient_descent(executor, data, batch_size):
    x, y = data
    model = linear()
    history = model.fit(x, y, batch_size=batch_size, epochs=3, shuffle=False, verbose=0)
    w, b, losses = hand_written(x, y, 3, batch_size)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-4)
    assert history.epoch == [0, 1, 2] and history.params == {"verbose": 0, "epochs": 3, "steps": -(-10 // batch_size)}
    assert model.history is history


def test_run_eagerly_gives_the_same(data):
    x, y = data
    results = []
    for eagerly in (False, True):
        set_random_seed(1)
        model = linear(Adam(0.01), metrics=["mae"], run_eagerly=eagerly)
        results.append(model.fit(x, y, batch_size=4, epochs=4, verbose=0, validation_split=0.2).history)
        results[-1]["predicted"] = model.predict(x, verbose=0)
    assert list(results[0]) == ["loss", "mae", "val_loss", "val_mae", "predicted"]
    for name in results[0]:
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-5, atol=1e-6)


def test_sample_weights(executor, data):
    x, y = data
    weights = np.linspace(0, 2, 10)
    model = linear(metrics=["mae"], weighted_metrics=["mse"])
    history = model.fit(x, y, sample_weight=weights, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    w, _, losses = hand_written(x, y, 2, 4, weights=weights)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)
    before = linear(metrics=["mae"], weighted_metrics=["mse"])
    result = before.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    error = (x @ np.full((3, 1), 0.1) - y)[:, 0]
    assert result["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert result["mse"] == pytest.approx((weights * error**2).sum() / weights.sum(), rel=1e-5)


def test_class_weights_are_sample_weights(rng):
    x = rng.normal(size=(12, 4)).astype(np.float32)
    y = rng.integers(0, 3, 12)
    results = []
    for given in ({"class_weight": {0: 2.0, 2: 0.5}}, {"sample_weight": np.array([2.0, 1.0, 0.5])[y]}):
        set_random_seed(3)
        model = Sequential([Input((4,)), Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        results.append(model.fit(x, y, batch_size=5, epochs=2, verbose=0, **given).history["loss"])
    np.testing.assert_allclose(*results)


def test_shuffle_visits_every_row_once_and_differently(executor):
    rows = np.arange(17, dtype=np.float32)[:, None]
    model = Sequential([Input((1,)), Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1), np.float32)])
    model.compile(SGD(0.0), lambda y, p: p)
    history = model.fit(rows, rows, batch_size=4, epochs=3, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [8.0] * 3, rtol=1e-6)
    steps = []
    from lamina.callbacks import LambdaCallback

    seen = LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(logs["loss"]))
    model.fit(rows, rows, batch_size=17, epochs=1, verbose=0, callbacks=[seen])
    model.fit(rows, rows, batch_size=1, epochs=2, verbose=0, callbacks=[seen])
    first, second = steps[1:18], steps[18:]
    assert first != second, "each epoch has an order of its own"


def test_one_seed_gives_one_training(data):
    x, y = data
    results = []
    for seed in (5, 5, 6):
        set_random_seed(seed)
        model = Sequential([Input((3,)), Dense(8, activation="relu"), Dropout(0.3), Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=4, epochs=3, verbose=0)
        results.append(model.get_weights()[0])
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_validation(data):
    x, y = data
    model = linear()
    held_out = linear()
    history = model.fit(x, y, epochs=4, validation_split=0.3, validation_freq=2, verbose=0, shuffle=False).history
    assert len(history["loss"]) == 4 and len(history["val_loss"]) == 2
    held_out.fit(x[:7], y[:7], epochs=4, verbose=0, shuffle=False)
    np.testing.assert_allclose(model.get_weights()[0], held_out.get_weights()[0], rtol=1e-6)
    assert history["val_loss"][-1] == pytest.approx(held_out.evaluate(x[7:], y[7:], verbose=0), rel=1e-6)
    other = linear().fit(x, y, epochs=3, validation_data=(x[:2], y[:2], [1.0, 0.0]), validation_freq=[1, 3], verbose=0)
    assert len(other.history["val_loss"]) == 2


def test_epochs_and_steps(data):
    x, y = data
    model = linear()
    history = model.fit(x, y, initial_epoch=2, epochs=5, verbose=0)
    assert history.epoch == [2, 3, 4] and int(model.optimizer.iterations) == 3
    model.fit(x, y, initial_epoch=5, epochs=5, verbose=0)
    assert int(model.optimizer.iterations) == 3
    model = linear()
    model.fit(x, y, batch_size=2, steps_per_epoch=3, epochs=4, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 12
    rows = np.concatenate([x, x, x])[:24], np.concatenate([y, y, y])[:24]
    w, _, _ = hand_written(*rows, 1, 2)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)


def test_evaluate(executor, data):
    x, y = data
    model = linear(metrics=["mae", MeanSquaredError(name="own")])
    before = model.get_weights()
    error = x @ np.full((3, 1), 0.1) - y
    result = model.evaluate(x, y, batch_size=3, verbose=0)
    np.testing.assert_allclose(result, [(error**2).mean(), np.abs(error).mean(), (error**2).mean()], rtol=1e-5)
    assert list(model.evaluate(x, y, verbose=0, return_dict=True)) == ["loss", "mae", "own"]
    assert model.evaluate(x, y, batch_size=4, steps=1, verbose=0)[0] == pytest.approx((error[:4] ** 2).mean(), rel=1e-5)
    assert isinstance(linear().evaluate(x, y, verbose=0), float)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("rows", [1, 5, 64, 100])
def test_predict(executor, rng, rows):
    model = linear()
    x = rng.normal(size=(rows, 3))
    expected = x @ np.full((3, 1), 0.1)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=7, verbose=0), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-4, atol=1e-6)
    assert model.predict(x, batch_size=2, steps=2, verbose=0).shape == (min(rows, 4), 1)


def test_results_of_predict_are_ones_own(data):
    model = linear()
    first = model.predict(data[0], verbose=0)
    kept = first.copy()
    model.predict(data[0] + 1, verbose=0)
    np.testing.assert_array_equal(first, kept)


def test_single_batches_begin_anew(data):
    x, y = data
    model, whole = linear(metrics=["mae"]), linear()
    first = model.train_on_batch(x, y)
    second = model.train_on_batch(x, y, return_dict=True)
    losses = whole.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert first[0] == pytest.approx(losses[0], rel=1e-5)
    assert second["loss"] == pytest.approx(losses[1], rel=1e-5) and list(second) == ["loss", "mae"]
    np.testing.assert_allclose(model.get_weights()[0], whole.get_weights()[0], rtol=1e-5)
    for _ in range(2):
        assert model.test_on_batch(x, y)[0] == pytest.approx(whole.evaluate(x, y, verbose=0), rel=1e-5)
    half = model.test_on_batch(x[:8], y[:8], return_dict=True)
    assert half["loss"] == pytest.approx(whole.evaluate(x[:8], y[:8], verbose=0), rel=1e-5)


def test_only_trainable_weights_learn(data):
    x, y = data
    model = Sequential([Input((3,)), Dense(4), Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(x, y, epochs=2, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_penalties_are_part_of_the_loss(data):
    x, y = data
    model = Sequential([Input((3,)), Dense(1, kernel_regularizer="l2")])
    model.compile(SGD(0.0), "mse")
    plain = Sequential([Input((3,)), Dense(1)])
    plain.set_weights(model.get_weights())
    plain.compile(SGD(0.0), "mse")
    extra = 0.01 * np.sum(model.get_weights()[0] ** 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0) + extra, rel=1e-5)


def test_the_learning_rate_can_change_between_epochs(data):
    x, y = data
    model = linear(SGD(0.5))
    model.fit(x, y, shuffle=False, verbose=0)
    model.optimizer.learning_rate = 0.1
    again = linear(SGD(0.1))
    again.set_weights(model.get_weights())
    model.fit(x, y, shuffle=False, verbose=0)
    again.fit(x, y, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], again.get_weights()[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("units", "y", "kind"),
    [
        (1, [0, 1, 1], "BinaryAccuracy"),
        (3, [0, 1, 2], "SparseCategoricalAccuracy"),
        (3, [[0], [1], [2]], "SparseCategoricalAccuracy"),
        (3, np.eye(3), "CategoricalAccuracy"),
    ],
)
def test_accuracy_is_chosen_by_shapes(units, y, kind):
    model = Sequential([Input((2,)), Dense(units)])
    model.compile("sgd", "mse", metrics=["accuracy"])
    y = np.asarray(y, np.float32) if kind != "SparseCategoricalAccuracy" else np.asarray(y)
    if kind == "SparseCategoricalAccuracy":
        from lamina.losses import SparseCategoricalCrossentropy

        model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    assert "accuracy" in model.evaluate(np.zeros((3, 2)), y, verbose=0, return_dict=True)
    assert type(model.metrics[1]).__name__ == kind


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m, x, y: m.fit(x, y, epoch=2), r"Sequential.fit\(\) does not .*'epoch'. Did you mean 'epochs'"),
        (lambda m, x, y: m.compile("sgd", los="mse"), r"Sequential.compile\(\) .*Did you mean 'loss'"),
        (lambda m, x, y: m.predict(x, bach_size=2), "Did you mean 'batch_size'"),
        (lambda m, x, y: m.evaluate(x, y, sample_weights=None), "Did you mean 'sample_weight'"),
        (lambda m, x, y: m.train_on_batch(x, y, reset_metrics=False), "It has: class_weight, return_dict"),
    ],
)
def test_misspelt_arguments(data, call, text):
    with pytest.raises(UnknownArgumentError, match=text):
        call(linear(), *data)
