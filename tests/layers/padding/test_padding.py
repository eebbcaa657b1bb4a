"""Zeros around, edges cut off, places repeated: as Keras does, and as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers import padding
from lamina.tensor import Trace
from tests.golden.digests import fill
from tests.golden.reference import run_traced
from tests.layers import spatial

CASES = spatial.of_package(padding)


def test_every_layer_has_a_case() -> None:
    assert {case["name"] for case in CASES} == set(padding.__all__)


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


def test_zero_padding_is_that_of_numpy(executor: str) -> None:
    x = fill((2, 3, 4, 2), 0.1)
    (last,) = run_traced(padding.ZeroPadding2D(((0, 1), (2, 0))), x)
    np.testing.assert_array_equal(last, np.pad(x, ((0, 0), (0, 1), (2, 0), (0, 0))))
    (first,) = run_traced(padding.ZeroPadding2D(((0, 1), (2, 0)), data_format="channels_first"), x)
    np.testing.assert_array_equal(first, np.pad(x, ((0, 0), (0, 0), (0, 1), (2, 0))))


def test_cropping_is_a_slice(executor: str) -> None:
    x = fill((2, 5, 6, 2), 0.1)
    (result,) = run_traced(padding.Cropping2D(((0, 1), (2, 0))), x)
    np.testing.assert_array_equal(result, x[:, :-1, 2:])
    (all_of_it,) = run_traced(padding.Cropping2D(), x)
    np.testing.assert_array_equal(all_of_it, x)


def test_up_sampling_is_repeat(executor: str) -> None:
    x = fill((2, 2, 3, 2), 0.1)
    (last,) = run_traced(padding.UpSampling2D((2, 3)), x)
    np.testing.assert_array_equal(last, x.repeat(2, 1).repeat(3, 2))
    (first,) = run_traced(padding.UpSampling2D((2, 3), data_format="channels_first"), x)
    np.testing.assert_array_equal(first, x.repeat(2, 2).repeat(3, 3))


@pytest.mark.parametrize("layer", [padding.ZeroPadding1D(2), padding.Cropping1D(1), padding.UpSampling1D(2)])
def test_sizes_that_are_not_known(layer: Any) -> None:
    shape = layer.compute_output_shape((None, None, 3))
    assert shape == (None, None, 3)


def test_interpolation_needs_known_sizes() -> None:
    trace = Trace()
    with trace.stage("test"), pytest.raises(ShapeError, match=r"UpSampling2D layer .* needs inputs of known height"):
        x = trace.input((2, Dim("height"), 4, 3), "float32", name="x")
        padding.UpSampling2D(interpolation="bilinear")(x)


def test_integers_stay_integers() -> None:
    x = np.arange(12).reshape(1, 4, 3)
    for layer in (padding.ZeroPadding1D(), padding.Cropping1D(), padding.UpSampling1D()):
        assert layer(x).dtype.startswith("int")


def test_no_rows() -> None:
    x = np.zeros((0, 4, 4, 2), "float32")
    assert padding.ZeroPadding2D()(x).shape == (0, 6, 6, 2)
    assert padding.Cropping2D(1)(x).shape == (0, 2, 2, 2)
    assert padding.UpSampling2D()(x).shape == (0, 8, 8, 2)


def test_nothing_left() -> None:
    with pytest.raises(
        ShapeError,
        match=r"Cropping2D layer 'c': cropping=\(\(2, 2\), \(2, 2\)\) leaves nothing of an input of shape "
        r"\(1, 4, 9, 3\)\. Crop less, or give larger inputs",
    ):
        padding.Cropping2D(2, name="c")(np.zeros((1, 4, 9, 3), "float32"))
    with pytest.raises(ShapeError, match="leaves nothing"):
        padding.Cropping1D(2).compute_output_shape((None, 3, 2))


def test_arguments() -> None:
    with pytest.raises(
        ArgumentError, match="ZeroPadding1D layer .*: padding must be a whole number of at least 0, a pair"
    ):
        padding.ZeroPadding1D(-1)
    with pytest.raises(ArgumentError, match="cropping must be a whole number of at least 0, 3 of them, or 3 pairs"):
        padding.Cropping3D((1, 2))
    with pytest.raises(ArgumentError, match="size must be a whole number of at least 1"):
        padding.UpSampling1D(0)
    with pytest.raises(ArgumentError, match="interpolation must be 'nearest', 'bilinear', .*Received: 'cubic'"):
        padding.UpSampling2D(interpolation="cubic")
