"""Attention in which no target sees a later source: only the half of its products that counts is formed."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import ops
from lamina.base.config import config
from lamina.tensor import TensorSpec


def attention(query, key, value, keep=None, none_is_zero=False):
    """The attended values and the gradients of a sum of their squares."""
    from lamina.ops.attention import attend

    with lamina.GradientTape() as tape:
        tape.watch([query, key, value])
        result = attend(query, key, value, mask=keep, is_causal=True, none_is_zero=none_is_zero)
        loss = ops.sum(result * result)
    return [result, *tape.gradient(loss, [query, key, value])]


def given(rng, targets, sources, size=8):
    shapes = [(2, targets, 3, size), (2, sources, 3, size), (2, sources, 3, size)]
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def agree(function, arrays):
    results = []
    for threads in (1, 2):
        config.threads = threads
        results.append([np.asarray(t) for t in function(*arrays)])
    for one, other in zip(*results):
        np.testing.assert_array_equal(one, other)
    wanted = attention(*(ops.convert_to_tensor(a) for a in arrays))
    for one, other in zip(results[0], wanted):
        np.testing.assert_allclose(one, np.asarray(other), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("targets", "sources"), [(1, 1), (5, 5), (32, 32), (37, 37), (64, 64), (96, 32), (32, 96), (13, 7)]
)
def test_known_lengths(targets, sources, rng):
    agree(lamina.function(attention), given(rng, targets, sources))


def to_itself(x):
    return attention(x[..., :8], x[..., 8:16], x[..., 16:])


def test_open_lengths(rng):
    function = lamina.function(to_itself, input_signature=[TensorSpec((None, None, 3, 24), "float32")])
    for length in (1, 12, 33, 64):
        x = given(rng, length, length, 24)[0]
        for one, other in zip(function(x), to_itself(ops.convert_to_tensor(x))):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("none_is_zero", [False, True])
def test_with_another_mask_some_rows_of_which_are_empty(none_is_zero, rng):
    arrays = given(rng, 64, 64)
    keep = rng.random((2, 1, 64, 64)) < 0.5
    keep[0, :, 3] = keep[1, :, :, 0] = False

    def masked(query, key, value, keep):
        return attention(query, key, value, keep, none_is_zero)

    found = lamina.function(masked)(*arrays, keep)
    wanted = masked(*(ops.convert_to_tensor(a) for a in (*arrays, keep)))
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-4, atol=2e-5)


def test_half_of_the_products_is_formed(rng):
    shares = lamina.debug.kernels(attention, *given(rng, 64, 64))
    assert "min(" in shares.split("multiply<", 1)[0]
