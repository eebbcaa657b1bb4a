"""Numbers that no table has: the error names the layer, the number, the range, and where it is."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers, losses, models, ops
from lamina.base.errors import IndexRangeError

X = np.random.default_rng(0).integers(0, 10, (100, 4))
X[77, 2] = 12
Y = np.ones((100, 1), "float32")


def reader(dtype="int64"):
    parts = [layers.Input((4,), dtype=dtype), layers.Embedding(10, 3, name="words"), layers.LSTM(2), layers.Dense(1)]
    model = models.Sequential(parts, name="net")
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("run", "place"),
    [
        (lambda m: m.fit(X, Y, epochs=2, verbose=0), r"\[\d+, 2\]"),
        (lambda m: m.fit(X, Y, shuffle=False, verbose=0), r"\[13, 2\]"),
        (lambda m: m.evaluate(X, Y, verbose=0), r"\[13, 2\]"),
        (lambda m: m.predict(X, batch_size=10, verbose=0), r"\[7, 2\]"),
        (lambda m: m.train_on_batch(X, Y), r"\[77, 2\]"),
    ],
)
def test_layer_number_range_and_place(run, place, executor):
    model = reader()
    before = model.get_weights()
    text = rf"layer 'net/words': index 12 .*from 0 to 9.*12, at {place} of the batch.*x\[77, 2\].*input_dim=13"
    if executor == "interpreted":
        text = text.replace(r".*x\[77, 2\]", "")
    with pytest.raises(IndexRangeError, match=text) as found:
        run(model)
    assert (found.value.index, found.value.size) == (12, 10)
    if executor == "compiled":
        assert model.get_weights()[0].shape == before[0].shape
    assert np.isfinite(model.predict(X[:50], verbose=0)).all()


def test_padding_below_zero():
    wrong = np.where(X == 12, -1, X)
    with pytest.raises(IndexRangeError, match=r"index -1 is out of range.*padding needs a number of its own"):
        reader().predict(wrong, verbose=0)


def test_floats_that_stand_for_numbers():
    with pytest.raises(IndexRangeError, match=r"index 12 .*which is x\[77, 2\]"):
        reader("float32").predict(X.astype("float32"), verbose=0)


def test_at_once():
    with pytest.raises(IndexRangeError, match=r"'words'.*Received: 12, at \[77, 2\]"):
        reader()(X)


def test_in_a_function(executor):
    model = reader()
    with pytest.raises(IndexRangeError, match=r"layer 'net/words': .*which is argument0\[77, 2\]"):
        lamina.function(lambda x: model(x))(X)


def test_in_a_loop(executor):
    def total(table, numbers):
        return ops.scan(lambda c, k: (c + ops.take(table, k, axis=0), None), ops.zeros((3,)), numbers)[0]

    with pytest.raises(IndexRangeError, match=r"index 7 is out of range .*test_bad_index.py:\d+.*argument1\[2\]"):
        lamina.function(total)(np.ones((5, 3), "float32"), np.array([1, 2, 7]))


def test_labels_in_a_function(executor):
    loss = lamina.function(lambda y, p: losses.sparse_categorical_crossentropy(y, p))
    with pytest.raises(IndexRangeError, match=r"index 5 .*argument0\[1\].*as many units as classes"):
        loss(np.array([1, 5]), np.full((2, 3), 1 / 3, "float32"))
