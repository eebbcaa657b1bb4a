"""Dense, activations, reshaping, noise and the small layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, ops, random
from lamina.base.errors import ArgumentError, ShapeError
from tests.golden.reference import run_traced

X = np.array([[-2.0, 0.5, 3.0], [1.0, -0.1, 0.0]], "float32")


def test_dense_is_its_formula(executor: str) -> None:
    layer = layers.Dense(4, activation="relu", bias_initializer="ones")
    (result,) = run_traced(layer, X)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(result, np.maximum(X @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    assert kernel.shape == (3, 4) and bias.tolist() == [1, 1, 1, 1]


def test_dense_works_on_the_last_axis() -> None:
    layer = layers.Dense(2, use_bias=False)
    x = np.ones((5, 4, 3), "float32")
    assert layer(x).shape == (5, 4, 2)
    assert len(layer.weights) == 1
    assert layer.compute_output_shape((None, 4, 3)) == (None, 4, 2)


def test_dense_config_round_trip() -> None:
    layer = layers.Dense(
        3,
        activation="gelu",
        kernel_initializer="he_normal",
        kernel_regularizer="l2",
        bias_constraint="non_neg",
        name="d",
    )
    config = layers.serialize(layer)
    again = layers.deserialize(config)
    assert again.get_config() == layer.get_config()
    assert config["config"]["activation"] == "gelu"
    assert config["config"]["kernel_initializer"]["class_name"] == "HeNormal"


def test_dense_input_of_another_width() -> None:
    layer = layers.Dense(2, name="d")
    layer(X)
    with pytest.raises(
        ShapeError, match=r"Dense layer 'd': input 0 has shape \(2, 5\), whose axis -1 is 5; expected 3 there"
    ):
        layer(np.zeros((2, 5), "float32"))


def test_dense_input_of_rank_1() -> None:
    with pytest.raises(ShapeError, match=r"shape \(3,\), of rank 1; expected rank 2 or more.*one sample goes in as"):
        layers.Dense(2)(np.zeros(3, "float32"))


@pytest.mark.parametrize("units", [0, -3, 2.5, "4", True])
def test_dense_units_must_count(units: Any) -> None:
    with pytest.raises(ArgumentError, match=r"units must be a whole number of at least 1. Received"):
        layers.Dense(units)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Activation("tanh"), np.tanh(X)),
        (layers.Activation(lambda x: x * 2), X * 2),
        (layers.ReLU(), np.maximum(X, 0)),
        (layers.ReLU(max_value=1.0), np.clip(X, 0, 1)),
        (layers.LeakyReLU(), np.where(X > 0, X, np.float32(0.3) * X)),
        (layers.ELU(), np.where(X > 0, X, np.expm1(X))),
        (layers.Softmax(), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
        (layers.Softmax(axis=(0, 1)), np.exp(X) / np.exp(X).sum()),
        (layers.PReLU(alpha_initializer="ones"), X),
        (layers.Identity(), X),
        (layers.Rescaling(2.0, offset=-1.0), X * 2 - 1),
        (layers.Rescaling([1.0, 2.0, 3.0]), X * [1, 2, 3]),
        (layers.Lambda(lambda x: x + 1), X + 1),
        (layers.Flatten(), X),
    ],
    ids=lambda v: type(v).__name__,
)
def test_simple_layers(layer: layers.Layer, expected: np.ndarray, executor: str) -> None:
    np.testing.assert_allclose(layer(X), expected, rtol=1e-6, atol=1e-6)
    (traced,) = run_traced(layer, X)
    np.testing.assert_allclose(traced, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, 3)) == (None, 3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Activation("relu"), layers.ReLU(6.0, 0.1, 0.2), layers.LeakyReLU(0.1), layers.ELU(0.5),
        layers.Softmax(0), layers.PReLU(shared_axes=[1]), layers.Identity(), layers.Rescaling([1.0, 2.0], 3.0),
        layers.Flatten(), layers.Reshape((2, -1)), layers.Dropout(0.2, seed=3), layers.GaussianNoise(0.1),
        layers.InputLayer((3,), name="in"),
    ],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_configs(layer: layers.Layer) -> None:
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def test_softmax_mask() -> None:
    result = np.asarray(layers.Softmax()(X, mask=np.array([[True, False, True]] * 2)))
    assert np.all(result[:, 1] == 0)
    np.testing.assert_allclose(result.sum(-1), 1, rtol=1e-6)


def test_flatten(executor: str) -> None:
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    (last,) = run_traced(layers.Flatten(), x)
    np.testing.assert_array_equal(last, x.reshape(2, 12))
    (first,) = run_traced(layers.Flatten("channels_first"), x)
    np.testing.assert_array_equal(first, x.transpose(0, 2, 1).reshape(2, 12))
    assert layers.Flatten()(np.zeros(5, "float32")).shape == (5, 1)
    assert layers.Flatten().compute_output_shape((None, 3, 4)) == (None, 12)
    assert layers.Flatten().compute_output_shape((None, None, 4)) == (None, None)


def test_flatten_of_no_rows() -> None:
    assert layers.Flatten()(np.zeros((0, 2, 3), "float32")).shape == (0, 6)


def test_reshape(executor: str) -> None:
    x = np.arange(24, dtype="float32").reshape(2, 12)
    for target in ((3, 4), (-1, 4), (3, -1), (3, None)):
        layer = layers.Reshape(target)
        (result,) = run_traced(layer, x)
        np.testing.assert_array_equal(result, x.reshape(2, 3, 4))
        assert layer.compute_output_shape((None, 12)) == (None, 3, 4)
    assert layers.Reshape((-1, 4)).compute_output_shape((None, None)) == (None, None, 4)


def test_reshape_that_does_not_fit() -> None:
    with pytest.raises(
        ShapeError, match=r"a sample of shape \(3,\) has 3 values, which do not fit target_shape=\(2, 2\)"
    ):
        layers.Reshape((2, 2))(X)
    with pytest.raises(ShapeError, match=r"target_shape=\(-1, 2\) \(a multiple of 2\)"):
        layers.Reshape((-1, 2))(X)
    with pytest.raises(ArgumentError, match=r"at most one of them -1"):
        layers.Reshape((-1, -1))


def test_dropout_only_while_training() -> None:
    layer = layers.Dropout(0.5)
    x = np.ones((1000, 4), "float32")
    assert layer(x) is not None
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    dropped = np.asarray(layer(x, training=True))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert 0.45 < (dropped == 0).mean() < 0.55


def test_dropout_draws_anew_and_repeats_with_its_seed() -> None:
    x = np.ones((100, 4), "float32")
    a, b = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    first, second = np.asarray(a(x, training=True)), np.asarray(a(x, training=True))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, b(x, training=True))


def test_dropout_in_a_program_is_that_of_eager_calls(executor: str) -> None:
    x = np.ones((100, 4), "float32")
    eager, traced = layers.Dropout(0.3, seed=7), layers.Dropout(0.3, seed=7)
    for _ in range(2):
        expected = np.asarray(eager(x, training=True))
        (result,) = run_traced(lambda t: traced(t, training=True), x)
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_dropout_of_whole_columns() -> None:
    dropped = np.asarray(layers.Dropout(0.5, noise_shape=(1, None), seed=1)(np.ones((50, 8), "float32"), training=True))
    assert np.all(dropped == dropped[0]) and 0 < (dropped[0] == 0).sum() < 8


def test_dropout_rates_at_the_ends() -> None:
    x = np.ones((5, 4), "float32")
    np.testing.assert_array_equal(layers.Dropout(0)(x, training=True), x)
    np.testing.assert_array_equal(layers.Dropout(1)(x, training=True), 0 * x)
    with pytest.raises(ArgumentError, match=r"rate must be a number from 0 to 1. Received: 1.5"):
        layers.Dropout(1.5)


def test_noise(executor: str) -> None:
    layer = layers.GaussianNoise(0.5, seed=3)
    x = np.full((2000, 2), 3.0, "float32")
    np.testing.assert_array_equal(layer(x), x)
    (noisy,) = run_traced(lambda t: layer(t, training=True), x)
    assert abs(noisy.mean() - 3) < 0.05 and abs(noisy.std() - 0.5) < 0.03


def test_set_random_seed_decides_dropout() -> None:
    results = []
    for _ in range(2):
        random.set_random_seed(8)
        results.append(np.asarray(layers.Dropout(0.5)(np.ones((9, 9), "float32"), training=True)))
    np.testing.assert_array_equal(results[0], results[1])


def test_rescaling_of_bytes() -> None:
    result = layers.Rescaling(1 / 255)(np.array([[0, 255]], "uint8"))
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, [[0, 1]])


def test_prelu_shares_axes() -> None:
    layer = layers.PReLU(shared_axes=[1, 2])
    layer(np.zeros((2, 4, 4, 3), "float32"))
    assert layer.alpha.shape == (1, 1, 3)


def test_lambda_arguments_training_and_shape() -> None:
    layer = layers.Lambda(lambda x, k, training=None: x * (k if training else 0), arguments={"k": 5.0})
    np.testing.assert_array_equal(layer(X, training=True), X * 5)
    np.testing.assert_array_equal(layer(X, training=False), X * 0)
    assert layers.Lambda(ops.sum, output_shape=()).compute_output_shape((None, 3)) == (None,)
    with pytest.raises(ArgumentError, match=r"has no config: it holds Python code"):
        layer.get_config()


def test_input_layer() -> None:
    tensor = layers.Input((28, None), name="image", dtype="uint8")
    assert isinstance(tensor, layers.KerasTensor)
    assert tensor.shape == (None, 28, None) and tensor.dtype == "uint8" and tensor.name == "image"
    assert repr(tensor) == "<KerasTensor shape=(None, 28, None), dtype=uint8, name=image>"
    assert layers.Input(batch_shape=(4, 2)).shape == (4, 2)
    layer = layers.InputLayer((3,), name="rows")
    assert layer.output.shape == layer.input.shape == (None, 3)
    assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    assert layers.Input(shape=3).shape == (None, 3)
    with pytest.raises(ArgumentError, match=r"give either shape"):
        layers.InputLayer()
    with pytest.raises(ArgumentError, match=r"a shape is a tuple of whole numbers"):
        layers.Input((2.5,))


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ({"ndim": 3}, (2, 3), "of rank 2; expected rank 3"),
        ({"max_ndim": 1}, (2, 3), "of rank 2; expected rank 1 or less.*Flatten or Reshape"),
        ({"shape": (None, 4)}, (2, 3), "whose axis 1 is 3; expected 4 there"),
        ({"axes": {0: 5}}, (2, 3), "whose axis 0 is 2; expected 5 there"),
    ],
)
def test_input_specs(spec: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    layer = layers.Identity()
    layer.input_spec = layers.InputSpec(**spec)
    with pytest.raises(ShapeError, match=message):
        layer(np.zeros(shape, "float32"))
