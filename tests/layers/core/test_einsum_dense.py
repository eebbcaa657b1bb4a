"""Dense layers by equation: Keras' numbers, sizes that are filled in, spread of the kernel, what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import initializers, layers, models
from lamina.base.errors import ArgumentError, ShapeError
from lamina.random import set_random_seed
from tests.golden.digests import fill
from tests.layers import sequences

CASES = sequences.cases("EinsumDense")
X = fill((2, 5, 8), 0.4)


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


@pytest.mark.parametrize("case", CASES, ids=sequences.label)
def test_as_in_keras(case: Any) -> None:
    sequences.check_description(case)
    sequences.check_values(case)
    sequences.check_traced(case)


def test_is_dense_where_the_equation_says_so() -> None:
    dense, layer = layers.Dense(3), layers.EinsumDense("...x,xy->...y", 3, bias_axes="y")
    expected = dense(X)
    layer.build(X.shape)
    layer.set_weights(dense.get_weights())
    np.testing.assert_allclose(layer(X), expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, None, 8)) == (None, None, 3)
    assert layers.EinsumDense("abc,cd->abd", (None, 3)).compute_output_shape((None, 5, 8)) == (None, 5, 3)


@pytest.mark.parametrize(
    ("equation", "output", "inputs", "outputs"),
    [("abc,cde->abde", (None, 16, 4), 8, 64), ("abde,dec->abc", (None, 6), 32, 6)],
)
def test_spread_of_the_kernel_counts_inputs_and_outputs(equation: str, output: Any, inputs: int, outputs: int) -> None:
    layer = layers.EinsumDense(equation, output)
    layer.build((2, 5, 8) if inputs == 8 else (2, 5, 4, 8))
    most = np.sqrt(6 / (inputs + outputs))
    kernel = np.asarray(layer.kernel)
    assert 0.9 * most < np.abs(kernel).max() <= most
    assert len(np.unique(kernel)) > 0.99 * kernel.size


def test_any_initializer() -> None:
    table = fill((8, 3), 0.2)
    for given in (initializers.Constant(2.0), "ones", lambda shape, dtype=None: table):
        layer = layers.EinsumDense("ab,bc->ac", 3, kernel_initializer=given)
        layer.build((None, 8))
        assert layer.kernel.shape == (8, 3)


def test_fit(executor: str) -> None:
    model = models.Sequential([
        layers.Input((5, 8)), layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="tanh"),
        layers.EinsumDense("abde,def->abf", (None, 1), bias_axes="f"),
    ])  # fmt: skip
    model.compile("sgd", loss="mse")
    x = fill((8, 5, 8), 0.3)
    history = model.fit(x, x[..., :1], epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: layers.EinsumDense("ab,bc,ac", 3)(X[0]), ArgumentError, "the equation must have the form"),
        (lambda: layers.EinsumDense("...ab,bc->ac...", 3)(X), ArgumentError, "the equation must have the form"),
        (lambda: layers.EinsumDense("ab,bc->ad", 3)(X[0]), ArgumentError, "axis 'd' of the equation .* has no size"),
        (lambda: layers.EinsumDense("ab,bcd->ac", 3)(X[0]), ArgumentError, "axis 'd' of the equation .* has no size"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="b")(X[0]), ArgumentError, "bias_axes must be letters"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3)(X), ShapeError, "is for inputs of rank 2"),
        (lambda: layers.EinsumDense("abc,cd->abd", 3)(X), ShapeError, "output_shape must have 2 sizes"),
        (lambda: layers.EinsumDense("abc,cd->abd", (4, 3))(X), ShapeError, "axis 'b' .* is 5 in the input and 4"),
        (lambda: layers.EinsumDense("abc,cd->abd", (None, None))(X), ShapeError, "size of axis 'd' .* must be known"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3, lora_rank=2), ArgumentError, "low-rank adaptation"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
