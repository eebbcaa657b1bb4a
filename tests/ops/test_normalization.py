"""Moments and normalisation: large means, half floats, axes and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import GradientTape, ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.normalization import folded_normalization, one_pass_normalization


def by_formula(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    x = x.astype("float64")
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


@pytest.mark.parametrize("middle", [0.0, 1e4])
def test_one_pass_is_the_formula(middle: float, agrees: Any, rng: Any) -> None:
    x = (rng.standard_normal((6, 3, 5, 4)) + middle).astype("float32")
    gamma, beta = rng.uniform(0.5, 2, (2, 4)).astype("float32")

    def normalised(t: Any, g: Any, b: Any) -> Any:
        return one_pass_normalization(ops.convert_to_tensor(t), (0, 1, 2), g, b, 1e-3)

    exact = x.astype("float64")
    mean, variance = (f(exact, (0, 1, 2), keepdims=True) for f in (np.mean, np.var))
    expected = by_formula(x, (0, 1, 2), 1e-3) * gamma + beta
    agrees(normalised, [x, gamma, beta], (expected, mean, variance), dtype="float32", rtol=2e-6, atol=5e-6)
    agrees(lambda t: normalised(t, gamma, beta)[0], [x], expected, rtol=2e-6, atol=5e-6, open_batch=True)


@pytest.mark.parametrize("middle", [0.0, 1e4])
def test_one_pass_gradient_does_not_cancel(middle: float, rng: Any) -> None:
    x = (rng.standard_normal((40, 3)) + middle).astype("float32")
    g = rng.standard_normal(x.shape)
    variable = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(variable)
        total = ops.sum(one_pass_normalization(variable, (0,), None, None, 1e-3)[0] * g.astype("float32"))
    normal, deviation = by_formula(x, (0,), 1e-3), np.sqrt(x.astype("float64").var(0) + 1e-3)
    expected = (g - g.mean(0) - normal * (g * normal).mean(0)) / deviation
    np.testing.assert_allclose(tape.gradient(total, variable).numpy(), expected, atol=2e-6)


def test_one_pass_of_equal_numbers_is_zero() -> None:
    x = ops.convert_to_tensor(np.full((5, 2), 1e4 / 3, "float32"))
    with GradientTape() as tape:
        tape.watch(x)
        result, mean, variance = one_pass_normalization(x, (0,), None, None, 1e-3)
    assert not result.numpy().any() and not variance.numpy().any()
    assert (mean.numpy() == np.float32(1e4 / 3)).all()
    assert np.isfinite(tape.gradient(result, x).numpy()).all()


def test_folded_normalization(agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((4, 3)).astype("float32")
    mean, variance, gamma, beta = rng.uniform(0.5, 2, (4, 3)).astype("float32")
    expected = (x - mean) / np.sqrt(variance + 0.1)
    agrees(lambda t: folded_normalization(t, *map(ops.convert_to_tensor, (mean, variance)), None, None, 0.1), [x],
           expected)  # fmt: skip
    agrees(lambda t: folded_normalization(t, *map(ops.convert_to_tensor, (mean, variance, gamma, beta)), 0.1), [x],
           expected * gamma + beta)  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
def test_moments_over_axes(axis: Any, agrees: Any, rng: Any) -> None:
    x = (rng.standard_normal((3, 4, 5)) + 1e4).astype("float32")
    exact = x.astype("float64")
    agrees(lambda t: ops.moments(t, axis), [x], (exact.mean(axis), exact.var(axis)), rtol=1e-5)
    kept = (exact.mean(axis, keepdims=True), exact.var(axis, keepdims=True))
    agrees(lambda t: ops.moments(t, axis, keepdims=True, synchronized=True), [x], kept, rtol=1e-5)


def test_moments_of_half_floats_stay_in_their_range() -> None:
    mean, variance = ops.moments(np.array([-6e4, 6e4], "float16"), 0)
    assert (mean.dtype, variance.dtype) == ("float16", "float16")
    assert (float(mean), float(variance)) == (0, 65504)


def test_normalize_over_several_axes(agrees: Any, rng: Any) -> None:
    x = rng.standard_normal((3, 4, 5)).astype("float32")
    agrees(lambda t: ops.normalize(t, (0, 2)), [x], x / np.sqrt((x * x).sum((0, 2), keepdims=True)))
    agrees(lambda t: ops.normalize(t, None), [x], x / np.sqrt((x * x).sum()))
    agrees(ops.normalize, [np.zeros((2, 3), "float16")], np.zeros((2, 3)), dtype="float16")
    with pytest.raises(ArgumentError, match="order must be a number of at least 1. Received: 0"):
        ops.normalize(x, order=0)


def test_scaling_without_the_mean(agrees: Any, rng: Any) -> None:
    x, gamma = (rng.standard_normal((4, 6)) + 3).astype("float32"), np.arange(6, dtype="float32")
    expected = x / np.sqrt(x.var(1, keepdims=True) + 1e-3) * gamma
    agrees(lambda t: ops.layer_normalization(t, gamma, gamma, epsilon=1e-3, rms_scaling=True), [x], expected, atol=1e-5)


@pytest.mark.parametrize("axis", [1, -3, (1, 2), [-1, 1]])
def test_layer_and_rms_normalization_along_axes(axis: Any, agrees: Any, rng: Any) -> None:
    x = (rng.standard_normal((2, 3, 4, 5)) + 2).astype("float32")
    axes = tuple(sorted(a % 4 for a in ([axis] if isinstance(axis, int) else axis)))
    gamma = rng.standard_normal([x.shape[a] for a in axes]).astype("float32")
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    wide = gamma.reshape(shape)
    agrees(lambda t: ops.layer_normalization(t, gamma, gamma, axis, 1e-3), [x],
           by_formula(x, axes, 1e-3) * wide + wide, atol=1e-5)  # fmt: skip
    expected = x / np.sqrt((x * x).mean(axes, keepdims=True) + 1e-3) * wide
    agrees(lambda t: ops.rms_normalization(t, gamma, axis, 1e-3), [x], expected, atol=1e-5)


def test_vectors_of_the_wrong_rank() -> None:
    x, matrix = np.ones((2, 3, 4), "float32"), np.ones((3, 4), "float32")
    with pytest.raises(ShapeError, match=r"an axis for each of axis=-1 of x.*Received: shape \(3, 4\)"):
        ops.layer_normalization(x, matrix)
    with pytest.raises(ShapeError, match=r"axis=1 of x.*Received: shape \(3, 4\)"):
        ops.batch_normalization(x, matrix, matrix, 1)
