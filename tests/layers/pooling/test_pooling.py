"""Windows, parts and wholes summed up: as Keras does, and as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers import pooling
from lamina.tensor import GradientTape, Variable
from tests.golden.digests import fill
from tests.golden.reference import run_traced
from tests.layers import spatial

CASES = spatial.of_package(pooling)


def test_every_layer_has_a_case() -> None:
    classes = {getattr(pooling, name).__name__ for name in pooling.__all__}
    assert {case["name"] for case in CASES} == classes


def test_other_names() -> None:
    assert pooling.MaxPool2D is pooling.MaxPooling2D
    assert pooling.AvgPool1D is pooling.AveragePooling1D
    assert pooling.GlobalMaxPool3D is pooling.GlobalMaxPooling3D
    assert pooling.GlobalAvgPool2D is pooling.GlobalAveragePooling2D


@pytest.mark.parametrize("case", CASES, ids=spatial.label)
def test_description_is_that_of_keras(case: spatial.Case) -> None:
    spatial.check_description(case)


@pytest.mark.parametrize("case", CASES, ids=spatial.label)
def test_values_and_gradients_are_those_of_keras(case: spatial.Case) -> None:
    spatial.check_values(case)


@pytest.mark.parametrize("case", CASES, ids=spatial.label)
def test_program(case: spatial.Case, compiled: None) -> None:
    spatial.check_traced(case)


@pytest.mark.parametrize("case", spatial.one_of_each(CASES), ids=spatial.label)
def test_fit(case: spatial.Case) -> None:
    spatial.check_fit(case)


def test_pooling_is_its_formula(executor: str) -> None:
    x = fill((2, 5, 6, 3), 0.1)
    blocks = x[:, :4].reshape(2, 2, 2, 3, 2, 3)
    (largest,) = run_traced(pooling.MaxPooling2D(), x)
    np.testing.assert_array_equal(largest, blocks.max((2, 4)))
    (mean,) = run_traced(pooling.AveragePooling2D(2), x)
    np.testing.assert_allclose(mean, blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)


def test_what_lies_outside_does_not_count(executor: str) -> None:
    x = -np.ones((1, 3, 1), "float32")
    for layer in (pooling.MaxPooling1D(2, padding="same"), pooling.AveragePooling1D(2, padding="same")):
        (result,) = run_traced(layer, x)
        np.testing.assert_array_equal(result, -np.ones((1, 2, 1)))


def test_the_first_of_equal_values_gets_the_gradient() -> None:
    x = Variable(np.ones((1, 4, 1), "float32"))
    with GradientTape() as tape:
        y = pooling.MaxPooling1D()(x)
    np.testing.assert_array_equal(np.asarray(tape.gradient(y, x))[0, :, 0], [1, 0, 1, 0])


def test_global_pooling_is_its_formula(executor: str) -> None:
    x = fill((2, 3, 4, 5), 0.1)
    (largest,) = run_traced(pooling.GlobalMaxPooling2D(), x)
    np.testing.assert_array_equal(largest, x.max((1, 2)))
    (mean,) = run_traced(pooling.GlobalAveragePooling2D(data_format="channels_first"), x)
    np.testing.assert_allclose(mean, x.mean((2, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_mean_of_unmasked_steps(data_format: str, keepdims: bool) -> None:
    x = fill((2, 4, 3), 0.1)
    mask = np.array([[True, True, False, False], [False, True, True, True]])
    expected = np.stack([x[0, :2].mean(0), x[1, 1:].mean(0)])
    last = data_format == "channels_last"
    layer = pooling.GlobalAveragePooling1D(data_format, keepdims)
    result = np.asarray(layer(x if last else x.transpose(0, 2, 1), mask=mask))
    assert result.shape == layer.compute_output_shape((2, 4, 3) if last else (2, 3, 4))
    np.testing.assert_allclose(result.reshape(2, 3), expected, rtol=1e-5, atol=1e-6)


def test_adaptive_parts_may_share_places() -> None:
    x = np.arange(5, dtype="float32").reshape(1, 5, 1)
    mean = pooling.AdaptiveAveragePooling1D(3)(x)
    np.testing.assert_allclose(np.asarray(mean)[0, :, 0], [0.5, 2.0, 3.5])
    largest = pooling.AdaptiveMaxPooling1D(3)(x)
    np.testing.assert_allclose(np.asarray(largest)[0, :, 0], [1, 3, 4])


def test_adaptive_pooling_to_one_is_global() -> None:
    x = fill((2, 3, 4, 5), 0.1)
    part = pooling.AdaptiveAveragePooling2D(1)(x)
    np.testing.assert_allclose(np.asarray(part), x.mean((1, 2), keepdims=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        pooling.MaxPooling2D(), pooling.AveragePooling2D(2), pooling.GlobalMaxPooling2D(keepdims=True),
        pooling.GlobalAveragePooling2D(keepdims=True), pooling.AdaptiveMaxPooling2D(2),
        pooling.AdaptiveAveragePooling2D(2),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_no_rows(layer: Any) -> None:
    x = np.zeros((0, 4, 4, 3), "float32")
    assert tuple(layer(x).shape) == layer.compute_output_shape(x.shape)


def test_sizes_that_are_not_known() -> None:
    assert pooling.MaxPooling2D().compute_output_shape((None, None, 8, 3)) == (None, None, 4, 3)
    assert pooling.GlobalMaxPooling2D().compute_output_shape((None, None, None, 3)) == (None, 3)
    assert pooling.AdaptiveMaxPooling2D(2).compute_output_shape((None, None, None, 3)) == (None, 2, 2, 3)


def test_input_smaller_than_the_window() -> None:
    layer = pooling.MaxPooling2D(3, name="p")
    with pytest.raises(
        ShapeError,
        match=r"MaxPooling2D layer 'p': axis 2 of the input has 2 value\(s\), fewer than the 3 that one window of "
        r"pool_size=\(3, 3\) spans. Received: input shape \(1, 4, 2, 1\), padding='valid'.*padding='same'",
    ):
        layer(np.zeros((1, 4, 2, 1), "float32"))
    with pytest.raises(ShapeError, match="fewer than the 3"):
        layer.compute_output_shape((None, 4, 2, 1))


def test_nothing_to_sum_up() -> None:
    with pytest.raises(ShapeError, match=r"GlobalMaxPooling1D layer .* has no places to sum up.*axis 1 are not empty"):
        pooling.GlobalMaxPooling1D()(np.zeros((2, 0, 3), "float32"))
    with pytest.raises(ShapeError, match=r"AdaptiveMaxPooling1D layer .*must be known, and not 0"):
        pooling.AdaptiveMaxPooling1D(1)(np.zeros((2, 0, 3), "float32"))


def test_arguments() -> None:
    with pytest.raises(
        ArgumentError, match="MaxPooling2D layer .*: pool_size must be a whole number of at least 1, or 2"
    ):
        pooling.MaxPooling2D((2, 2, 2))
    with pytest.raises(ArgumentError, match="strides must be a whole number of at least 1"):
        pooling.AveragePooling1D(2, strides=0)
    with pytest.raises(ArgumentError, match="padding must be 'valid' or 'same'. Received: 'causal'"):
        pooling.MaxPooling1D(padding="causal")
    with pytest.raises(ArgumentError, match="output_size must be a whole number of at least 1"):
        pooling.AdaptiveMaxPooling2D((0, 1))
