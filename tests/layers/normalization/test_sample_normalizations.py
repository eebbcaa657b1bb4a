"""Layers that normalise each sample by itself: layer, group, unit and root-mean-square normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.normalization import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from tests.golden.reference import run_traced

SHAPE = (3, 4, 5, 6)


def by_formula(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    x = x.astype("float64")
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)


@pytest.mark.parametrize(
    ("axis", "axes"), [(-1, (3,)), (1, (1,)), ([1, 2, 3], (1, 2, 3)), ((-1, -2), (2, 3)), ([-1, 1], (1, 3))]
)
def test_layer_normalization(axis: Any, axes: tuple[int, ...], executor: str, rng: Any) -> None:
    x = (rng.standard_normal(SHAPE) + 2).astype("float32")
    layer = LayerNormalization(axis=axis)
    layer.build(SHAPE)
    sizes = tuple(SHAPE[a] for a in axes)
    gamma, beta = rng.uniform(0.5, 2, (2, *sizes)).astype("float32")
    layer.set_weights([gamma, beta])
    (result,) = run_traced(layer, x)
    wide = [n if i in axes else 1 for i, n in enumerate(SHAPE)]
    np.testing.assert_allclose(result, by_formula(x, axes) * gamma.reshape(wide) + beta.reshape(wide), atol=2e-5)


def test_layer_normalization_of_large_means(rng: Any) -> None:
    x = (rng.standard_normal((8, 50)) + 1e4).astype("float32")
    np.testing.assert_allclose(LayerNormalization()(x).numpy(), by_formula(x, (1,)), atol=3e-3)


def test_layer_normalization_without_the_mean(rng: Any) -> None:
    x = (rng.standard_normal((8, 5)) + 1).astype("float32")
    with pytest.warns(UserWarning, match="Use RMSNormalization"):
        layer = LayerNormalization(rms_scaling=True)
    expected = x / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-5)
    assert [w.name for w in layer.weights] == ["gamma"]


@pytest.mark.parametrize(("groups", "axis"), [(3, -1), (-1, -1), (1, 3), (2, 1), (5, -2)])
@pytest.mark.parametrize("middle", [0.0, 1e4])
def test_group_normalization(groups: int, axis: int, middle: float, executor: str, rng: Any) -> None:
    x = (rng.standard_normal(SHAPE) + middle).astype("float32")
    layer = GroupNormalization(groups, axis)
    layer.build(SHAPE)
    channels = SHAPE[axis]
    gamma, beta = rng.uniform(0.5, 2, (2, channels)).astype("float32")
    layer.set_weights([gamma, beta])
    (result,) = run_traced(layer, x)
    last = np.moveaxis(x, axis, -1)
    count = channels if groups == -1 else groups
    grouped = last.reshape(3, -1, count, channels // count)
    expected = by_formula(grouped, (1, 3)).reshape(last.shape) * gamma + beta
    np.testing.assert_allclose(np.moveaxis(result, axis, -1), expected, atol=2e-5)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], (-1, 1)])
def test_unit_normalization(axis: Any, executor: str, rng: Any) -> None:
    x = rng.standard_normal(SHAPE).astype("float32")
    x[0] = 0
    (result,) = run_traced(UnitNormalization(axis=axis), x)
    lengths = np.sqrt((x * x).sum(axis if isinstance(axis, int) else tuple(axis), keepdims=True))
    np.testing.assert_allclose(result, x / np.where(lengths == 0, 1, lengths), rtol=1e-5)


@pytest.mark.parametrize(("axis", "axes"), [(-1, (3,)), ([2, 1], (1, 2)), ((-1, -2), (2, 3))])
def test_rms_normalization(axis: Any, axes: tuple[int, ...], executor: str, rng: Any) -> None:
    x = rng.standard_normal(SHAPE).astype("float32")
    layer = RMSNormalization(axis=axis)
    layer.build(SHAPE)
    scale = rng.uniform(0.5, 2, tuple(SHAPE[a] for a in axes)).astype("float32")
    layer.set_weights([scale])
    (result,) = run_traced(layer, x)
    wide = scale.reshape([n if i in axes else 1 for i, n in enumerate(SHAPE)])
    np.testing.assert_allclose(result, x / np.sqrt((x * x).mean(axes, keepdims=True) + 1e-6) * wide, rtol=1e-5)


LAYERS = [
    LayerNormalization(axis=[1, 2], epsilon=0.1, beta_regularizer="l2"),
    GroupNormalization(groups=2, axis=1, scale=False),
    UnitNormalization(axis=[1, 2]),
    RMSNormalization(axis=2, epsilon=0.1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_config_round_trip(layer: Any) -> None:
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert again.compute_output_shape((None, 4, 6)) == (None, 4, 6)
    assert again(np.ones((2, 4, 6), "float32")).shape == (2, 4, 6)
    assert again.supports_masking


@pytest.mark.parametrize("kind", [LayerNormalization, lambda **k: GroupNormalization(3, **k), RMSNormalization])
def test_half_floats_are_computed_wide(kind: Any, rng: Any) -> None:
    x = (rng.standard_normal((4, 6)) * 500).astype("float16")
    result = kind(dtype="float16")(x)
    assert result.dtype == "float16" and np.isfinite(result.numpy()).all()
    np.testing.assert_allclose(result.numpy(), kind()(x.astype("float32")).numpy(), atol=2e-3)


@pytest.mark.parametrize(
    "make", [LayerNormalization, lambda: GroupNormalization(2), UnitNormalization, RMSNormalization]
)
def test_fit(make: Any, rng: Any) -> None:
    x = rng.standard_normal((64, 4)).astype("float32")
    model = models.Sequential([make(), layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    losses = model.fit(x, np.sign(x[:, :1]), batch_size=16, epochs=5, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(x, verbose=0).shape == (64, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerNormalization(axis="last"), "axis must be a whole number or a list of them.*'last'"),
        (lambda: LayerNormalization(axis=[]), r"axis must be a whole number or a list of them.*\[\]"),
        (lambda: UnitNormalization(axis=0.5), "axis must be a whole number or a list of them.*0.5"),
        (lambda: RMSNormalization(epsilon="a"), "epsilon must be a number of at least 0.*'a'"),
        (lambda: GroupNormalization(0), "groups must be a whole number of at least 1, or -1.*0"),
        (lambda: GroupNormalization(2, axis=[1, 2]), r"axis must be one whole number.*\[1, 2\]"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_wrong_inputs() -> None:
    x = np.zeros((2, 3, 6), "float32")
    with pytest.raises(ShapeError, match="groups=4 must divide the number of channels. Received: 6 channels"):
        GroupNormalization(4)(x)
    with pytest.raises(ShapeError, match="axis 0 is the batch"):
        GroupNormalization(2, axis=0)(x)
    for layer in (LayerNormalization(axis=[1, -2]), UnitNormalization(axis=[1, 1]), RMSNormalization(axis=3)):
        with pytest.raises(ShapeError, match="does not name different axes of an input of rank 3"):
            layer(x)
    with pytest.raises(ShapeError, match="size of axis 1 must be known"):
        LayerNormalization(axis=1).build((None, None, 6))
