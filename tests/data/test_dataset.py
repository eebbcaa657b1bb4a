"""Arrays of equally many rows."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.errors import ArgumentError, DataError
from lamina.data import ArrayData
from lamina.data.dataset import class_weights

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def test_arrays_are_kept_in_place():
    data = ArrayData.of(X, Y)
    assert data.inputs[0] is X and data.y is Y and data.rows == 10 and data.weights is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y[:3]), r"same number of samples \(rows\), but x has 10, y has 3"),
        ((X, Y, np.ones(4)), "sample_weight has 4"),
        ((X[:0], Y[:0]), r"x is empty: its shape is \(0, 2\)"),
        ((np.float32(3),), "x is a single number"),
        ((X, 3), "y is a single number"),
        ((X, Y, 3.0), r"sample_weight is a single number"),
        (({},), "empty dict"),
    ],
)
def test_rows_that_do_not_fit_together(arguments, message):
    with pytest.raises(DataError, match=message):
        ArrayData.of(*arguments)


def test_a_list_of_arrays_is_rows_or_several_inputs():
    pair = [np.zeros((3, 2)), np.ones((3, 2))]
    assert ArrayData.of(pair).inputs[0].shape == (2, 3, 2)
    several = ArrayData.of(pair, several_inputs=True)
    assert several.rows == 3 and len(several.inputs) == 2
    named = ArrayData.of({"b": pair[1], "a": pair[0]})
    assert named.inputs[0] is pair[0], "inputs are in the order of their names"


def test_split_takes_the_last_rows_as_views():
    first, last = ArrayData.of(X, Y).split(0.25)
    assert first.rows == 7 and last.rows == 3
    np.testing.assert_array_equal(last.y, [7, 8, 9])
    assert np.shares_memory(last.inputs[0], X)


def test_split_errors():
    with pytest.raises(ArgumentError, match=r"between 0 and 1\. Received: 1\.5"):
        ArrayData.of(X).split(1.5)
    with pytest.raises(DataError, match="of 10 samples leaves 0 for training"):
        ArrayData.of(X).split(0.99)


@pytest.mark.parametrize("y", [[0, 1, 2, 1], [[0], [1], [2], [1]], [0.0, 1.0, 2.0, 1.0], np.eye(3)[[0, 1, 2, 1]]])
def test_class_weights(y):
    np.testing.assert_array_equal(class_weights(np.asarray(y), {0: 2.0, 2: 0.5}), [2, 1, 0.5, 1])


def test_class_weights_of_steps():
    weights = {0: 2.0, 2: 0.5}
    np.testing.assert_array_equal(class_weights(np.array([[[0], [1]], [[2], [2]]]), weights), [[2, 1], [0.5, 0.5]])
    np.testing.assert_array_equal(class_weights(np.eye(3)[[[0, 1], [2, 2]]], weights), [[2, 1], [0.5, 0.5]])
    with pytest.raises(DataError, match=r"give them a last axis of 1: y\[\.\.\., None\]"):
        class_weights(np.array([[0, 1], [2, 2]]), weights)


def test_weights_of_samples_and_steps_multiply():
    y = np.array([[[0], [1]], [[1], [1]]])
    found = ArrayData.of(X[:2], y, [3.0, 5.0]).weighted({1: 2.0}).weights
    np.testing.assert_array_equal(found, [[3, 6], [10, 10]])
    with pytest.raises(DataError, match=r"sample_weight of shape \(2, 3\) does not go with class_weight"):
        ArrayData.of(X[:2], y, np.ones((2, 3))).weighted({1: 2.0})


def test_class_and_sample_weights_multiply():
    data = ArrayData.of(X[:2], [0, 1], [3.0, 5.0]).weighted({1: 2.0})
    np.testing.assert_array_equal(data.weights, [3, 10])
    assert data.weights.dtype == np.float32
