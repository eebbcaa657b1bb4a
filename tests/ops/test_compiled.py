"""Composites compiled into one program agree with what they give at once, whatever the size of the batch."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.tensor import GradientTape, Tensor, Trace

FUNCTIONS = {
    "activations": lambda x, labels: [
        ops.relu(x), ops.gelu(x), ops.gelu(x, False), ops.silu(x), ops.mish(x), ops.elu(x), ops.selu(x),
        ops.softplus(x),
        ops.sigmoid(x), ops.log_sigmoid(x), ops.hard_silu(x), ops.softsign(x), ops.leaky_relu(x), ops.celu(x, 0.7),
    ],
    "softmax": lambda x, labels: [ops.softmax(x), ops.log_softmax(x), ops.softmax(x, 0), ops.logsumexp(x, 1)],
    "losses": lambda x, labels: [
        ops.sparse_categorical_crossentropy(labels, x, True),
        ops.categorical_crossentropy(ops.one_hot(labels, 5), ops.softmax(x)),
        ops.binary_crossentropy(ops.one_hot(labels, 5), x, True),
        ops.binary_crossentropy(ops.one_hot(labels, 5), ops.sigmoid(x)),
    ],
    "statistics": lambda x, labels: [
        ops.mean(x), ops.mean(x, 0), ops.var(x, 0), ops.std(x, 1), ops.max(x, 1), ops.argmax(x, -1), ops.sum(x),
        ops.layer_normalization(x, epsilon=1e-3), *ops.moments(x, 0), ops.norm(x), ops.normalize(x), ops.any(x > 2, 0),
        ops.count_nonzero(x > 0, 1), ops.cumsum(x, 1), ops.in_top_k(labels, x, 2),
    ],
    "shapes": lambda x, labels: [
        ops.reshape(x, (-1,)), ops.transpose(x), ops.concatenate([x, x * 2], 1), ops.pad(x, 1), ops.flip(x, 1),
        ops.roll(x, 1, 1), ops.tile(x, (2, 1)), ops.repeat(x, 2, 1), x[:, 1:-1], x[:, ::-2], ops.stack([x, x], 1),
        ops.take(x, [3, 0], axis=1), ops.one_hot(labels, 3), ops.expand_dims(x, 1) + 1, ops.tril(x),
    ],
    "products": lambda x, labels: [
        ops.einsum("bi,bj->bij", x, x), ops.matmul(x, np.ones((5, 3), np.float32)),
        ops.einsum("bi,ij->b", x, np.eye(5)),
        ops.tensordot(x, np.ones((5, 2), np.float32), 1),
    ],
    "functions": lambda x, labels: [
        ops.sinh(x), ops.arctan(x), ops.arcsinh(x), ops.erfinv(ops.tanh(x)), ops.logaddexp(x, -x), ops.cbrt(x),
        ops.mod(x, 0.7), ops.floor_divide(x, 0.7), ops.hypot(x, 2.0), ops.nan_to_num(x / 0), ops.round(x, 1),
        ops.sinc(x),
        ops.power(ops.abs(x), 1.7), ops.clip(x, -1, 1), ops.where(x > 0, x, labels[:, None]),
    ],
}  # fmt: skip


def data(rows):
    rng = np.random.default_rng(rows)
    return rng.standard_normal((rows, 5)).astype(np.float32), rng.integers(0, 5, rows)


def traced(function, batch):
    trace = Trace()
    with trace.stage("program"):
        return trace.finish(function(trace.input((batch, 5), "float32"), trace.input((batch,), "int64")))


def compare(run, function, rows):
    x, labels = data(rows)
    for found, expected in zip(run([x, labels]), function(Tensor(x), Tensor(labels)), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=2e-5, atol=2e-6)
        assert found.dtype == expected.numpy().dtype


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_sizes(name):
    compare(compile_graph(traced(FUNCTIONS[name], 7), interpret=False), FUNCTIONS[name], 7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_open_batch(name):
    run = compile_graph(traced(FUNCTIONS[name], Dim("batch")), interpret=False)
    for rows in (1, 6, 33):
        compare(run, FUNCTIONS[name], rows)


@pytest.mark.parametrize("name", ["activations", "softmax", "losses", "products"])
def test_gradients(name):
    def gradients(x, labels):
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            results = FUNCTIONS[name](x, labels)
        return [tape.gradient(r, x, ops.sin(r)) for r in results]

    run = compile_graph(traced(gradients, Dim("batch")), interpret=False)
    for rows in (3, 16):
        compare(run, gradients, rows)
