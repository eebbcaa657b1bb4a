"""Sequential: how layers come together, and what the model says about itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from lamina.base.errors import ArgumentError, LaminaError
from lamina.layers import Activation, Dense, Dropout, Flatten, Input, Layer
from lamina.models import Model, Sequential


def small() -> Sequential:
    return Sequential([Input((3,)), Dense(4, activation="relu", name="a"), Dropout(0.5, name="b"), Dense(1, name="c")])


def test_weights_are_made_when_the_input_shape_is_known():
    model = small()
    assert model.built and model.input_shape == (None, 3) and model.output_shape == (None, 1)
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 1), (1,)]
    assert model.count_params() == 21
    lazy = Sequential([Dense(2)])
    assert not lazy.built and lazy.weights == []
    with pytest.raises(LaminaError, match=r"no weights yet: call it on data, or `build\(input_shape\)`"):
        lazy.count_params()
    assert lazy(np.zeros((5, 3))).shape == (5, 2)
    assert lazy.built and lazy.count_params() == 8


def test_build_with_a_shape():
    model = Sequential([Flatten(), Dense(2)])
    model.build((None, 4, 5))
    assert model.output_shape == (None, 2) and model.weights[0].shape == (20, 2)


def test_input_shape_of_the_first_layer():
    assert Sequential([Dense(1, input_shape=[1])]).input_shape == (None, 1)


def test_add_and_pop():
    model = Sequential()
    model.add(Input((3,)))
    model.add(Dense(4))
    model.add(Dense(2))
    assert model.output_shape == (None, 2)
    first = model.layers[0].get_weights()
    model.pop()
    assert model.output_shape == (None, 4)
    model.add(Dense(5))
    assert model.predict(np.zeros((2, 3)), verbose=0).shape == (2, 5)
    np.testing.assert_array_equal(first[0], model.layers[0].get_weights()[0])


def test_a_changed_model_predicts_anew():
    model = Sequential([Input((3,)), Dense(4)])
    assert model.predict(np.zeros((2, 3)), verbose=0).shape == (2, 4)
    model.add(Dense(2))
    assert model.predict(np.zeros((2, 3)), verbose=0).shape == (2, 2)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense], "Did you forget the parentheses"),
        (["dense"], "made of layers. Received: 'dense'"),
        ([Dense(1), Input((3,))], "an Input must be the first item"),
        ([Dense(1, name="a"), Dense(1, name="a")], "has a layer named 'a' already"),
    ],
)
def test_what_cannot_be_added(layers, message):
    with pytest.raises(ArgumentError, match=message):
        Sequential(layers)


def test_calling_gives_what_the_layers_give():
    model = small()
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]], np.float32)
    w1, b1, w2, b2 = model.get_weights()
    expected = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_a_model_inside_of_a_model():
    inner = small()
    outer = Sequential([Input((3,)), inner, Activation("sigmoid")])
    assert outer.count_params() == 21
    x = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(outer.predict(x, verbose=0), 1 / (1 + np.exp(-inner.predict(x, verbose=0))), rtol=1e-5)


def test_weights_can_be_read_and_set():
    model, other = small(), small()
    other.set_weights(model.get_weights())
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_get_layer():
    model = small()
    assert model.get_layer("b") is model.get_layer(index=1) is model.layers[1]
    with pytest.raises(ArgumentError, match=r"no layer 'z'\. Its layers: a, b, c"):
        model.get_layer("z")


def test_config_makes_the_same_model():
    model = small()
    again = Sequential.from_config(model.get_config())
    assert [layer.name for layer in again.layers] == ["a", "b", "c"]
    assert again.output_shape == (None, 1)
    again.set_weights(model.get_weights())
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


def test_copies_are_independent():
    model = small()
    x = np.ones((2, 3), np.float32)
    before = model.predict(x, verbose=0)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(made.predict(x, verbose=0), before)
        made.set_weights([np.zeros_like(w) for w in made.get_weights()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_summary(capsys):
    model = Sequential([Input((3,)), Dense(4, name="a"), Dropout(0.5, name="b"), Dense(1, name="c")], name="small")
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        'Model: "small"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩",
        "│ a (Dense)                       │ (None, 4)              │            16 │",
        "├─────────────────────────────────┼────────────────────────┼───────────────┤",
        "│ b (Dropout)                     │ (None, 4)              │             0 │",
        "├─────────────────────────────────┼────────────────────────┼───────────────┤",
        "│ c (Dense)                       │ (None, 1)              │             5 │",
        "└─────────────────────────────────┴────────────────────────┴───────────────┘",
        " Total params: 21 (84.00 B)",
        " Trainable params: 21 (84.00 B)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_summary_of_what_is_not_built(capsys):
    lines: list[str] = []
    Sequential([Dense(2, name="d")]).summary(print_fn=lines.append)
    assert "│ d (Dense)                       │ ?                      │   0 (unbuilt) │" in lines[0]
    model = small()
    model.layers[0].trainable = False
    model.summary(show_trainable=True)
    out = capsys.readouterr().out
    assert "Non-trainable params: 16" in out and "Trainable ┃" in out


def test_a_model_of_ones_own():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs, training=None):
            return self.dense(inputs) * 2

    model = Twice()
    x = np.ones((3, 4), np.float32)
    predicted = model.predict(x, verbose=0)
    w, b = model.get_weights()
    np.testing.assert_allclose(predicted, 2 * (x @ w + b), rtol=1e-5)
    assert [layer.name for layer in model.layers] == [model.dense.name]
    with pytest.raises(ArgumentError, match=r"inputs must be symbolic tensors, as `Input\(\.\.\.\)` gives"):
        Model(inputs=1, outputs=2)
    with pytest.raises(ArgumentError, match="outputs is missing.*`__init__` and `call`"):
        Model(inputs=Input((2,)))


def test_several_inputs_and_outputs_of_a_model_of_ones_own():
    class Both(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = Dense(1), Dense(2)

        def call(self, inputs):
            return {"sum": self.left(inputs["a"]) + self.left(inputs["b"]), "right": self.right(inputs["a"])}

    model = Both()
    result = model.predict({"a": np.ones((5, 3)), "b": np.zeros((5, 3))}, batch_size=2, verbose=0)
    assert result["sum"].shape == (5, 1) and result["right"].shape == (5, 2)


def test_layers_keep_their_own_training_flag():
    class Flag(Layer):
        def call(self, inputs, training=None):
            return inputs + (1.0 if training else 0.0)

    model = Sequential([Input((1,)), Flag()])
    x = np.zeros((1, 1), np.float32)
    assert float(model.predict(x, verbose=0)[0, 0]) == 0.0
    assert float(model(x, training=True)[0, 0]) == 1.0


@pytest.mark.parametrize(
    ("sample", "given"),
    [((5, 1), (8, 5)), ((4, 4, 1), (8, 4, 4)), ((5,), (8, 5, 1)), ((None, 1), (8, 5)), ((1,), (8,))],
)
def test_a_last_axis_of_one_may_be_missing_or_too_many(sample, given):
    model = Sequential([Input(sample), Dense(2)])
    x = np.arange(np.prod(given), dtype="float32").reshape(given)
    whole = x.reshape(8, *(size or given[1] for size in sample))
    expected = model.predict(whole, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5)
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, expected, verbose=0).history["loss"][0])
