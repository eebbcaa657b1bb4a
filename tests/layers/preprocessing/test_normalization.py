"""Normalization: Keras' numbers, data in every form, use within models, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.errors import ArgumentError, DataError, ShapeError

FEATURES = np.array([[0, 7, 4], [2, 9, 6], [0, 7, 4], [2, 9, 6]], "float32")
STEPS = np.random.RandomState(0).rand(5, 2, 3).astype("float32")


def adapted(data, **options):
    layer = layers.Normalization(**options)
    layer.adapt(data)
    return layer


# The numbers are those of Keras 3.15.
@pytest.mark.parametrize(
    ("layer", "inputs", "expected"),
    [
        (lambda: adapted(np.arange(1.0, 6), axis=None), [1.0, 2, 3], [-1.41421, -0.70711, 0]),
        (lambda: adapted(FEATURES), [[0.0, 7, 4]], [[-1, -1, -1]]),
        (lambda: adapted(FEATURES, invert=True), [[1.0, 2, 3]], [[2, 10, 8]]),
        (lambda: layers.Normalization(mean=3.0, variance=2.0), [[1.0], [2], [3]], [[-1.41421], [-0.70711], [0]]),
        (lambda: adapted(STEPS, axis=1), STEPS[:1],
         [[[-0.22829, 0.32994, -0.04728], [-0.00197, -0.47523, 0.39237]]]),
        (lambda: adapted(STEPS, axis=(1, 2)), STEPS[:1],
         [[[0.27134, -0.84096, 0.13116], [-0.02299, -0.0812, 0.03469]]]),
        (lambda: layers.Normalization(axis=(1, 2), mean=[1.0, 2, 3], variance=[4.0, 5, 6]), STEPS[:1],
         [[[-0.22559, -0.57458, -0.97867], [-0.22756, -0.70496, -0.96106]]]),
        (lambda: layers.Normalization(), [[1.0, 2]], [[1, 2]]),
        (lambda: adapted(np.zeros((3, 2))), [[1e-7, 0]], [[1, 0]]),
        (lambda: adapted([[1, 2], [3, 4]]), [[1, 2]], [[-1, -1]]),
    ],
)  # fmt: skip
def test_keras_numbers(layer, inputs, expected):
    np.testing.assert_allclose(layer()(np.asarray(inputs, "float32")), expected, atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        STEPS,
        STEPS.tolist(),
        [STEPS[:2], STEPS[2:]],
        [(STEPS[:1], 1), (STEPS[1:], 2)],
        (part for part in (STEPS[:3], STEPS[3:])),
        ((part, None) for part in (STEPS[:3], STEPS[3:])),
        [STEPS[:0], STEPS],
    ],
    ids=["array", "lists", "batches", "pairs", "generator", "generator of pairs", "an empty batch"],
)
def test_data_in_every_form(data):
    layer = adapted(data)
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, STEPS.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(variance, STEPS.var((0, 1)), rtol=1e-5)
    assert count == 0 and not layer.trainable_variables


def test_a_mean_far_from_zero():
    data = 1e4 + np.random.RandomState(1).rand(1000, 1)
    np.testing.assert_allclose(adapted(data.astype("float32")).get_weights()[1], 1 / 12, rtol=0.1)


def test_in_a_model(executor):
    x = np.random.RandomState(2).rand(64, 3).astype("float32") * [1, 100, 1e4]
    y = x @ [1.0, 0.01, 1e-4]
    scale = layers.Normalization()
    model = models.Sequential([layers.Input((3,)), scale, layers.Dense(1)])
    before = model.predict(x, verbose=0)
    scale.adapt(x)
    assert not np.allclose(model.predict(x, verbose=0), before)
    model.compile("adam", "mse")
    first = model.evaluate(x, y, verbose=0)
    weights = scale.get_weights()
    model.fit(x, y, epochs=3, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    for old, new in zip(weights, scale.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    again = layers.Normalization.from_config(scale.get_config())
    assert again.axis == (-1,) and again.input_mean is None
    given = layers.Normalization(mean=[1.0], variance=[2.0], invert=True).get_config()
    assert (given["mean"], given["variance"], given["invert"]) == ([1.0], [2.0], True)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: layers.Normalization(mean=1.0), ArgumentError, "both mean and variance"),
        (lambda: layers.Normalization(mean=[1.0], variance=1.0), ArgumentError, "of one shape"),
        (lambda: layers.Normalization(axis="last"), ArgumentError, "axis must be a whole number"),
        (lambda: layers.Normalization(axis=3)(np.ones((2, 3))), ShapeError, r"axis=\(3,\) is not there"),
        (lambda: layers.Normalization(axis=1)(layers.Input((None, 3))), ShapeError, "axis 1 must be known"),
        (lambda: layers.Normalization(mean=[1.0, 2], variance=[1.0, 2])(np.ones((2, 3))), ShapeError, r"sizes \(3,\)"),
        (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(FEATURES), ArgumentError, "does not adapt"),
        (lambda: adapted([]), DataError, "no data"),
        (lambda: adapted(np.zeros((0, 3))), DataError, "no data"),
        (lambda: adapted(np.array([[1.0, np.nan]])), DataError, "NaN or infinity"),
        (lambda: adapted(["a", "b"]), DataError, "takes numbers"),
        (lambda: adapted([STEPS, FEATURES]), ShapeError, r"takes data of shape \(None, None, 3\)"),
    ],
)
def test_refused(act, error, text):
    with pytest.raises(error, match=text):
        act()
