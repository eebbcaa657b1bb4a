from __future__ import annotations

import math

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import IndexRangeError, ShapeError
from lamina.tensor import GradientTape

X = np.array([[-30.0, -2.5, -0.6, -0.1], [0.0, 0.3, 1.7, 30.0]], np.float32)
D = X.astype(np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


NORMAL = np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))
SOFTPLUS = np.logaddexp(D, 0)
SELU = 1.0507009873554805 * np.where(D > 0, D, 1.6732632423543772 * np.expm1(D))
EXPECTED = {
    "relu": np.maximum(D, 0), "relu6": np.clip(D, 0, 6), "leaky_relu": np.where(D > 0, D, 0.2 * D),
    "elu": np.where(D > 0, D, np.expm1(D)), "celu": np.where(D > 0, D, np.expm1(D)), "selu": SELU,
    "gelu": 0.5 * D * (1 + np.tanh(math.sqrt(2 / math.pi) * (D + 0.044715 * D**3))), "silu": D * sigmoid(D),
    "swish": D * sigmoid(D), "sigmoid": sigmoid(D), "log_sigmoid": -np.logaddexp(-D, 0), "softplus": SOFTPLUS,
    "hard_sigmoid": np.clip(D / 6 + 0.5, 0, 1), "hard_silu": D * np.clip(D / 6 + 0.5, 0, 1),
    "softsign": D / (1 + abs(D)),
    "mish": D * np.tanh(SOFTPLUS), "exponential": np.exp(D), "softmax": softmax(D), "log_softmax": np.log(softmax(D)),
    "hard_tanh": np.clip(D, -1, 1), "hard_shrink": np.where(abs(D) > 0.5, D, 0), "tanh_shrink": D - np.tanh(D),
    "soft_shrink": np.sign(D) * np.maximum(abs(D) - 0.5, 0), "squareplus": (D + np.sqrt(D * D + 4)) / 2,
    "sparse_plus": np.where(D <= -1, 0, np.where(D < 1, (D + 1) ** 2 / 4, D)),
    "sparse_sigmoid": np.clip((D + 1) / 2, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_activations(name, agrees):
    agrees(getattr(ops, name), [X], EXPECTED[name], dtype="float32", rtol=2e-5, atol=2e-7)


def test_activations_with_settings(agrees):
    agrees(lambda x: ops.gelu(x, approximate=False), [X], D * NORMAL(D), atol=1e-6)
    agrees(lambda x: ops.elu(x, 0.5), [X], np.where(D > 0, D, 0.5 * np.expm1(D)))
    agrees(lambda x: ops.leaky_relu(x, 0.1), [X], np.where(D > 0, D, 0.1 * D))
    agrees(lambda x: ops.softmax(x, axis=0), [X], softmax(D, 0))
    agrees(lambda x: ops.softmax(x, axis=(0, 1)), [X], softmax(D.ravel()).reshape(D.shape))
    agrees(lambda x: ops.glu(x), [X], D[:, :2] * sigmoid(D[:, 2:]))
    agrees(lambda x: ops.threshold(x, 0.5, -1.0), [X], np.where(D > 0.5, D, -1))


def test_large_numbers_do_not_overflow():
    x = np.array([-1e4, 1e4], np.float32)
    for name in ("sigmoid", "softplus", "log_sigmoid", "softmax", "log_softmax", "silu", "mish", "elu", "selu"):
        assert np.isfinite(getattr(ops, name)(x).numpy()).all(), name


def test_half_floats_keep_their_dtype():
    x = X.astype(np.float16)
    for name in ("softmax", "gelu", "sigmoid", "log_softmax"):
        result = getattr(ops, name)(x)
        assert result.dtype == "float16"
        np.testing.assert_allclose(result.numpy(), EXPECTED[name], rtol=5e-3, atol=5e-3)


def test_sparsemax(agrees):
    x = np.array([[0.5, 0.2, -1.0], [3.0, 0.0, 0.0], [0.1, 0.1, 0.1]], np.float32)
    agrees(ops.sparsemax, [x], [[0.65, 0.35, 0], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


LABELS = np.array([2, 0, 1])
LOGITS = np.array([[1.0, -2.0, 0.5], [30.0, 0.0, -30.0], [0.1, 0.2, 0.3]], np.float32)
LOGS = np.log(softmax(LOGITS.astype(np.float64)))
EXACT = -LOGS[np.arange(3), LABELS]


def test_categorical_crossentropy(agrees):
    hot = np.eye(3, dtype=np.float32)[LABELS]
    agrees(lambda t, x: ops.categorical_crossentropy(t, x, True), [hot, LOGITS], EXACT)
    probabilities = softmax(LOGITS)
    agrees(lambda t, x: ops.categorical_crossentropy(t, 3 * x), [hot, probabilities], EXACT, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_sparse_categorical_crossentropy(shape, agrees):
    labels = LABELS.reshape(shape)
    agrees(lambda t, x: ops.sparse_categorical_crossentropy(t, x, True), [labels, LOGITS], EXACT)
    agrees(ops.sparse_categorical_crossentropy, [labels, softmax(LOGITS)], EXACT, atol=1e-6)


def test_sparse_crossentropy_along_another_axis(agrees):
    agrees(lambda t, x: ops.sparse_categorical_crossentropy(t, x, True, 0), [LABELS, LOGITS.T], EXACT)


def test_labels_out_of_range_are_caught():
    with pytest.raises(IndexRangeError, match="labels must lie from 0 to 2, as output has 3 classes. Received: 3"):
        ops.sparse_categorical_crossentropy([0, 3, 1], LOGITS, True)
    with pytest.raises(ShapeError, match="Use|use"):
        ops.sparse_categorical_crossentropy(np.eye(3), LOGITS, True)


def test_binary_crossentropy(agrees):
    target = np.array([0.0, 1.0, 1.0, 0.3], np.float32)
    logits = np.array([-40.0, 2.0, -50.0, 0.5], np.float32)
    z = logits.astype(np.float64)
    exact = np.logaddexp(z, 0) - z * target
    agrees(lambda t, x: ops.binary_crossentropy(t, x, True), [target, logits], exact)
    p = np.array([0.1, 0.9, 0.5, 0.3], np.float32)
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    agrees(ops.binary_crossentropy, [target, p], expected)
    assert np.isfinite(ops.binary_crossentropy([0.0, 1.0], np.array([1.0, 0.0], np.float32)).numpy()).all()
    with pytest.raises(ShapeError, match="must have one shape"):
        ops.binary_crossentropy(target, logits[:2])


def test_gradients_of_binary_crossentropy_and_softplus_at_zero_logits(agrees):
    """Where a network begins whose last weights are zeros: between the gradients on both sides."""

    def gradient(function):
        def run(x):
            x = ops.convert_to_tensor(x)
            with GradientTape() as tape:
                tape.watch(x)
                total = ops.sum(function(x))
            return tape.gradient(total, x)

        return run

    logits = np.array([0.0, 0.0, -3.0, 3.0], np.float32)
    target = np.array([0.0, 1.0, 1.0, 0.0], np.float32)
    slope = 1 / (1 + np.exp(-logits))
    agrees(gradient(lambda x: ops.binary_crossentropy(target, x, True)), [logits], slope - target)
    agrees(gradient(ops.softplus), [logits], slope)


def test_moments_and_normalisation(agrees):
    x = np.random.default_rng(3).standard_normal((4, 6)).astype(np.float32)
    mean, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    agrees(lambda v: ops.moments(v, 0), [x], (x.mean(0), x.var(0)), open_batch=True)
    agrees(lambda v: ops.moments(v, (0, 1), True), [x], (x.mean(keepdims=True), x.var(keepdims=True)))
    agrees(lambda v: ops.normalize(v, 1), [x], x / np.linalg.norm(x, axis=1, keepdims=True))
    agrees(lambda v: ops.normalize(v, 0, order=1), [x], x / np.abs(x).sum(0))
    agrees(lambda v: ops.layer_normalization(v, epsilon=1e-3), [x], (x - mean) / np.sqrt(var + 1e-3), atol=1e-5)
    scale = np.arange(6, dtype=np.float32)
    agrees(lambda v, s: ops.layer_normalization(v, s, s, epsilon=1e-3), [x, scale],
           (x - mean) / np.sqrt(var + 1e-3) * scale + scale, atol=1e-5)  # fmt: skip
    agrees(lambda v, s: ops.rms_normalization(v, s, epsilon=0.0), [x, scale],
           x / np.sqrt((x * x).mean(1, keepdims=True)) * scale, atol=1e-5)  # fmt: skip
    agrees(lambda v: ops.batch_normalization(v, x.mean(0), x.var(0), 1, scale, scale, 0.01), [x],
           (x - x.mean(0)) / np.sqrt(x.var(0) + 0.01) * scale + scale, atol=1e-5)  # fmt: skip
