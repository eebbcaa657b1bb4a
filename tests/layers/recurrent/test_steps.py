"""What recurrent layers compute, by their formulas; their gradients; and training, compiled as interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina as keras
from lamina import layers, models, ops
from lamina.base.config import config
from lamina.random import set_random_seed
from lamina.tensor import GradientTape, TensorSpec, Variable, function


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(3)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


def lstm(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    kernel, recurrent, bias = weights
    h = c = np.zeros((len(x), recurrent.shape[0]))
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1)


def gru(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    kernel, recurrent, bias = weights
    h = np.zeros((len(x), recurrent.shape[0]))
    outputs = []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, axis=-1)
        hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=-1)
        z = sigmoid(xz + hz)
        h = z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh)
        outputs.append(h)
    return np.stack(outputs, 1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("kind", "formula"), [(layers.LSTM, lstm), (layers.GRU, gru)])
def test_formula(kind: Any, formula: Any, threads: int, rng: np.random.Generator) -> None:
    config.threads = threads
    layer = kind(7, return_sequences=True, bias_initializer="normal")
    run = function(lambda x: layer(x), input_signature=[TensorSpec((None, None, 5))])
    for shape in ((1, 1, 5), (3, 13, 5), (17, 4, 5), (2, 1, 5), (1, 33, 5)):
        x = floats(rng, *shape)
        found = run(x)
        expected = formula(x.astype("float64"), [w.astype("float64") for w in layer.get_weights()])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
    assert run.traces == 1


CELLS = {
    "simple": lambda: layers.SimpleRNNCell(3),
    "lstm": lambda: layers.LSTMCell(3),
    "gru": lambda: layers.GRUCell(3),
    "gru before": lambda: layers.GRUCell(3, reset_after=False),
    "stacked": lambda: [layers.LSTMCell(2), layers.GRUCell(3)],
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_by_hand_is_a_step_of_the_layer(name: str, rng: np.random.Generator) -> None:
    layer, x = layers.RNN(CELLS[name](), return_sequences=True), floats(rng, 2, 4, 5)
    outputs = np.asarray(layer(x))
    states = layer.get_initial_state(2)
    for t in range(4):
        y, states = layer.cell(x[:, t], states)
        np.testing.assert_allclose(y, outputs[:, t], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_slopes(name: str, masked: bool, rng: np.random.Generator) -> None:
    layer, x = layers.RNN(CELLS[name](), dtype="float64"), Variable(rng.normal(size=(2, 4, 3)))
    for cell in [layer.cell, *layer.cell.sublayers()]:
        cell.dtype_policy = "float64"
    mask = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], bool) if masked else None
    layer(x, mask=mask)

    def loss() -> Any:
        return ops.sum(layer(x, mask=mask) ** 3)

    @function
    def slopes() -> Any:
        with GradientTape() as tape:
            value = loss()
        return tape.gradient(value, [x, *layer.weights])

    for variable, found in zip([x, *layer.weights], slopes()):
        value, slope = variable.numpy().copy(), np.asarray(found)
        for place in list(np.ndindex(value.shape))[:: max(1, value.size // 5)]:
            ends = []
            for shift in (1e-5, -1e-5):
                moved = value.copy()
                moved[place] += shift
                variable.assign(moved)
                ends.append(float(loss()))
            variable.assign(value)
            np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / 2e-5, rtol=1e-4, atol=1e-7)


def networks() -> dict[str, Any]:
    units = {"units": 5}
    return {
        "simple": lambda: [layers.SimpleRNN(**units)],
        "lstm": lambda: [layers.LSTM(**units, dropout=0.3, recurrent_dropout=0.2, seed=1)],
        "gru": lambda: [layers.GRU(**units, dropout=0.3, seed=1, kernel_regularizer="l2")],
        "gru before": lambda: [layers.GRU(**units, reset_after=False, recurrent_dropout=0.2, seed=1)],
        "masked": lambda: [layers.Masking(), layers.LSTM(**units, return_sequences=True), layers.GRU(**units)],
        "both ways": lambda: [
            layers.Bidirectional(layers.LSTM(**units, return_sequences=True)),
            layers.Bidirectional(layers.GRU(**units), merge_mode="ave"),
        ],
        "stacked": lambda: [layers.RNN([layers.LSTMCell(4, dropout=0.2, seed=1), layers.GRUCell(3)])],
        "films": lambda: [
            layers.Reshape((-1, 2, 2, 1)),
            layers.ConvLSTM2D(3, 2, padding="same", dropout=0.2, seed=1),
            layers.Flatten(),
        ],
    }


@pytest.mark.parametrize("name", networks())
def test_training_is_what_the_interpreter_does(name: str, rng: np.random.Generator) -> None:
    x, y = floats(rng, 22, 6, 4), floats(rng, 22, 1)
    x[rng.random((22, 6)) < 0.2] = 0
    results = []
    for config.interpret in (True, False):
        set_random_seed(5)
        model = models.Sequential([keras.Input((None, 4)), *networks()[name](), layers.Dense(1)])
        model.compile("adam", "mse")
        history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        results.append([history.history["loss"], *model.get_weights(), model.predict(x[:5], verbose=0)])
    for found, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_mixed_precision(kind: Any, policy: str, rng: np.random.Generator) -> None:
    x, y = floats(rng, 16, 5, 4), floats(rng, 16, 1)
    layer = kind(6, dtype=policy, return_state=True)
    output, *states = layer(x)
    assert {str(t.dtype) for t in (output, *states)} == {policy.removeprefix("mixed_")}
    assert {w.dtype for w in layer.weights} == {"float32"}
    plain = kind(6)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.asarray(output, "float32"), np.asarray(plain(x)), atol=0.03)
    model = models.Sequential([keras.Input((None, 4)), kind(6, dtype=policy), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_it_learns_to_add_up(rng: np.random.Generator) -> None:
    x = rng.integers(0, 2, (256, 6, 1)).astype("float32")
    model = models.Sequential([keras.Input((None, 1)), layers.GRU(8), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(x, x.sum(axis=1), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]
