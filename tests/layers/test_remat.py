"""`RematScope`: layers that keep only what goes into them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import lamina as keras
from lamina import layers, ops
from lamina.base.errors import ArgumentError
from lamina.layers.remat import current_scope
from tests.arena import arena

UNITS = 32


def floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def dense_model(scope):
    keras.utils.set_random_seed(4)
    with scope:
        hidden = [layers.Dense(UNITS, activation="gelu", name=f"hidden_{k}") for k in range(8)]
        model = keras.Sequential([keras.Input((UNITS,)), *hidden, layers.Dense(1, name="last")])
    model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), "mse")
    return model


class Block(layers.Layer):
    """Much goes on inside, and little comes out."""

    def __init__(self):
        super().__init__()
        self.norm, self.batch_norm = layers.LayerNormalization(), layers.BatchNormalization()
        self.wide, self.narrow = layers.Dense(4 * UNITS, activation="gelu"), layers.Dense(UNITS)
        self.dropout = layers.Dropout(0.1)

    def call(self, x):
        return self.batch_norm(x + self.dropout(self.narrow(self.wide(self.norm(x)))))


def block_model(scope):
    keras.utils.set_random_seed(4)
    with scope:
        model = keras.Sequential([keras.Input((UNITS,)), *(Block() for _ in range(6)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), "mse")
    return model


def picture_model(scope):
    keras.utils.set_random_seed(4)
    with scope:
        parts = [keras.Input((2, 8, 8))]
        for _ in range(5):
            parts += [layers.Conv2D(6, 3, padding="same", activation="gelu", data_format="channels_first")]
            parts += [layers.BatchNormalization(axis=1)]
        parts += [layers.GlobalAveragePooling2D(data_format="channels_first"), layers.Dense(1)]
        model = keras.Sequential(parts)
    model.compile(keras.optimizers.SGD(1e-2), "mse")
    return model


def sequence_model(scope):
    keras.utils.set_random_seed(4)
    with scope:
        gru = layers.GRU(4, return_sequences=True, dropout=0.2)
        model = keras.Sequential(
            [keras.Input((None, 3)), layers.Masking(), gru, layers.Bidirectional(layers.LSTM(4)), layers.Dense(1)]
        )
    model.compile(keras.optimizers.SGD(1e-2), "mse")
    return model


MODELS = [(dense_model, (UNITS,)), (block_model, (UNITS,)), (picture_model, (2, 8, 8)), (sequence_model, (7, 3))]
MODES = ["full", "activations", "larger_than", "list_of_layers"]


def scope_of(mode):
    return keras.RematScope(mode, output_size_threshold=20, layer_names=["hidden_1", "hidden_2", "block_2", "gru_1"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make, shape", MODELS, ids=[m.__name__ for m, _ in MODELS])
def test_training_is_the_same(rng, make, shape, mode, compiled):
    x, y = floats(rng, 24, *shape), floats(rng, 24, 1)
    x[:, -2:] *= 1 - (make is sequence_model)
    fits = [make(scope) for scope in (keras.RematScope(None), scope_of(mode))]
    kept, again = (m.fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=False).history["loss"] for m in fits)
    np.testing.assert_allclose(again, kept, rtol=2e-4)
    for a, b in zip(fits[1].get_weights(), fits[0].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(fits[1].predict(x, verbose=0), fits[0].predict(x, verbose=0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make, shape", MODELS[:2] + MODELS[3:], ids=["dense", "block", "sequence"])
def test_training_is_the_same_interpreted(rng, make, shape, interpreted):
    x, y = floats(rng, 8, *shape), floats(rng, 8, 1)
    kept, again = (
        make(scope).fit(x, y, batch_size=4, epochs=1, verbose=0, shuffle=False).history["loss"]
        for scope in (keras.RematScope(None), keras.RematScope())
    )
    np.testing.assert_allclose(again, kept, rtol=1e-5)


def memory(model, x, batch_size):
    return arena(model, x, np.zeros((len(x), 1), "float32"), batch_size=batch_size)


def test_dense_layers_keep_their_inputs_alone(rng):
    x = floats(rng, 256, UNITS)
    kept, again = (memory(dense_model(keras.RematScope(mode)), x, 256) for mode in (None, "full"))
    one = 256 * UNITS * 4
    assert again < 12 * one < 16 * one < kept


def test_blocks_keep_their_inputs_alone(rng):
    x = floats(rng, 128, UNITS)
    kept, again = (memory(block_model(keras.RematScope(mode)), x, 128) for mode in (None, "full"))
    assert again < kept / 2.5


def test_recurrent_layers_keep_their_states_alone(rng):
    def model(mode):
        with keras.RematScope(mode):
            made = keras.Sequential([keras.Input((200, 8)), layers.LSTM(UNITS), layers.Dense(1)])
        made.compile("adam", "mse")
        return made

    x = floats(rng, 16, 200, 8)
    kept, again = (memory(model(mode), x, 16) for mode in (None, "full"))
    assert again < 1.4 * (2 * 200 * 16 * UNITS * 4) < kept / 2.5


def test_prediction_costs_nothing(rng, compiled):
    from lamina import debug

    x = floats(rng, 4, UNITS)
    models = [block_model(keras.RematScope(mode)) for mode in (None, "full")]
    kept, again = (debug.optimized(lambda x, m=m: m(x), x) for m in models)
    assert kept.count(" = ") == again.count(" = ")


def calls_in(mode, **settings):
    """How many parts of the blocks' training are computed again."""
    from lamina import debug

    with keras.RematScope(mode, **settings):
        block = Block()
    return debug.graph(lambda x: block(x, training=True), np.zeros((2, UNITS), "float32")).count("= call(")


def test_which_layers_are_computed_again():
    assert calls_in(None) == 0
    assert calls_in("full") == 1  # what is inside of it is part of it
    assert calls_in("activations") == 1  # of the wide layer; no activation is the identity
    assert calls_in("larger_than", output_size_threshold=8 * UNITS - 1) == 1
    assert calls_in("larger_than", output_size_threshold=8 * UNITS) == 0
    assert calls_in("list_of_layers", layer_names=["dense"]) == 0


def test_names_decide(rng):
    from lamina import debug

    with keras.RematScope("list_of_layers", layer_names=["one", "three"]):
        parts = [layers.Dense(4, activation="tanh", name=name) for name in ("one", "two", "three")]
    text = debug.graph(lambda x: parts[2](parts[1](parts[0](x))), np.zeros((2, 4), "float32"))
    assert text.count("= call(") == 2


def test_scopes_nest_and_end():
    assert current_scope() is None
    with keras.RematScope() as outer:
        assert current_scope() is outer
        with keras.RematScope(mode=None) as inner:
            assert current_scope() is inner
        assert current_scope() is outer
        with pytest.raises(ValueError), keras.RematScope("larger_than"):
            raise ValueError
        assert current_scope() is outer
    assert current_scope() is None


def test_a_layer_may_be_used_at_once_and_pickled(rng):
    with keras.RematScope():
        block = Block()
    x = ops.convert_to_tensor(floats(rng, 3, UNITS))
    with keras.GradientTape() as tape:
        loss = ops.sum(block(x, training=False) ** 2)
    assert all(g is not None for g in tape.gradient(loss, block.trainable_weights))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(block))(x), block(x))


def test_masks_and_losses_come_through(rng):
    class Passing(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            self.add_loss(ops.sum(x**2))
            return x * 2.0

    def model(scope):
        with scope:
            embedding = layers.Embedding(5, 4, mask_zero=True)
            made = keras.Sequential([keras.Input((3,), dtype="int32"), embedding, Passing(), layers.LSTM(2)])
        made.compile("sgd", "mse")
        return made

    ids, y = np.array([[1, 2, 0], [3, 0, 0]]), floats(rng, 2, 2)
    found = []
    for mode in (None, "full"):
        keras.utils.set_random_seed(2)
        found.append(model(keras.RematScope(mode)).fit(ids, y, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_errors():
    with pytest.raises(ArgumentError, match=r"mode must be one of 'full', .*Received: 'fully'"):
        keras.RematScope("fully")
    with pytest.raises(ArgumentError, match="output_size_threshold must be a number"):
        keras.RematScope("larger_than", output_size_threshold="1k")
    with pytest.raises(ArgumentError, match=r"layer_names must be a list of names.*Received: 'dense'"):
        keras.RematScope("list_of_layers", layer_names="dense")
