"""What recurrent layers say of wrong arguments and inputs."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers import Input


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.GRU(-1), "^GRU: units must be"),
        (lambda: layers.GRU(-1, name="coder"), "^GRU layer 'coder': units must be"),
        (lambda: layers.LSTM(8, dropout=2), "^LSTM: dropout must be"),
        (lambda: layers.SimpleRNN(2.5), "^SimpleRNN: units must be"),
        (lambda: layers.ConvLSTM2D(3, 0), "^ConvLSTM2D: kernel_size must be"),
        (lambda: layers.GRUCell(-1), "^GRUCell layer 'gru_cell.*': units must be"),
    ],
)
def test_the_layer_is_named_that_was_written(make, text):
    with pytest.raises(ArgumentError, match=text):
        make()


def test_the_layer_is_named_when_its_cell_is_built():
    with pytest.raises(ShapeError, match="^LSTM layer 'coder': the last axis"):
        layers.LSTM(3, name="coder").build((None, 5, None))


@pytest.mark.parametrize(
    "second",
    [
        lambda: layers.LSTM(3),
        lambda: layers.Bidirectional(layers.GRU(3)),
        lambda: layers.TimeDistributed(layers.Dense(3)),
        lambda: layers.Conv1D(3, 2),
    ],
)
def test_all_steps_are_asked_for(second):
    with pytest.raises(ShapeError, match=r"\(None, 4\).*return_sequences=True"):
        models.Sequential([Input((5, 3)), layers.LSTM(4), second()])
    assert models.Sequential([Input((5, 3)), layers.LSTM(4, return_sequences=True), second()]).built


def stateful(batch=4):
    layer = layers.LSTM(2, stateful=True, name="memory")
    model = models.Sequential([Input(batch_shape=(batch, 5, 3)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


X, Y = np.zeros((12, 5, 3), "float32"), np.zeros((12, 1), "float32")


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda m: m.fit(X, Y, verbose=0), r"batches of 12 \(batch_size=32, 12 rows\). Give batch_size=4"),
        (lambda m: m.fit(X[:10], Y[:10], batch_size=4, verbose=0), "10 rows .*last batch has 2. Give 8 or 12 rows"),
        (lambda m: m.fit(X, Y, batch_size=4, validation_data=(X[:3], Y[:3]), verbose=0), "3 rows with batch_size=4"),
        (lambda m: m.fit(((X[:5], Y[:5]) for _ in range(2)), verbose=0), "batches of 5"),
        (lambda m: m.evaluate(X, Y, verbose=0), "batch_size=32"),
        (lambda m: m.predict(X[:3], verbose=0), "batches of 3"),
        (lambda m: m.predict(X, batch_size=3, verbose=0), "batches of 3"),
        (lambda m: m.predict_on_batch(X), "batches of 12"),
        (lambda m: m.train_on_batch(X, Y), "batches of 12"),
    ],
)
def test_a_state_for_each_sample(run, text):
    model = stateful()
    before = model.get_weights()
    with pytest.raises(ShapeError, match=f"LSTM layer 'memory' is stateful.* of 4 samples.*{text}"):
        run(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_whole_batches_run():
    model = stateful()
    assert len(model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history["loss"]) == 2
    model.fit(X[:10], Y[:10], batch_size=4, steps_per_epoch=2, verbose=0)
    assert model.predict(X, batch_size=4, verbose=0).shape == (12, 1)
    assert model.predict(X[:4], verbose=0).shape == (4, 1)


def test_an_unbuilt_model_with_states():
    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.memory = layers.GRU(2, stateful=True, name="memory")

        def call(self, x):
            return self.memory(x)

    with pytest.raises(ShapeError, match=r"GRU layer 'memory' is stateful.*Input\(batch_shape="):
        Own().predict(X, batch_size=4, verbose=0)
    model = Own()
    model(X[:4])
    assert model.predict(X, batch_size=4, verbose=0).shape == (12, 2)


def cell(call, **attributes):
    return type("Own", (layers.Layer,), {"state_size": 3, "call": call, **attributes})()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cell(lambda self, x, states: x), "the cell Own must give two things.*Received: a Tensor"),
        (lambda: cell(lambda self, x, states: (x, states, 1)), "Received: 3 values"),
        (lambda: cell(lambda self, x: (x, x)), r"must have `call\(self, inputs, states\)`.*takes no states"),
        (lambda: cell(lambda self, x, states: (x, states), state_size=None), "must have a `state_size`"),
        (lambda: layers.LSTM(2), r"computes one step.*would be LSTMCell\(...\)"),
        (lambda: layers.LSTMCell, "must be a cell"),
    ],
)
def test_what_is_no_cell(make, text, executor):
    with pytest.raises(ArgumentError, match=f"RNN layer .*{text}"):
        layers.RNN(make())(X)


def test_cells_that_take_what_comes():
    free = cell(lambda self, *args: (args[0], args[1]))
    assert layers.RNN(free)(X).shape == (12, 3)


def test_other_features_than_it_was_built_for():
    for layer, wrong, axis in (
        (layers.GRU(2), X[..., :2], -1),
        (layers.ConvLSTM1D(2, 2), np.ones((2, 3, 5, 4), "float32"), -1),
        (layers.ConvLSTM1D(2, 2, data_format="channels_first"), np.ones((2, 3, 4, 5), "float32"), 2),
    ):
        layer(X if wrong.ndim == 3 else np.moveaxis(np.ones((2, 3, 5, 1), "float32"), -1, axis))
        with pytest.raises(ShapeError, match=f"{layer._title()}: .*axis {axis} is"):
            layer(wrong)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: layers.Bidirectional(layers.LSTM(2))(X, initial_state=[np.zeros((12, 2))] * 2), ArgumentError,
         "initial_state must be a list of 4 tensors.*Received: 2"),
        (lambda: layers.Bidirectional(layers.GRU(2))(X, initial_state=np.zeros((12, 2))), ArgumentError,
         "list of 2 tensors.*Received: 1"),
        (lambda: layers.Bidirectional(layers.GRU(2), weights=[np.zeros(3)])(X), ArgumentError,
         r"has 6 weight\(s\).*Received: 1 array"),
        (lambda: layers.Bidirectional(layers.GRU(2), "sum", backward_layer=layers.GRU(3, go_backwards=True))(X),
         ShapeError, r"merge_mode='sum' needs two outputs of one shape. Received: \(12, 2\) and \(12, 3\)"),
        (lambda: layers.Masking(None), ArgumentError, "mask_value must be a number. Received: None"),
        (lambda: layers.Masking("x"), ArgumentError, "mask_value must be a number"),
    ],
)  # fmt: skip
def test_around_recurrent_layers(act, error, text):
    with pytest.raises(error, match=text):
        act()
