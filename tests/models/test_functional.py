"""Models made from tensors: how they are put together, what they compute, and what they say about themselves."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from lamina import layers, ops
from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.layers import Add, Concatenate, Dense, Dropout, Flatten, Input, InputLayer, Lambda, Layer, Reshape
from lamina.models import Functional, Model, Sequential, clone_model

X = np.random.default_rng(3).normal(size=(5, 6)).astype(np.float32)
Y = np.random.default_rng(4).normal(size=(5, 4)).astype(np.float32)


def values(layer: Layer) -> tuple[np.ndarray, ...]:
    return tuple(v.numpy() for v in layer.weights)


def branched() -> Model:
    """Two inputs, a shared layer, operations between layers, two outputs."""
    a, b = Input((6,), name="a"), Input((4,), name="b")
    shared = Dense(4, name="shared")
    left = shared(a)
    right = shared(Dense(6, activation="relu", name="widen")(b))
    mixed = ops.maximum(left + right, 0.5) * 2.0
    joined = Concatenate(name="join")([mixed, left])
    return Model([a, b], [Dense(1, name="one")(joined), Dense(2, name="two")(mixed)], name="branched")


def expected(model: Model, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    (w, c), (v, d) = values(model.get_layer("shared")), values(model.get_layer("widen"))
    left = x @ w + c
    mixed = np.maximum(left + np.maximum(y @ v + d, 0) @ w + c, 0.5) * 2
    (w1, c1), (w2, c2) = values(model.get_layer("one")), values(model.get_layer("two"))
    return [np.concatenate([mixed, left], 1) @ w1 + c1, mixed @ w2 + c2]


def close(found, wanted) -> None:
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(f), w, rtol=1e-4, atol=1e-5)


def test_symbolic_tensors_have_shapes_and_no_values():
    x = Input((6, None), name="rows", dtype="int32")
    assert isinstance(x, layers.KerasTensor) and x.shape == (None, 6, None) and x.dtype == "int32"
    y = Dense(3, name="d")(Input((2, 6)))
    assert y.shape == (None, 2, 3) and (y * 2 + y[:, :1]).shape == (None, 2, 3)
    assert ops.reshape(y, (-1, 6)).shape == (None, 6)


def test_a_model_computes_what_its_graph_says(executor):
    model = branched()
    assert type(model) is Functional and model.built
    close(model([X, Y]), expected(model, X, Y))
    close(model.predict([X, Y], batch_size=2, verbose=0), expected(model, X, Y))


def test_ends_and_layers():
    model = branched()
    assert [layer.name for layer in model.layers] == ["b", "a", "widen", "shared", "join", "one", "two"]
    assert model.input_names == ["a", "b"] and model.output_names == ["one", "two"]
    assert model.input_shape == [(None, 6), (None, 4)] and model.output_shape == [(None, 1), (None, 2)]
    assert model.inputs[0] is model.input[0] is model.get_layer("a").output
    assert model.get_layer("join").output.shape == (None, 8)
    assert [t.shape for t in model.get_layer("join").input] == [(None, 4), (None, 4)]
    assert len(model.weights) == 8 and model.count_params() == sum(w.size for w in model.get_weights())


def test_inputs_in_several_structures():
    model = branched()
    wanted = expected(model, X, Y)
    for given in ([X, Y], (X, Y), {"b": Y, "a": X}):
        close(model.predict(given, verbose=0), wanted)
        close(model(given), wanted)


def test_dicts_of_inputs_and_outputs():
    a, b = Input((6,), name="a"), Input((4,), name="b")
    model = Model({"b": b, "a": a}, {"sum": Dense(2)(a) + Dense(2)(b), "nested": [a * 2.0, {"b": b}]})
    found = model.predict({"a": X, "b": Y}, verbose=0)
    assert list(found) == ["sum", "nested"] and found["sum"].shape == (5, 2)
    np.testing.assert_array_equal(found["nested"][0], X * 2)
    np.testing.assert_array_equal(found["nested"][1]["b"], Y)
    assert model({"a": X, "b": Y})["nested"][1]["b"].shape == (5, 4)


def test_features_of_a_trained_model():
    base = Sequential([Input((6,)), Dense(4, activation="relu", name="x"), Dense(1)])
    base.compile("sgd", "mse")
    base.fit(X, X[:, :1], verbose=0)
    features = Model(base.input, base.get_layer("x").output)
    w, c = values(base.layers[0])
    close([features.predict(X, verbose=0)], [np.maximum(X @ w + c, 0)])
    every = Model(base.inputs, [layer.output for layer in base.layers])
    close(every.predict(X, verbose=0), [np.maximum(X @ w + c, 0), base.predict(X, verbose=0)])


def test_a_model_from_the_middle_of_another():
    x = Input((6,))
    middle = Dense(4, activation="relu", name="m")(x)
    out = Dense(2, name="o")(ops.exp(middle))
    tail = Model(middle, out)
    assert [type(layer).__name__ for layer in tail.layers] == ["InputLayer", "Dense"]
    w, c = values(tail.get_layer("o"))
    close([tail.predict(Y, verbose=0)], [np.exp(Y) @ w + c])
    again = Model(tail.input, tail.output)
    close([again.predict(Y, verbose=0)], [tail.predict(Y, verbose=0)])


def test_models_are_layers():
    inner = branched()
    chain = Sequential([Input((2,)), Dense(3, name="in_chain")], name="chain")
    a, b = Input((6,)), Input((4,))
    one, two = inner([a, b])
    outer = Model([a, b], chain(two) + one)
    wanted = expected(inner, X, Y)
    w, c = values(chain.layers[0])
    close([outer.predict([X, Y], verbose=0)], [wanted[1] @ w + c + wanted[0]])
    assert len(outer.weights) == len(inner.weights) + 2
    inner.trainable = False
    assert len(outer.trainable_weights) == 2
    shallow = Sequential([Input((6,)), Model(x := Input((6,)), Dense(2)(x))])
    assert shallow.predict(X, verbose=0).shape == (5, 2)


def test_training_reaches_the_layers_and_can_be_fixed():
    class Flag(Layer):
        def call(self, inputs, training=None):
            return inputs + (1.0 if training else 0.0)

    x = Input((1,))
    zero = np.zeros((1, 1), np.float32)
    free, fixed = Model(x, Flag()(x)), Model(x, Flag()(x, training=True))
    assert [float(free(zero, training=t)[0, 0]) for t in (None, False, True)] == [0, 0, 1]
    assert float(free.predict(zero, verbose=0)[0, 0]) == 0 and float(fixed.predict(zero, verbose=0)[0, 0]) == 1
    model = Model(x, Dropout(0.5)(x, training=True))
    assert len(np.unique(model.predict(np.ones((64, 1), np.float32), verbose=0))) == 2


def test_operations_follow_the_size_of_the_batch(executor):
    x = Input((4, 3))
    rows = ops.reshape(x, (-1, 3))
    back = ops.reshape(Dense(3, use_bias=False, kernel_initializer="ones")(rows), (ops.shape(x)[0], 12))
    model = Model(x, back - ops.mean(back, axis=0, keepdims=True))
    for count in (2, 7):
        data = np.random.default_rng(0).normal(size=(count, 4, 3)).astype(np.float32)
        sums = np.repeat(data.sum(-1), 3, axis=1)
        close([model.predict(data, batch_size=count, verbose=0)], [sums - sums.mean(0)])


def test_axes_that_the_input_leaves_open(executor):
    x = Input((None, 4), name="steps")
    y = Dense(2)(x)
    model = Model(x, [ops.sum(y, axis=1), Lambda(lambda t: t[:, 1:])(y), Add()([y, y])])
    assert model.output_shape == [(None, 2), (None, None, 2), (None, None, 2)]
    w, c = model.get_weights()
    for length in (3, 5):
        data = np.random.default_rng(0).normal(size=(2, length, 4)).astype(np.float32)
        out = data @ w + c
        close(model.predict(data, verbose=0), [out.sum(1), out[:, 1:], out * 2])


def test_sizes_that_no_formula_tells():
    class Half(Layer):
        """Every second step: of an unknown number of steps, a number that is unknown too."""

        def call(self, inputs):
            count = inputs.dims[1]
            if not isinstance(count, int):
                raise ShapeError("the number of steps must be known")
            return inputs[:, : count // 2]

    x = Input((None, 4))
    left, right = Half()(x), Half()(Dense(4)(x))
    assert left.shape == (None, None, 4)
    model = Model(x, ops.sum(left + right, axis=(1, 2)))
    assert model.predict(np.ones((2, 6, 4)), verbose=0).shape == (2,)


def test_an_error_is_that_of_the_open_sizes_where_no_trial_works():
    with pytest.raises(ShapeError, match="axis1"):
        Add()([Input((None, 4)), Input((3, 4)), Input((2, 4))])
    with pytest.raises(ShapeError, match=r"Reshape.*7"):
        Reshape((7,))(Input((3, 4)))


def test_the_unknown_last_axis_of_a_dense_layer_is_an_error():
    with pytest.raises(ShapeError, match="the last axis of the input must be known"):
        Dense(2)(Input((None,)))


def test_hundreds_of_layers():
    x = tensor = Input((4,))
    for _ in range(150):
        tensor = Add()([tensor, Dense(4, kernel_initializer="zeros")(tensor)]) + 0.0
    model = Model(x, tensor)
    assert len(model.layers) == 301
    np.testing.assert_array_equal(np.asarray(model(Y)), Y)
    features = Model(x, model.layers[150].output)
    assert len(features.layers) < 200


ERRORS = [
    (lambda a, b: Model(a, Dense(1, name="d")(b * 2.0)), ArgumentError,
     r"disconnected\. The output needs the input 'b' of shape \(None, 4\) \(through operation 'multiply' -> "
     r"layer 'd'\), but the inputs of the model are: 'a'"),
    (lambda a, b: Model([a, a], a), ArgumentError, r"an input is given twice\. Received: \['a', 'a'\]"),
    (lambda a, b: Model(a, Dense(1)), ArgumentError, r"outputs must be symbolic tensors.*Call the layer on a tensor"),
    (lambda a, b: Model(X, a), ArgumentError, r"inputs must be symbolic tensors.*Received: ndarray"),
    (lambda a, b: Model([], a), ArgumentError, "inputs has no tensors"),
    (lambda a, b: Model(a), ArgumentError, "outputs is missing"),
    (lambda a, b: Model(a, Dense(1, name="d")(Dense(1, name="d")(a))), ArgumentError, "two layers named 'd'"),
    (lambda a, b: Dense(1).output, ArgumentError, "never called on a symbolic tensor"),
    (lambda a, b: Add()([a, b]), ShapeError, "cannot be merged: their sizes along axis 1 are 6 and 4"),
    (lambda a, b: Sequential([Dense(1)(a)]), ArgumentError, "Make a model of such tensors with Model"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors_while_putting_together(make, error, message):
    with pytest.raises(error, match=message):
        make(Input((6,), name="a"), Input((4,), name="b"))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([X], DataError, r"Model 'branched' takes 2 inputs: 'a', 'b'\. Received: 1 input"),
        ([X, Y, Y], DataError, "Received: 3 inputs"),
        ({"a": X, "c": Y}, DataError, r"the dict of inputs has no 'b'\. Expected the keys: \['a', 'b'\]"),
        ([X[:, :5], Y], (DataError, ShapeError), r"input 'a' takes shape \(None, 6\).*Received: shape \(5, 5\)"),
        ([X[:4], Y[0]], (DataError, ShapeError), r"input 'b'.*For a single sample add the axis of the batch"),
        ([X, Y[:3]], (DataError, ShapeError), "same number of samples"),
    ],
)
def test_errors_of_data(given, error, message):
    model = branched()
    for use in (lambda: model.predict(given, verbose=0), lambda: model(given)):
        with pytest.raises(error, match=message):
            use()


def test_a_last_axis_of_one_may_be_missing_or_too_many():
    x = Input((1,))
    model = Model(x, x * 2.0)
    flat = np.arange(3, dtype=np.float32)
    for given in (flat, flat[:, None], flat[:, None, None]):
        np.testing.assert_array_equal(model.predict(given, verbose=0), flat[:, None] * 2)
        np.testing.assert_array_equal(np.asarray(model(given)), flat[:, None] * 2)


def test_inputs_are_cast():
    x = Input((2,), dtype="int32")
    model = Model(x, ops.cast(x, "float32") / 2)
    np.testing.assert_array_equal(model.predict(np.array([[3.7, 4.0]]), verbose=0), [[1.5, 2.0]])


def test_config_makes_the_same_model():
    model = branched()
    config = json.loads(json.dumps(model.get_config()))
    again = Model.from_config(config)
    assert type(model).from_config(config).output_names == model.output_names
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.set_weights(model.get_weights())
    close(again.predict([X, Y], verbose=0), model.predict([X, Y], verbose=0))


def test_config_of_nested_models_and_open_sizes():
    x = Input((None, 4))
    y = ops.reshape(Dense(2)(x), (-1, 2)) + np.array([1.0, 2.0], np.float32)
    inner = Model(x, y, name="inner")
    z = Input((3, 4))
    outer = Model(z, Sequential([Input((2,)), Dense(1)], name="head")(inner(z)))
    again = Model.from_config(json.loads(json.dumps(outer.get_config())))
    again.set_weights(outer.get_weights())
    data = np.ones((2, 3, 4), np.float32)
    close([again(data)], [np.asarray(outer(data))])


def test_clones_have_weights_of_their_own():
    model = branched()
    twin = clone_model(model)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert not {id(w) for w in twin.weights} & {id(w) for w in model.weights}
    twin.set_weights(model.get_weights())
    close(twin.predict([X, Y], verbose=0), model.predict([X, Y], verbose=0))
    frozen = clone_model(model, clone_function=lambda layer: layer)
    assert [id(w) for w in frozen.weights] == [id(w) for w in model.weights]
    chain = Sequential([Input((6,)), Dense(2, name="d")])
    assert clone_model(chain).get_layer("d") is not chain.get_layer("d")
    on_other = clone_model(chain, input_tensors=Input((6,), name="other"))
    assert on_other.input_names == ["other"]


def test_copies_are_independent():
    model = branched()
    before = model.predict([X, Y], verbose=0)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        close(made.predict([X, Y], verbose=0), before)
        assert made.output_shape == model.output_shape
        assert Model(made.input, made.get_layer("join").output).predict([X, Y], verbose=0).shape == (5, 8)
        made.set_weights([np.zeros_like(w) for w in made.get_weights()])
    close(model.predict([X, Y], verbose=0), before)


def test_a_subclass_made_from_tensors():
    class Doubled(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2 * super().compute_loss(x, y, y_pred, sample_weight, training)

    x = Input((6,))
    out = Dense(1)(x)
    model, plain = Doubled(inputs=x, outputs=out), Model(x, out)
    for made in (model, plain):
        made.compile("sgd", "mse")
    twice, once = (m.evaluate(X, X[:, :1], verbose=0) for m in (model, plain))
    assert type(model) is Doubled and twice == pytest.approx(2 * once, rel=1e-6)


def test_summary_tells_what_is_connected(capsys):
    a = Input((6,), name="a")
    h = Dense(4, name="h")(a)
    inner = Model(i := Input((4,), name="i"), Dense(4, name="p")(i), name="inner")
    shared = Dense(4, name="s")
    model = Model(a, Add(name="sum")([shared(inner(h + 1.0)), shared(h)]), name="net")
    model.summary(expand_nested=True)
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == [
        ["a (InputLayer)", "(None, 6)", "0", "-"],
        ["h (Dense)", "(None, 4)", "28", "a[0][0]"],
        ["add (Add)", "(None, 4)", "0", "h[0][0]"],
        ["inner (Functional)", "(None, 4)", "20", "add[0][0]"],
        ["└ i (InputLayer)", "(None, 4)", "0", "-"],
        ["└ p (Dense)", "(None, 4)", "20", "i[0][0]"],
        ["s (Dense)", "(None, 4)", "20", "inner[0][0],"],
        ["", "", "", "h[0][0]"],
        ["sum (Add)", "(None, 4)", "0", "s[0][0],"],
        ["", "", "", "s[1][0]"],
    ]
    inner.summary()
    assert "Connected to" not in capsys.readouterr().out
    model.summary(layer_range=("h", "inner"))
    assert "sum (Add)" not in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="layer_range must be the names of two layers"):
        model.summary(layer_range=("h", "z"))


def test_an_input_layer_is_one_input():
    layer = InputLayer((6,), name="given")
    model = Model(layer.output, Flatten()(Reshape((2, 3))(layer.output)))
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)


@pytest.mark.parametrize("keys", [("a", "B"), ("z", "y"), ("a",)])
def test_a_dict_with_other_names_is_an_error_and_not_taken_in_another_order(keys: tuple[str, ...]) -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = Model({"a": a, "b": b}, layers.Subtract()([a, b]))
    one = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(model.predict({"b": 2 * one, "a": one}, verbose=0), -one)
    with pytest.raises(DataError, match=r"no '[ab]'.*Expected the keys"):
        model.predict(dict.fromkeys(keys, one), verbose=0)
