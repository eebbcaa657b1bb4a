"""Loops written with `ops` in layers and in functional models: training, state in steps, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as keras
from lamina import ops
from lamina.base.config import config
from lamina.tensor import GradientTape, TensorSpec, Variable, function


class Recurrent(keras.layers.Layer):
    """A cell with dropout of its state, drawn anew at every step."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units
        self.dropout = keras.layers.Dropout(0.3, seed=3)

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def call(self, x, training=False):
        def step(h, entry):
            return ops.tanh(entry @ self.w + self.dropout(h, training=training) @ self.u), None

        begin = ops.zeros((ops.shape(x)[0], self.units))
        return ops.scan(step, begin, ops.transpose(x, (1, 0, 2)))[0]


@pytest.fixture
def data(rng):
    x = rng.normal(size=(75, 6, 3)).astype("float32")
    return x, (x.sum((1, 2)) > 0).astype("float32")


@pytest.mark.parametrize("length", [6, None])
def test_training_is_what_the_interpreter_does(data, length):
    losses, predictions = [], []
    for config.interpret in (False, True):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((length, 3)), Recurrent(5), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("adam", "binary_crossentropy")
        losses.append(model.fit(*data, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"])
        predictions.append(model.predict(data[0], verbose=0))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    np.testing.assert_allclose(predictions[0], predictions[1], rtol=1e-4, atol=1e-5)


def test_loop_outside_of_layers_is_part_of_a_model(data):
    inputs = keras.Input((6, 3))
    begin = ops.zeros((ops.shape(inputs)[0], 3))
    final, _ = ops.scan(lambda c, e: (c * 0.5 + e, None), begin, ops.transpose(inputs, (1, 0, 2)))
    model = keras.Model(inputs, keras.layers.Dense(1)(final))
    x = data[0][:4]
    carry = np.zeros((4, 3))
    for t in range(6):
        carry = carry * 0.5 + x[:, t]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model(x).numpy(), carry @ kernel + bias, rtol=1e-4, atol=1e-5)

    def slopes(v):
        with GradientTape() as tape:
            tape.watch(v)
            loss = ops.sum(model(v) ** 2)
        return tape.gradient(loss, v)

    found = slopes(Variable(x))
    np.testing.assert_allclose(function(slopes)(x).numpy(), found.numpy(), rtol=1e-4, atol=1e-5)
    model.compile("sgd", "mse")
    before = model.evaluate(*data, verbose=0)
    model.fit(*data, epochs=5, verbose=0)
    assert model.evaluate(*data, verbose=0) < before


def mixed(x, u):
    """A loop over rows by themselves within one that takes their mean, another without a state, one in a branch."""
    begin = ops.zeros((ops.shape(x)[1], 4))

    def inner(h, entry):
        h = ops.tanh(h @ u + entry)
        return h, ops.exp(h)

    def outer(h, _):
        h, ys = ops.scan(inner, h, x)
        return h - ops.mean(h, axis=0, keepdims=True), ops.sum(ys, axis=0)

    found = [*ops.scan(outer, begin, ops.arange(3)), ops.map(lambda entry: ops.tanh(entry @ u), x)]
    return [*found, ops.cond(ops.sum(x) > 0, lambda: ops.scan(inner, begin, x)[0], lambda: begin)]


@pytest.mark.parametrize("rows", [1, 5, 19])
def test_loops_in_loops_on_any_number_of_threads(rng, rows, monkeypatch):
    def slopes(x, u):
        with GradientTape() as tape:
            tape.watch(u)
            loss = sum(ops.sum(y * y) for y in mixed(x, u))
        return [loss, tape.gradient(loss, u)]

    x, u = (rng.normal(size=s).astype("float32") * 0.4 + 0.05 for s in ((4, rows, 4), (4, 4)))
    run = function(slopes, input_signature=[TensorSpec((4, None, 4)), TensorSpec((4, 4))])
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(config, "threads", threads)
        found.append([v.numpy() for v in run(x, u)])
    for a, b, c in zip(*found):
        assert a.tobytes() == b.tobytes() == c.tobytes()
    expected = slopes(ops.convert_to_tensor(x), ops.convert_to_tensor(u))
    for a, b in zip(found[0], expected):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-4)
