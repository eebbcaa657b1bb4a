"""Standardizing: its gradient, which is told from its result, is that of the formula; errors."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import ops
from lamina.base.errors import DTypeError, ShapeError
from lamina.graph import input_node
from lamina.primitives import standardize


def by_formula(x, axis, epsilon):
    apart = x - ops.mean(x, axis, keepdims=True)
    return apart * ops.rsqrt(ops.mean(apart * apart, axis, keepdims=True) + epsilon)


@pytest.mark.usefixtures("executor")
@pytest.mark.parametrize("axis", [-1, 0, (0, 2), (1, 2)])
def test_gradient_is_that_of_the_formula(axis, rng):
    x, weights = rng.normal(size=(2, 4, 3, 5))

    def gradient(function):
        def run(t):
            with lamina.GradientTape() as tape:
                tape.watch(t)
                total = ops.sum(function(t) * weights)
            return tape.gradient(total, t)

        return np.asarray(lamina.function(run)(ops.convert_to_tensor(x)))

    found = gradient(lambda t: ops.layer_normalization(t, axis=axis, epsilon=1e-3))
    np.testing.assert_allclose(found, gradient(lambda t: by_formula(t, axis, 1e-3)), rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("executor")
def test_gradient_does_not_suffer_from_a_large_mean(rng):
    x = rng.normal(size=(4, 64)) + 1000
    weights = rng.normal(size=(4, 64))

    def run(t):
        with lamina.GradientTape() as tape:
            tape.watch(t)
            total = ops.sum(ops.layer_normalization(t, epsilon=1e-3) * ops.cast(weights, t.dtype))
        return tape.gradient(total, t)

    found = np.asarray(lamina.function(run)(ops.convert_to_tensor(x, "float32")))
    right = np.asarray(lamina.function(run)(ops.convert_to_tensor(x.astype("float32"), "float64")))
    np.testing.assert_allclose(found, right, atol=1e-4)


def test_errors():
    with pytest.raises(DTypeError, match=r"standardize: x must be float32 or float64.*Cast it first"):
        standardize(input_node((2, 3), "float16"), (1,), 1e-3)
    with pytest.raises(ShapeError, match=r"standardize: axes must name at least one axis"):
        standardize(input_node((2, 3), "float32"), (), 1e-3)
    with pytest.raises(ShapeError, match=r"standardize: axis must be an int from 0"):
        standardize(input_node((2, 3), "float32"), (2,), 1e-3)
