"""What a person can get wrong: an error that says what, and a model that is as it was and goes on working."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ArgumentError, DataError, IndexRangeError, NumericError, ShapeError
from lamina.layers import Dense, Dropout, Input, Lambda, Layer
from lamina.models import Sequential

RNG = np.random.default_rng(1)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 12)


def classifier(**options) -> Sequential:
    """A compiled model that has learnt a little, so that there is state to lose."""
    model = Sequential([Input((4,)), Dense(5, activation="relu"), Dropout(0.5), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    return model


def state(model: Sequential) -> list[np.ndarray]:
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def refused(model: Sequential, call: Callable[[], object], error: type[Exception], message: str) -> None:
    """Checks that a call raises an error with this text and changes nothing, and that the model still learns."""
    before = state(model)
    with pytest.raises(error, match=message):
        call()
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    history = model.fit(X, Y, batch_size=5, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.predict(X, verbose=0)).all()


METHODS = {
    "fit": lambda m, x, y: m.fit(x, y, batch_size=5, epochs=2, verbose=0),
    "validation": lambda m, x, y: m.fit(X, Y, validation_data=(x, y), verbose=0),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
}
DATA = {
    "empty": (X[:0], Y[:0], DataError, r"x is empty: its shape is \(0, 4\)\. At least one sample is needed"),
    "empty list": ([], [], DataError, r"x is empty|takes inputs of shape"),
    "rank too low": (X[0], Y[:4], DataError, r"\(None, 4\).*Received: x of shape \(4,\)\. For a single sample add"),
    "rank too high": (X[None], Y[:1], DataError, r"Received: x of shape \(1, 12, 4\)\. The data has more axes"),
    "features": (X[:, :3], Y, DataError, r"takes inputs of shape \(None, 4\).*Received: x of shape \(12, 3\)"),
    "a number": (3.0, Y, DataError, r"x is a single number \(3\.0\)"),
    "lengths": (X, Y[:7], DataError, "the same number of samples .rows., but x has 12, y has 7"),
    "label too large": (X, np.where(Y == 1, 3, Y), DataError, "y holds the label 3 in row .*labels must be 0 to 2"),
    "label negative": (X, np.where(Y == 1, -1, Y), DataError, "y holds the label -1 in row"),
    "labels from one": (X, Y + 1, DataError, "Labels seem to count from 1: subtract 1"),
    "text": (X.astype(str), Y, DataError, r"x holds text \(dtype .*Encode it as numbers first"),
    "objects": (np.array([[1, "a", 2, 3]] * 12, dtype=object), Y, DataError, "x has dtype object and holds 'a'"),
    "ragged": ([[1, 2, 3, 4], [1, 2]], Y[:2], DataError, "rows differ in length"),
    "missing": (np.array([[1, None, 2, 3]] * 12, dtype=object), Y, DataError, r"x has a missing value \(None\)"),
    "complex": (X.astype(complex), Y, DataError, "x holds complex numbers"),
    "dates": (np.zeros((12, 4), "datetime64[s]"), Y, DataError, "x holds dates"),
    "nothing": (None, Y, DataError, "x is None"),
    "no targets": (X, None, DataError, "no `y` was given"),
}


@pytest.fixture(scope="module")
def model() -> Sequential:
    return classifier()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", DATA)
def test_data_that_cannot_be_used(model, method, case):
    x, y, error, message = DATA[case]
    refused(model, lambda: METHODS[method](model, x, y), error, message)


@pytest.mark.parametrize("case", [c for c in DATA if not c.startswith(("label", "lengths", "no targets"))])
def test_data_that_cannot_be_predicted(model, case):
    x, _, error, message = DATA[case]
    refused(model, lambda: model.predict(x, verbose=0), error, message)
    refused(model, lambda: model.predict_on_batch(x), error, message)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": -1}, ArgumentError, r"batch_size must be a whole number of at least 1\. Received: -1"),
        ({"batch_size": 2.5}, ArgumentError, r"batch_size must be a whole number.*Received: 2\.5"),
        ({"epochs": "3"}, ArgumentError, "epochs must be a whole number.*Received: '3'"),
        ({"verbose": 7}, ArgumentError, "verbose must be 0, 1, 2 or 'auto'. Received: 7"),
        ({"validation_split": 1.0}, ArgumentError, "validation_split must be between 0 and 1"),
        ({"validation_split": 0.99}, DataError, "leaves .* both need at least one"),
        ({"sample_weight": np.ones((12, 2))}, DataError, "one number for each sample"),
        ({"sample_weight": np.ones(5)}, DataError, "sample_weight has 5"),
        ({"class_weight": {}}, ArgumentError, "class_weight must be a dict from class number to weight"),
        ({"callbacks": [3]}, ArgumentError, "callbacks must be instances of Callback. Received: 3"),
        ({"steps_per_epoch": 0}, ArgumentError, "steps_per_epoch must be a whole number of at least 1"),
    ],
)
def test_arguments_that_cannot_be_used(model, options, error, message):
    refused(model, lambda: model.fit(X, Y, **{"verbose": 0, **options}), error, message)


def test_weights_that_do_not_fit(model):
    shapes = [np.zeros((4, 5)), np.zeros(5), np.zeros((5, 3)), np.zeros(4)]
    refused(
        model, lambda: model.set_weights(shapes), ShapeError, r"has shape \(3,\)\. Received an array of shape \(4,\)"
    )
    refused(model, lambda: model.set_weights(shapes[:3]), ArgumentError, "has 4 weight.*Received: 3 array")


# ---- numbers that are not ----


def with_nan() -> np.ndarray:
    x = X.copy()
    x[7, 2] = np.nan
    return x


@pytest.mark.parametrize("method", METHODS)
def test_nan_in_the_data_is_found_on_request(method):
    model = classifier(check_numerics=True)
    message = r"x holds nan in row 7, at index \(2,\) of the row\. Remove or fill such values"
    refused(model, lambda: METHODS[method](model, with_nan(), Y), DataError, message)


def test_nan_in_a_layer_names_operation_layer_and_line():
    model = Sequential(
        [Input((4,)), Dense(3, name="before"), Lambda(lambda x: ops.sqrt(x), name="roots"), Dense(3, name="after")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", check_numerics=True)
    before = state(model)
    with pytest.raises(NumericError) as error:
        model.fit(X, Y, verbose=0)
    text = str(error.value)
    assert "the operation sqrt in layer" in text and "roots" in text
    assert f"{__file__}:" in text and "It read values from -" in text
    for old, new in zip(before, state(model)[: len(before)], strict=True):
        np.testing.assert_array_equal(old, new)


# ---- indices, in native code ----


class Lookup(Layer):
    """Rows of a table by the first feature."""

    def build(self, input_shape):
        self.table = self.add_weight(shape=(6, 3), name="table")

    def call(self, inputs):
        return ops.take(self.table, ops.cast(inputs[:, 0], "int32"), axis=0)


def lookup(rows: int = 12, bad: tuple[int, int] | None = None) -> np.ndarray:
    """Features whose first is an index into the table; `bad` is a row and the index to put there."""
    x = np.zeros((rows, 4), np.float32)
    x[:, 0] = np.arange(rows) % 6
    if bad is not None:
        x[bad[0], 0] = bad[1]
    return x


def lookup_model() -> Sequential:
    model = Sequential([Input((4,)), Lookup(), Dense(3)])
    model.compile("adam", "mse")
    model.fit(lookup(), X[:, :3], verbose=0)
    return model


@pytest.mark.parametrize("index", [6, 1000, -7])
@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_an_index_out_of_range_is_caught(executor, index, method):
    model = lookup_model()
    x = lookup(bad=(9, index))
    arguments = (x,) if method == "predict" else (x, X[:, :3])
    before = state(model)
    with pytest.raises(IndexRangeError, match=r"(?i)ind(ex|ices)"):
        getattr(model, method)(*arguments, batch_size=4, verbose=0)
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    good = model.predict(lookup(), verbose=0)
    np.testing.assert_allclose(good[:6], good[6:], rtol=1e-6)


def test_training_on_an_index_out_of_range_is_caught(executor):
    model = lookup_model()
    with pytest.raises(IndexRangeError):
        model.fit(lookup(bad=(9, 6)), X[:, :3], batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert len(model.fit(lookup(), X[:, :3], verbose=0).epoch) == 1


def test_an_index_out_of_range_at_once_and_traced():
    from lamina import function

    picked = function(lambda x, i: ops.take(x, i, axis=0))
    np.testing.assert_array_equal(picked(X, np.array([0, 11])), X[[0, 11]])
    for call in (picked, lambda x, i: ops.take(x, i, axis=0)):
        with pytest.raises(IndexRangeError):
            call(X, np.array([0, 12]))
    np.testing.assert_array_equal(picked(X, np.array([3, 4])), X[[3, 4]])


@pytest.mark.parametrize(("x", "y", "text"), [
    (np.where(np.arange(12)[:, None] == 7, np.nan, X), np.ones(12), "x holds NaN: the first in row 7, 4 in all"),
    (X, np.where(np.arange(12) == 3, np.nan, 1.0), "y holds NaN: the first in row 3, 1 in all"),
])  # fmt: skip
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_loss_of_nan_is_traced_to_the_data(x, y, text, epochs):
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=f"The loss is NaN, as {text}"):
        model.fit(x, y, epochs=epochs, verbose=0)
