"""Text where numbers are wanted, and numbers where text is: what to do instead is told."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, models, ops, utils
from lamina.base.errors import ArgumentError, DataError, DTypeError


def known(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(["a b", "b"])
    return layer


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: known()([float("nan"), "a"]), ArgumentError, "nan of type float at 0. Where texts are missing"),
        (lambda: known()(["a", None]), ArgumentError, "None of type NoneType at 1"),
        (lambda: known()([1, 2]), ArgumentError, "1 of type int at 0"),
        (lambda: layers.TextVectorization().adapt([]), ArgumentError, "Received: no texts"),
        (lambda: layers.TextVectorization(max_tokens=1, name="words"), ArgumentError,
         "^TextVectorization layer 'words': max_tokens must be"),
        (lambda: layers.TextVectorization(vocabulary=["a", "a"], name="words"), ArgumentError,
         "^TextVectorization layer 'words': vocabulary must not have an entry twice"),
        (lambda: layers.TextVectorization(vocabulary="no such file"), ArgumentError,
         "taken for the path of a file .*'no such file' cannot be read .No such file"),
        (lambda: layers.Input((), dtype="string"), ArgumentError, "models take numbers, no text.*TextVectorization"),
        (lambda: layers.Embedding(4, 2)(np.array(["a"])), DTypeError, "Expected one of: bool.*layers.StringLookup"),
        (lambda: ops.convert_to_tensor(np.array(["a"])), DTypeError, "Make numbers of text before"),
        (lambda: utils.pad_sequences([["a"], ["b", "c"]]), DataError, "sequence 0 cannot be an array of int32"),
        (lambda: utils.timeseries_dataset_from_array([], None, 1), DataError, "data is empty"),
    ],
)  # fmt: skip
def test_told(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_text_in_fit():
    model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(DataError, match="x holds text .*layers.TextVectorization"):
        model.fit(np.array([["a"], ["b"]]), np.ones(2), verbose=0)
    with pytest.raises(DataError, match="y holds dates .*days since the first one"):
        model.fit(np.ones((2, 1)), np.zeros(2, "datetime64[D]"), verbose=0)


def test_labels_between_two_classes():
    model = models.Sequential([layers.Input((2,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.ones((4, 2), "float32")
    with pytest.raises(DataError, match=r"y holds 1.5 in row 2, but 'sparse_categorical_crossentropy' takes whole"):
        model.fit(x, np.array([0, 1, 1.5, 2]), verbose=0)
    model.fit(x, np.array([0.0, 1, 1, 2]), verbose=0)


@pytest.mark.parametrize("loss", ["ctc", "CTC"])
def test_more_labels_than_steps(loss):
    model = models.Sequential([layers.Input((3, 4)), layers.Dense(5)])
    model.compile("sgd", loss)
    x = np.ones((3, 3, 4), "float32")
    with pytest.warns(UserWarning, match="y has 2 row.*3 steps .* row 0 needs 4.*loss is infinite"):
        model.fit(x, np.array([[1, 2, 3, 4], [1, 2, 3, 0], [1, 1, 2, 0]]), verbose=0)
    model.fit(x, np.array([[1, 2, 3, 0], [1, 1, 0, 0], [0, 0, 0, 0]]), verbose=0)
