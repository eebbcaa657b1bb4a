"""Convolutions: as Keras computes them, and as their formulas say."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from lamina import layers, models, objects, ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers import convolutional as conv
from tests.golden.digests import fill
from tests.golden.reference import run_traced
from tests.layers import spatial

CASES = spatial.of_package(conv)


def test_every_layer_has_a_case() -> None:
    assert {case["name"] for case in CASES} == {getattr(conv, name).__name__ for name in conv.__all__}


def test_other_names() -> None:
    assert conv.Convolution2D is conv.Conv2D
    assert conv.Convolution3DTranspose is conv.Conv3DTranspose
    assert conv.SeparableConvolution1D is conv.SeparableConv1D


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


def correlate(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`sum over i, j, c of x[n, y + i, x + j, c] * kernel[i, j, c, f]`, straight from the definition."""
    height, width = (x.shape[i] - kernel.shape[i - 1] + 1 for i in (1, 2))
    result = np.zeros((len(x), height, width, kernel.shape[-1]))
    for i, j in itertools.product(range(kernel.shape[0]), range(kernel.shape[1])):
        result += x[:, i : i + height, j : j + width].astype("float64") @ kernel[i, j]
    return result


def test_conv2d_is_its_formula(executor: str) -> None:
    x = fill((2, 6, 5, 3), 0.1)
    layer = conv.Conv2D(4, (3, 2), activation="relu", bias_initializer="ones")
    (result,) = run_traced(layer, x)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(result, np.maximum(correlate(x, kernel) + bias, 0), rtol=1e-5, atol=1e-6)


def test_groups_are_convolutions_side_by_side(executor: str) -> None:
    x = fill((2, 5, 5, 4), 0.1)
    layer = conv.Conv2D(6, 3, groups=2, use_bias=False)
    (result,) = run_traced(layer, x)
    (kernel,) = layer.get_weights()
    parts = [correlate(x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3]) for g in range(2)]
    np.testing.assert_allclose(result, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)


def test_causal_outputs_see_no_later_inputs() -> None:
    layer = conv.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = fill((1, 9, 3), 0.1)
    changed = x.copy()
    changed[:, 5:] += 1
    before, after = np.asarray(layer(x)), np.asarray(layer(changed))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert not np.allclose(before[:, 5], after[:, 5])


def test_transposed_convolution_is_the_gradient_of_a_convolution() -> None:
    """`<conv(x), y> == <x, transposed(y)>` for every x and y."""
    forward = conv.Conv2D(3, 3, strides=2, use_bias=False)
    back = conv.Conv2DTranspose(2, 3, strides=2, use_bias=False)
    x, y = fill((1, 9, 7, 2), 0.1), fill((1, 4, 3, 3), 0.5)
    forward.build(x.shape)
    back.build(y.shape)
    back.set_weights(forward.get_weights())
    one = float(ops.sum(forward(x) * y))
    other = float(ops.sum(back(y) * x))
    assert one == pytest.approx(other, rel=1e-5)


def test_depthwise_takes_each_channel_by_itself(executor: str) -> None:
    x = fill((2, 5, 5, 3), 0.1)
    layer = conv.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)
    (result,) = run_traced(layer, x)
    (kernel,) = layer.get_weights()
    parts = [correlate(x[..., c : c + 1], kernel[:, :, c : c + 1]) for c in range(3)]
    np.testing.assert_allclose(result, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)


def test_separable_is_depthwise_then_pointwise(executor: str) -> None:
    x = fill((2, 5, 5, 3), 0.1)
    layer = conv.SeparableConv2D(4, 3, padding="same", use_bias=False)
    (result,) = run_traced(layer, x)
    depthwise, pointwise = layer.get_weights()
    first = conv.DepthwiseConv2D(3, padding="same", use_bias=False)
    first.build(x.shape)
    first.set_weights([depthwise])
    np.testing.assert_allclose(result, np.asarray(first(x)) @ pointwise[0, 0], rtol=1e-5, atol=1e-5)


def test_channels_first_is_channels_last_turned() -> None:
    x = fill((2, 3, 6, 5), 0.1)
    first = conv.Conv2D(4, 3, padding="same", bias_initializer="ones", data_format="channels_first")
    last = conv.Conv2D(4, 3, padding="same")
    turned = x.transpose(0, 2, 3, 1)
    last.build(turned.shape)
    result = np.asarray(first(x))
    last.set_weights(first.get_weights())
    np.testing.assert_allclose(result.transpose(0, 2, 3, 1), last(turned), rtol=1e-5, atol=1e-6)


def test_positional_arguments_are_those_of_keras() -> None:
    layer = conv.Conv3DTranspose(2, 3, 2, "same", "channels_first", 1, 1, "relu", False)
    assert (layer.data_format, layer.output_padding, layer.use_bias) == ("channels_first", (1, 1, 1), False)
    other = conv.Conv2DTranspose(2, 3, 2, "same", 1, "channels_first", 1, "relu", False)
    assert (other.data_format, other.output_padding, other.use_bias) == ("channels_first", (1, 1), False)
    separable = conv.SeparableConv1D(2, 3, 1, "same", None, 2, 4)
    assert (separable.dilation_rate, separable.depth_multiplier) == ((2,), 4)
    depthwise = conv.DepthwiseConv2D(3, 1, "same", 4)
    assert depthwise.depth_multiplier == 4


@pytest.mark.parametrize(
    "layer",
    [
        conv.Conv2D(4, 3, kernel_initializer="he_normal", kernel_regularizer="l2", bias_constraint="non_neg"),
        conv.Conv1DTranspose(4, 3, strides=2, output_padding=1, activation="gelu", bias_regularizer="l1"),
        conv.DepthwiseConv2D(3, depthwise_regularizer="l2", depthwise_constraint="max_norm"),
        conv.SeparableConv2D(4, 3, pointwise_regularizer="l2", activity_regularizer="l1"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configs(layer: Any) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_penalties_and_constraints_reach_the_weights() -> None:
    layer = conv.SeparableConv2D(
        2, 1, depthwise_regularizer="l2", pointwise_regularizer="l1", bias_constraint="non_neg"
    )
    layer(fill((1, 3, 3, 2), 0.1))
    depthwise, pointwise, _ = layer.get_weights()
    expected = [0.01 * (depthwise**2).sum(), 0.01 * np.abs(pointwise).sum()]
    np.testing.assert_allclose([float(loss) for loss in layer.losses], expected, rtol=1e-5)
    assert layer.bias.constraint is not None


def test_learns_an_edge() -> None:
    objects.reset_names()
    x = fill((32, 6, 6, 1), 0.3)
    y = x[:, :, 1:] - x[:, :, :-1]
    model = models.Sequential([layers.Input((6, 6, 1)), conv.Conv2D(1, (1, 2), use_bias=False)])
    model.compile("sgd", loss="mean_squared_error")
    model.optimizer.learning_rate.assign(0.5)
    model.fit(x, y, epochs=40, batch_size=12, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0].ravel(), [-1, 1], atol=0.02)
    assert model.predict(x[:3], verbose=0).shape == (3, 6, 5, 1)


def test_no_rows() -> None:
    assert conv.Conv2D(2, 3)(np.zeros((0, 5, 5, 3), "float32")).shape == (0, 3, 3, 2)


def test_sizes_that_are_not_known() -> None:
    layer = conv.Conv2D(2, 3, padding="same", strides=2)
    assert layer.compute_output_shape((None, None, 9, 3)) == (None, None, 5, 2)
    assert conv.Conv1DTranspose(2, 3).compute_output_shape((None, None, 3)) == (None, None, 2)
    assert conv.DepthwiseConv1D(3).compute_output_shape((None, None, 3)) == (None, None, 3)


def test_input_smaller_than_the_window() -> None:
    with pytest.raises(
        ShapeError,
        match=r"Conv2D layer 'c': axis 1 of the input has 4 value\(s\), fewer than the 5 that one window of "
        r"kernel_size=\(3, 3\) with dilation_rate=\(2, 2\) spans. Received: input shape \(1, 4, 8, 1\), "
        "padding='valid'. Give larger inputs, use a smaller kernel_size, or padding='same'",
    ):
        conv.Conv2D(2, 3, dilation_rate=2, name="c")(np.zeros((1, 4, 8, 1), "float32"))


def test_another_size_after_building() -> None:
    layer = conv.Conv2D(2, 3)
    layer(np.zeros((1, 5, 5, 3), "float32"))
    assert layer(np.zeros((1, 4, 7, 3), "float32")).shape == (1, 2, 5, 2)
    with pytest.raises(ShapeError, match="fewer than the 3"):
        layer(np.zeros((1, 2, 5, 3), "float32"))
    with pytest.raises(ShapeError, match="whose axis -1 is 4; expected 3 there"):
        layer(np.zeros((1, 5, 5, 4), "float32"))


def test_channels_that_groups_do_not_divide() -> None:
    with pytest.raises(ShapeError, match=r"Conv2D layer .*multiple of groups.*Received: 3 channel\(s\), groups=2"):
        conv.Conv2D(4, 3, groups=2)(np.zeros((1, 5, 5, 3), "float32"))


def test_channels_that_are_not_known() -> None:
    with pytest.raises(ShapeError, match=r"the number of channels \(axis 1\) must be known.*\(None, None, 5, 5\)"):
        conv.Conv2D(4, 3, data_format="channels_first").build((None, None, 5, 5))


def test_a_failed_build_can_be_repeated() -> None:
    layer = conv.Conv2D(4, 3)
    with pytest.raises(ShapeError):
        layer(np.zeros((1, 2, 2, 3), "float32"))
    assert not layer.built and layer.weights == []
    layer(np.zeros((1, 3, 3, 3), "float32"))
    assert [w.name for w in layer.weights] == ["kernel", "bias"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a whole number of at least 1. Received: 0"),
        ({"filters": 2.5}, "filters must be a whole number"),
        ({"kernel_size": 0}, "kernel_size must be a whole number of at least 1, or 2 of them. Received: 0"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size must be .* Received: \(3, 3, 3\)"),
        ({"strides": (1, 0)}, "strides must be"),
        ({"dilation_rate": -1}, "dilation_rate must be"),
        ({"groups": 0}, "groups must be a whole number of at least 1"),
        ({"filters": 5, "groups": 2}, "filters must be a multiple of groups.*filters=5, groups=2. Choose filters=6"),
        ({"padding": "full"}, "padding must be 'valid' or 'same'. Received: 'full'"),
        ({"padding": "causal"}, "padding must be 'valid' or 'same'. Received: 'causal'"),
        ({"padding": 1}, "padding must be one of 'valid', 'same'. Received: 1. .* put a ZeroPadding layer before it"),
        ({"strides": 2, "dilation_rate": 2}, "strides above 1 do not go together with a dilation_rate above 1"),
        ({"activation": "relo"}, "There is no activation 'relo'. Did you mean 'relu'"),
        ({"filter": 3}, "does not have the argument 'filter'"),
    ],
    ids=str,
)
def test_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        conv.Conv2D(**{"filters": 4, "kernel_size": 3, **arguments})


def test_arguments_of_the_others() -> None:
    with pytest.raises(
        ArgumentError, match=r"output_padding must be below strides.*output_padding=\(2,\), strides=\(2,\)"
    ):
        conv.Conv1DTranspose(2, 3, strides=2, output_padding=2)
    with pytest.raises(ArgumentError, match="strides above 1 do not go together"):
        conv.Conv2DTranspose(2, 3, strides=2, dilation_rate=2)
    with pytest.raises(ArgumentError, match="DepthwiseConv2D layer .*: depth_multiplier must be a whole number"):
        conv.DepthwiseConv2D(3, depth_multiplier=0)
    with pytest.raises(ArgumentError, match="padding must be 'valid' or 'same'. Received: 'causal'"):
        conv.SeparableConv1D(2, 3, padding="causal")
