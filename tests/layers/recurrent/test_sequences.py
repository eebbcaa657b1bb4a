"""Masks, states from batch to batch, dropout, cells of one's own, and errors of recurrent layers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import lamina as keras
from lamina import layers, models, ops, random
from lamina.base.errors import ArgumentError, LaminaError, ShapeError
from lamina.layers.masks import mask_of
from lamina.random import set_random_seed
from lamina.tensor import GradientTape, Variable, function

KINDS = [layers.SimpleRNN, layers.LSTM, layers.GRU]


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(3)


@pytest.fixture(params=["at once", "interpreted", "compiled"])
def runs(request: Any) -> Any:
    """Calls a function at once, in the interpreter, or as a native program."""
    if request.param == "at once":
        return lambda f: f
    return lambda f: function(f, compile=request.param == "compiled")


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=2e-5, atol=2e-6)


class Total(layers.Layer):
    """A cell whose output is not its state."""

    def __init__(self, units: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = 2

    def call(self, inputs: Any, states: Any) -> Any:
        total = states[0] + inputs
        return total[:, :2] * 2.0, [total]


class Mixed(layers.Layer):
    """A recurrent step written with operations."""

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1] + self.units, self.units))

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        state = ops.tanh(ops.concatenate([inputs, states[0]], axis=-1) @ self.kernel)
        return state, state


# ---- masks ----


@pytest.mark.parametrize("make", [lambda: layers.LSTM(5), lambda: layers.GRU(5), lambda: layers.RNN(Mixed(5)),
                                  lambda: layers.RNN(Total()), lambda: layers.RNN([Mixed(3), layers.LSTMCell(4)]),
                                  lambda: layers.Bidirectional(layers.GRU(3))])  # fmt: skip
def test_padded_and_masked_is_not_padded(make: Any, runs: Any, rng: np.random.Generator) -> None:
    layer, x = make(), floats(rng, 3, 6, 4)
    run = runs(lambda x, mask: layer(x, mask=mask))
    for length in (1, 4, 6):
        mask = np.broadcast_to(np.arange(6) < length, (3, 6))
        close(run(x, mask), layer(x[:, :length]))
        close(run(x[:, ::-1].copy(), mask[:, ::-1].copy()), layer(x[:, ::-1][:, 6 - length :].copy()))


def test_masked_steps_repeat_the_output_or_give_zero(runs: Any, rng: np.random.Generator) -> None:
    x, mask = floats(rng, 1, 4, 4), np.array([[False, True, False, True]])
    for cell in (Total(), Mixed(4)):
        repeating = layers.RNN(cell, return_sequences=True)
        y = np.asarray(runs(lambda x, r=repeating: r(x, mask=mask))(x))
        close(y[:, 0], np.zeros_like(y[:, 0]))
        close(y[:, 2], y[:, 1])
        zero = layers.RNN(cell, return_sequences=True, zero_output_for_mask=True)
        close(runs(lambda x, z=zero: z(x, mask=mask))(x), np.where(mask[..., None], y, 0))


def test_masks_come_from_embeddings_and_go_on(rng: np.random.Generator) -> None:
    ids = np.array([[3, 1, 0, 0], [2, 2, 4, 0]])
    embed = layers.Embedding(5, 3, mask_zero=True)
    first, second = layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3))
    steps = first(embed(ids))
    np.testing.assert_array_equal(np.asarray(mask_of(steps)), ids != 0)
    found = second(steps)
    assert mask_of(found) is None
    close(found, second(first(embed(ids), mask=ids != 0), mask=ids != 0))
    for i, length in enumerate((2, 3)):
        close(np.asarray(found)[i], np.asarray(second(first(embed(ids[i : i + 1, :length]))))[0])
    model = models.Sequential([keras.Input((None,), dtype="int32"), embed, first, second])
    close(model.predict(ids, verbose=0), found)


def test_masks_with_features_count_where_any_is_set(rng: np.random.Generator) -> None:
    x, mask = floats(rng, 2, 3, 4), np.zeros((2, 3, 4), bool)
    mask[0, :2, 1] = mask[1, 1:, 3] = True
    layer = layers.LSTM(3)
    close(layer(x, mask=mask), layer(x, mask=mask.any(axis=-1)))


# ---- states ----


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_layers_go_on_where_they_were(kind: Any, runs: Any, rng: np.random.Generator) -> None:
    x = floats(rng, 2, 9, 4)
    layer = kind(3, stateful=True, return_sequences=True)
    run = runs(lambda x: layer(x))
    parts = [np.asarray(run(x[:, 3 * i : 3 * i + 3].copy())) for i in range(3)]
    plain = kind(3, return_sequences=True)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    close(np.concatenate(parts, axis=1), plain(x))
    layer.reset_state()
    close(run(x[:, :3].copy()), parts[0])


def test_stateful_layers_in_fit_and_predict(rng: np.random.Generator) -> None:
    x = floats(rng, 12, 5, 4)
    layer = layers.LSTM(3, stateful=True)
    model = models.Sequential([keras.Input(batch_shape=(4, 5, 4)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((12, 1)), batch_size=4, epochs=1, shuffle=False, verbose=0)
    assert all(np.abs(state.numpy()).sum() > 0 for state in layer.states)
    assert model.count_params() == 4 * 3 * (4 + 3 + 1) + 4
    layer.reset_state()
    found = model.predict(x, batch_size=4, verbose=0)
    plain = layers.LSTM(3)
    plain.build((4, 15, 4))
    plain.set_weights(layer.get_weights())
    through = plain(np.concatenate([x[:4], x[4:8], x[8:]], axis=1))
    close(found[8:], model.layers[-1](through))
    with pytest.raises(LaminaError):
        model.predict(x[:3], batch_size=4, verbose=0)


def test_both_directions_keep_states(rng: np.random.Generator) -> None:
    x = floats(rng, 2, 3, 4)
    layer = layers.Bidirectional(layers.GRU(3, stateful=True))
    first = np.asarray(layer(x))
    assert np.abs(np.asarray(layer(x)) - first).max() > 1e-3
    assert len(layer.states) == 2
    layer.reset_state()
    close(layer(x), first)


def test_states_are_passed_on_in_models(rng: np.random.Generator) -> None:
    source, target = keras.Input((None, 4)), keras.Input((None, 3))
    encoder, decoder = layers.LSTM(5, return_state=True), layers.LSTM(5, return_sequences=True)
    _, *states = encoder(source)
    model = keras.Model([source, target], layers.Dense(2)(decoder(target, initial_state=states)))
    assert model.output_shape == (None, None, 2)
    x, y = floats(rng, 6, 7, 4), floats(rng, 6, 2, 3)
    close(model.predict([x, y], verbose=0), model.layers[-1](decoder(y, initial_state=list(encoder(x)[1:]))))
    model.compile("adam", "mse")
    losses = model.fit([x, y], np.ones((6, 2, 2)), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# ---- dropout ----


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_dropout_is_the_same_in_all_steps(kind: Any, rates: Any, runs: Any, rng: np.random.Generator) -> None:
    x = floats(rng, 2, 4, 5)
    layer = kind(6, dropout=rates[0], recurrent_dropout=rates[1], seed=7)
    layer.build(x.shape)
    found = runs(lambda x: layer(x, training=True))(x)
    cell, generator = layer.cell, random.SeedGenerator(7)

    def masks(shape: Any, rate: float) -> list[Any]:
        return [random.dropout(ops.ones(shape), rate, seed=generator) for _ in range(cell.mask_count if rate else 0)]

    cell._kept = masks((2, 5), rates[0]), masks((2, 6), rates[1])
    states = layer.get_initial_state(2)
    for t in range(4):
        output, states = cell(x[:, t], states, training=True)
    cell._kept = None
    close(found, output)
    assert np.abs(np.asarray(layer(x)) - np.asarray(output)).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_of_the_inputs_is_a_factor(kind: Any, rng: np.random.Generator) -> None:
    layer, x = kind(6, dropout=0.4, seed=11), floats(rng, 3, 4, 5)
    layer.build(x.shape)
    kept = random.dropout(ops.ones((3, 5)), 0.4, seed=random.SeedGenerator(11))
    close(layer(x, training=True), layer(x * np.asarray(kept)[:, None]))


def test_dropout_differs_from_call_to_call(runs: Any, rng: np.random.Generator) -> None:
    layer, x = layers.Bidirectional(layers.LSTM(6, dropout=0.5)), floats(rng, 2, 4, 5)
    run = runs(lambda x: layer(x, training=True))
    assert np.abs(np.asarray(run(x)) - np.asarray(run(x))).max() > 1e-3
    close(layer(x), layer(x, training=False))


def test_stacked_and_nested_cells_drop_the_same_in_all_steps(rng: np.random.Generator) -> None:
    x = np.ones((1, 5, 4), "float32")
    cell = layers.SimpleRNNCell(8, activation=None, dropout=0.5, recurrent_initializer="zeros", seed=1)
    layer = layers.RNN([Mixed(4, name="first"), cell], return_sequences=True)
    layer(x)
    layer.cell.cells[0].kernel.assign(np.concatenate([np.eye(4), np.zeros((4, 4))]).astype("float32"))
    y = np.asarray(layer(x, training=True))
    close(y, np.broadcast_to(y[:, :1], y.shape))
    assert np.abs(y - np.asarray(layer(x))).max() > 1e-3


# ---- cells of one's own ----


def test_cells_of_ones_own(runs: Any, rng: np.random.Generator) -> None:
    x = floats(rng, 2, 5, 4)
    total = layers.RNN(Total(), return_sequences=True, return_state=True)
    y, state = runs(lambda x: total(x))(x)
    close(y, 2 * np.cumsum(x, axis=1)[..., :2])
    close(state, x.sum(axis=1))
    assert total.compute_output_shape((None, None, 4)) == ((None, None, 2), (None, 4))
    close(runs(lambda x: layers.RNN(Total())(x))(x), 2 * x.sum(axis=1)[:, :2])
    mixed = layers.RNN(Mixed(3))
    found, h = runs(lambda x: mixed(x))(x), np.zeros((2, 3))
    for t in range(5):
        h = np.tanh(np.concatenate([x[:, t], h], axis=-1) @ mixed.cell.kernel.numpy())
    close(found, h)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cell", [Mixed, Total])
def test_gradients_of_cells_of_ones_own(cell: Any, masked: bool, runs: Any, rng: np.random.Generator) -> None:
    layer, x = layers.RNN(cell(4)), Variable(floats(rng, 2, 5, 4))
    mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool) if masked else None
    layer(x)

    def slopes() -> Any:
        with GradientTape() as tape:
            loss = ops.sum(layer(x, mask=mask) ** 2)
        return tape.gradient(loss, [x, *layer.weights])

    for found, expected in zip(runs(slopes)(), slopes(), strict=True):
        close(found, expected)


class Growing(Total):
    def call(self, inputs: Any, states: Any) -> Any:
        return inputs, [ops.concatenate([states[0], inputs], axis=-1)]


class Plain:
    """A cell that is no layer."""

    state_size = [4, 1]

    def call(self, inputs: Any, states: Any) -> Any:
        total, count = states[0] + inputs, states[1] + 1.0
        return total / count, (total, count)


def test_cells_need_not_be_layers(runs: Any, rng: np.random.Generator) -> None:
    x = floats(rng, 2, 5, 4)
    layer = layers.RNN(Plain(), return_state=True)
    mean, total, count = runs(lambda x: layer(x))(x)
    close(mean, x.mean(axis=1))
    close(total, x.sum(axis=1))
    close(count, np.full((2, 1), 5.0))


def test_both_directions_over_a_cell_of_ones_own(rng: np.random.Generator) -> None:
    layer, x = layers.Bidirectional(layers.RNN(Total(), return_sequences=True), merge_mode=None), floats(rng, 2, 5, 4)
    forward, backward = layer(x)
    close(forward, 2 * np.cumsum(x, axis=1)[..., :2])
    close(backward, 2 * np.cumsum(x[:, ::-1], axis=1)[:, ::-1, :2])


def test_weights_of_both_directions_can_be_given(rng: np.random.Generator) -> None:
    x = floats(rng, 2, 3, 4)
    first = layers.Bidirectional(layers.LSTM(3))
    expected = first(x)
    close(layers.Bidirectional(layers.LSTM(3), weights=first.get_weights())(x), expected)


def test_old_style_shapes_copies_and_penalties(rng: np.random.Generator) -> None:
    model = models.Sequential([layers.LSTM(3, input_shape=(None, 4), kernel_regularizer="l2", stateful=False)])
    assert model.built and model.output_shape == (None, 3)
    assert len(model.losses) == 1
    x = floats(rng, 2, 5, 4)
    again = models.clone_model(model)
    again.set_weights(model.get_weights())
    close(again.predict(x, verbose=0), model.predict(x, verbose=0))
    close(pickle.loads(pickle.dumps(model.layers[0]))(x), model(x))


def test_layers_show_the_settings_of_their_cell() -> None:
    layer = layers.LSTM(3, dropout=0.1, activation="relu")
    assert (layer.units, layer.dropout, layer.unit_forget_bias) == (3, 0.1, True)
    assert layer.activation is keras.activations.relu
    with pytest.raises(AttributeError, match="reset_aftr"):
        layer.reset_aftr  # noqa: B018
    layer.build((2, 3, 4))
    close(layer.cell.bias, np.repeat([0.0, 1.0, 0.0, 0.0], 3))


# ---- errors ----

X = np.zeros((2, 3, 4), "float32")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: layers.LSTM(0), ArgumentError, "units must be a whole number"),
        (lambda: layers.GRU(3, dropout=1.5), ArgumentError, "dropout must be a number from 0 to 1"),
        (lambda: layers.LSTM(3, implementation=3), ArgumentError, "implementation must be 1 or 2"),
        (lambda: layers.LSTM(3, use_cudnn="yes"), ArgumentError, "use_cudnn"),
        (lambda: layers.LSTM(3, unit=3), ArgumentError, "Did you mean 'units'"),
        (lambda: layers.LSTM(3)(X[0]), ShapeError, "rank 3"),
        (lambda: layers.LSTM(3)([X, X[:, 0]]), ShapeError, "one tensor"),
        (lambda: layers.LSTM(3)(X, initial_state=[X[:, 0, :3]]), ArgumentError, "2 tensor"),
        (lambda: layers.GRU(3)(X, initial_state=X[:, 0]), ShapeError, "initial_state 0 must be of shape"),
        (lambda: layers.GRU(3)(X, mask=np.ones((2, 2), bool)), ShapeError, "mask must be"),
        (lambda: layers.LSTM(3)(keras.Input((5, None))), ShapeError, "last axis of the input must be known"),
        (lambda: layers.LSTM(3, stateful=True)(keras.Input((5, 4))), ShapeError, "known size of the batch"),
        (lambda: layers.RNN(3), ArgumentError, "cell must be a cell"),
        (lambda: layers.RNN(layers.LSTMCell), ArgumentError, "cell must be a cell"),
        (lambda: layers.RNN(layers.Dense(3)), ArgumentError, "state_size"),
        (lambda: layers.RNN([]), ArgumentError, "at least one cell"),
        (lambda: layers.StackedRNNCells([layers.LSTMCell(3), 4]), ArgumentError, r"cells\[1\]"),
        (lambda: layers.RNN(Total(5))(X), ShapeError, "shape|dimension|broadcast"),
        (lambda: layers.RNN(Growing())(X), ShapeError, "states of the shapes that it takes"),
        (lambda: layers.Bidirectional(layers.Dense(3)), ArgumentError, "recurrent layer"),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="add"), ArgumentError, "merge_mode"),
        (lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)), ArgumentError, "go_backwards"),
        (
            lambda: layers.Bidirectional(
                layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True, return_state=True)
            ),
            ArgumentError,
            "same return_state",
        ),
        (lambda: layers.ConvLSTM2D(3, 2)(X), ShapeError, "rank 5"),
        (lambda: layers.ConvLSTM1D(3, 2)(keras.Input((5, None, 4))), ShapeError, "space"),
        (lambda: layers.ConvLSTM1D(3, 2, strides=2, dilation_rate=2), ArgumentError, "dilation_rate"),
        (lambda: layers.ConvLSTM1D(3, 9)(X[..., None]), ShapeError, "kernel_size"),
    ],
)
def test_errors(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()


def test_a_stateful_layer_takes_batches_of_one_size() -> None:
    layer = layers.LSTM(3, stateful=True)
    layer(X)
    with pytest.raises(ShapeError, match="2 samples.*batch of 1"):
        layer(X[:1])
