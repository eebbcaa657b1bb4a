"""All kinds of data that fit takes give the same training; what it cannot take is refused before anything changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.layers import Dense, Flatten, Input, Rescaling
from lamina.models import Sequential
from lamina.tensor import Tensor
from lamina.utils import PyDataset, set_random_seed

X = np.random.default_rng(0).integers(0, 200, size=(10, 3)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 2, 10)


def model(classes: int = 2) -> Sequential:
    set_random_seed(0)
    made = Sequential([Input((3,)), Rescaling(1 / 255), Dense(classes, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


def losses(x, y=None, **options):
    options = {"batch_size": 4} | options
    if y is None:
        del options["batch_size"]
    return model().fit(x, y, epochs=2, verbose=0, shuffle=False, **options).history["loss"]


EXPECTED = losses(X, Y)


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a.astype(np.float64),
        lambda a: a.astype(np.uint8),
        lambda a: a.astype(np.int64),
        lambda a: a.astype(">f4"),
        np.asfortranarray,
        lambda a: a.tolist(),
        lambda a: tuple(map(tuple, a.tolist())),
        Tensor,
        pd.DataFrame,
        pl.DataFrame,
    ],
    ids=["float64", "uint8", "int64", "big-endian", "fortran", "list", "tuple", "tensor", "pandas", "polars"],
)
def test_kinds_of_inputs(executor, convert):
    np.testing.assert_allclose(losses(convert(X), Y), EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("convert", [list, Tensor, pd.Series, pl.Series, lambda y: y[:, None], np.float32])
def test_kinds_of_targets(convert):
    np.testing.assert_allclose(losses(X, convert(Y)), EXPECTED, rtol=1e-6)


def batches():
    return [(X[i : i + 4], Y[i : i + 4]) for i in range(0, 10, 4)]


class Dataset(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return batches()[index]


class Iterable:
    def __iter__(self):
        return iter(batches())


@pytest.mark.parametrize("make", [Dataset, Iterable, lambda: (b for _ in range(2) for b in batches())])
def test_kinds_of_batches(executor, make):
    data = make()
    steps = {} if not hasattr(data, "__next__") else {"steps_per_epoch": 3}
    np.testing.assert_allclose(losses(data, **steps), EXPECTED, rtol=1e-6)


def test_evaluate_and_predict_on_batches():
    made = model()
    assert made.evaluate(Dataset(), verbose=0) == pytest.approx(made.evaluate(X, Y, verbose=0), rel=1e-6)
    np.testing.assert_allclose(made.predict(Dataset(), verbose=0), made.predict(X, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(made.predict(iter([X[:3], X[3:]]), verbose=0), made.predict(X, verbose=0), rtol=1e-6)
    history = made.fit(Dataset(), validation_data=Dataset(), epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2


def test_weights_in_batches():
    weighted = [(x, y, np.full(len(y), 2.0)) for x, y in batches()]
    once = model().fit(iter(weighted), verbose=0).history["loss"]
    whole = model().fit(X, Y, 4, sample_weight=[2.0] * 10, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(once, whole)
    by_class = model().fit(Iterable(), class_weight={0: 2.0, 1: 2.0}, verbose=0).history["loss"]
    np.testing.assert_allclose(once, by_class)


def test_the_users_arrays_are_read_in_place():
    made = Sequential([Input((3,)), Dense(1, use_bias=False)])
    made.compile("sgd", "mse")
    x, y = X.copy(), Y.astype(np.float32)
    x.flags.writeable = y.flags.writeable = False
    made.fit(x, y, verbose=0)
    np.testing.assert_array_equal(x, X)


def test_one_number_a_sample():
    made = Sequential([Dense(1)])
    made.compile("sgd", "mse")
    made.fit([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], verbose=0)
    assert made.predict([4.0], verbose=0).shape == (1, 1)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X[:0], Y[:0], DataError, r"x is empty: its shape is \(0, 3\)"),
        (X, Y[:3], DataError, "x has 10, y has 3"),
        (X[:, :2], Y, DataError, r"takes inputs of shape \(None, 3\).*Received: x of shape \(10, 2\)"),
        (X[0], Y[:3], DataError, r"x of shape \(3,\)\. For a single sample add the axis of the batch: x\[None\]"),
        (X[None], Y[:1], DataError, r"x of shape \(1, 10, 3\)\. The data has more axes"),
        (X.astype(str), Y, DataError, "x holds text"),
        (X.astype(object), np.array(["a"] * 10, dtype=object), DataError, "y has dtype object and holds 'a'"),
        (X, Y + 5, DataError, r"y holds the label \d in row 0, but the model's output has 2 classes"),
        (X, Y - 1, DataError, "y holds the label -1"),
        (X, Y + 1, DataError, "count from 1: subtract 1"),
        (X, None, DataError, "which needs targets, but no `y` was given"),
        (iter([]), None, DataError, "gave no batch at all"),
        (iter([(X, Y + 9)]), None, DataError, "labels must be 0 to 1"),
        (iter([(X[:, :2], Y)]), None, DataError, r"x of shape \(10, 2\)"),
        (iter([(X, Y)]), Y, ArgumentError, "y cannot be given when x is a generator"),
    ],
)
def test_bad_data_leaves_the_model_as_it_was(x, y, error, message):
    made = model()
    before = made.get_weights()
    with pytest.raises(error, match=message):
        made.fit(x, y, verbose=0)
    for a, b in zip(before, made.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert int(made.optimizer.iterations) == 0
    assert len(made.fit(X, Y, verbose=0).history["loss"]) == 1, "the model is usable"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, ArgumentError, r"batch_size must be a whole number of at least 1\. Received: 0"),
        ({"epochs": 1.5}, ArgumentError, r"epochs must be a whole number.*Received: 1\.5"),
        ({"validation_split": 2.0}, ArgumentError, "validation_split must be between 0 and 1"),
        ({"validation_data": X}, ArgumentError, r"validation_data must be \(x, y\)"),
        ({"validation_data": (X, Y[:2])}, DataError, "x has 10, y has 2"),
        ({"class_weight": [1, 2]}, ArgumentError, "class_weight must be a dict"),
        ({"sample_weight": np.ones(3)}, DataError, "sample_weight has 3"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        model().fit(X, Y, verbose=0, **options)


def test_what_compile_refuses():
    made = Sequential([Input((3,)), Dense(2)])
    with pytest.raises(ArgumentError, match=r"must be compiled before training or evaluation\. Call `model\.compile"):
        made.fit(X, Y)
    with pytest.raises(ArgumentError, match="no loss 'squared'"):
        made.compile("sgd", "squared")
    with pytest.raises(ArgumentError, match="metrics must be a list"):
        made.compile("sgd", "mse", metrics="mae")
    with pytest.raises(ArgumentError, match="There is nothing to minimise"):
        made.compile("sgd")
        made.fit(X, Y)


def test_layers_that_do_not_fit_the_data():
    made = Sequential([Flatten(), Dense(2)])
    made.build((None, 4, 5))
    made.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises((DataError, ShapeError), match=r"\(10, 3\)"):
        made.fit(X, Y)
    with pytest.raises(DataError, match="has no layers"):
        Sequential().predict(X)


def test_a_generator_that_runs_dry_leaves_what_was_learnt():
    made = model()
    with pytest.raises(DataError, match="ran dry after 3 batches"):
        made.fit((b for b in batches()), epochs=4, verbose=0)
    assert made.history.epoch == [0] and int(made.optimizer.iterations) == 3
