"""Attention as an operation, and masks by length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import ops
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import GradientTape, Trace, Variable
from tests.golden.digests import fill

Q, K, V = fill((2, 5, 4, 3), 0.1), fill((2, 7, 4, 3), 0.2), fill((2, 7, 4, 6), 0.3)


def formula(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: Any = 0.0, mask: Any = True, scale: float | None = None
) -> np.ndarray:
    groups = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, groups, 2), np.repeat(v, groups, 2)
    scores = np.einsum("bthd,bshd->bhts", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale) + bias
    scores = np.where(mask, scores, -1e30)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhts,bshd->bthd", powers / powers.sum(-1, keepdims=True), v)


@pytest.mark.parametrize("heads", [4, 2, 1])
@pytest.mark.parametrize(
    "options",
    [{}, {"scale": 0.3}, {"bias": fill((2, 4, 5, 7), 0.5)}, {"bias": fill((5, 7), 0.6)},
     {"bias": fill((1, 1, 5, 7), 0.7)}, {"mask": fill((2, 4, 5, 7), 0.8) > -0.5},
     {"mask": fill((2, 1, 1, 7), 0.9) > -0.5}],
)  # fmt: skip
def test_by_the_formula(agrees: Any, heads: int, options: Any) -> None:
    k, v = K[:, :, :heads], V[:, :, :heads]
    expected = formula(Q, k, v, **options)
    agrees(lambda *a: ops.dot_product_attention(*a, **options), [Q, k, v], expected, rtol=1e-4, atol=1e-5)
    assert ops.nn.dot_product_attention is ops.dot_product_attention


def test_causal_alone_and_with_a_mask(agrees: Any) -> None:
    causal = np.arange(7) <= np.arange(5)[:, None]
    mask = (fill((2, 1, 5, 7), 0.8) > -0.5) | (np.arange(7) == 0)
    agrees(
        lambda *a: ops.dot_product_attention(*a, is_causal=True),
        [Q, K, V], formula(Q, K, V, mask=causal), rtol=1e-4, atol=1e-5, open_batch=True,
    )  # fmt: skip
    agrees(
        lambda *a: ops.dot_product_attention(*a[:3], mask=a[3], is_causal=True),
        [Q, K, V, mask], formula(Q, K, V, mask=causal & mask), rtol=1e-4, atol=1e-5, open_batch=True,
    )  # fmt: skip


def test_a_target_without_sources_gets_their_mean() -> None:
    y = ops.dot_product_attention(Q, K, V, mask=np.zeros((1, 1, 5, 7), bool))
    np.testing.assert_allclose(y, np.broadcast_to(V.mean(1, keepdims=True), y.shape), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats_are_weighed_in_float32(dtype: str) -> None:
    half = [ops.cast(a, dtype) for a in (Q, K, V)]
    y = ops.dot_product_attention(*half, is_causal=True)
    assert y.dtype == dtype
    exact = formula(*[np.asarray(h, "float32") for h in half], mask=np.arange(7) <= np.arange(5)[:, None])
    np.testing.assert_allclose(np.asarray(y, "float32"), exact, atol=0.02)


def test_gradients_by_differences() -> None:
    inputs = [Variable(a.astype("float64")) for a in (Q[:1, :3, :2], K[:1, :4, :1], V[:1, :4, :1])]
    weights = fill((1, 3, 2, 6), 0.4).astype("float64")

    def loss() -> Any:
        return ops.sum(ops.dot_product_attention(*inputs, is_causal=True) * weights)

    with GradientTape() as tape:
        value = loss()
    for variable, gradient in zip(inputs, tape.gradient(value, inputs), strict=True):
        start = variable.numpy().copy()
        for place in list(np.ndindex(start.shape))[::5]:
            sides = []
            for step in (1e-5, -1e-5):
                moved = start.copy()
                moved[place] += step
                variable.assign(moved)
                sides.append(float(loss()))
            variable.assign(start)
            assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(float(np.asarray(gradient)[place]), abs=1e-7)


@pytest.mark.parametrize(
    ("arrays", "options", "kind", "message"),
    [
        ((Q[0], K, V), {}, ShapeError, "expected query, key and value of rank 4"),
        ((Q, K, V[:, :6]), {}, ShapeError, "key and value must agree in batch, steps and heads"),
        ((Q[..., :2], K, V), {}, ShapeError, "query and key must have the same last axis"),
        ((Q, K[:, :, :3], V[:, :, :3]), {}, ShapeError, "must be a multiple of those of the key"),
        ((Q, K, V), {"attn_logits_soft_cap": 2.0}, ArgumentError, "attn_logits_soft_cap is not supported"),
    ],
)
def test_what_cannot_be(arrays: Any, options: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        ops.dot_product_attention(*arrays, **options)


def test_masks_by_length() -> None:
    expected = np.array([[True, False, False], [True, True, True], [False] * 3])
    np.testing.assert_array_equal(ops.sequence_mask([1, 3, 0]), expected)
    np.testing.assert_array_equal(ops.sequence_mask([1, 3, 0], 2), expected[:, :2])
    weights = ops.sequence_mask(np.array([[1], [2]]), maxlen=3, dtype="float32")
    assert weights.dtype == "float32" and weights.shape == (2, 1, 3)
    np.testing.assert_array_equal(weights, [[[1, 0, 0]], [[1, 1, 0]]])
    assert ops.sequence_mask(np.zeros((0,), int)).shape == (0, 0)
    with pytest.raises(ArgumentError, match="lengths must be whole numbers"):
        ops.sequence_mask([1.0, 2.0])


def test_masks_by_length_while_tracing() -> None:
    trace = Trace()
    with trace.stage("test"):
        lengths = trace.input((Dim("batch"),), "int32")
        assert ops.sequence_mask(lengths, Dim("steps")).shape == (None, None)
        assert ops.sequence_mask(lengths, 4).shape == (None, 4)
        with pytest.raises(ArgumentError, match="maxlen is needed"):
            ops.sequence_mask(lengths)
