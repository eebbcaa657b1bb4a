from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ShapeError

X = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
AXES = [None, 0, -1, (0, 2), (1,)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "max", "min", "prod", "any", "all", "ptp"])
def test_reductions_follow_numpy(name, axis, agrees):
    agrees(lambda x: getattr(ops, name)(x, axis), [X], getattr(np, name)(X, axis))
    agrees(lambda x: getattr(ops, name)(x, axis, keepdims=True), [X], getattr(np, name)(X, axis, keepdims=True))


@pytest.mark.parametrize("name", ["sum", "mean", "var", "max"])
def test_reductions_over_an_open_batch(name, agrees):
    agrees(lambda x: getattr(ops, name)(x, 0), [X], getattr(np, name)(X, 0), open_batch=True)
    agrees(lambda x: getattr(ops, name)(x), [X], getattr(np, name)(X), open_batch=True)


@pytest.mark.parametrize("axis", [None, 0, 2])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places(name, axis, agrees):
    agrees(lambda x: getattr(ops, name)(x, axis), [X], getattr(np, name)(X, axis), dtype="int32")
    kept = getattr(np, name)(X, axis, keepdims=True)
    agrees(lambda x: getattr(ops, name)(x, axis, keepdims=True), [X], kept)


@pytest.mark.parametrize(
    "given, result", [("bool", "int32"), ("int8", "int32"), ("uint8", "uint32"), ("int64", "int64")]
)
def test_sums_of_narrow_integers_are_wider(given, result):
    total = ops.sum(np.ones(300).astype(given))
    assert (total.dtype, int(total)) == (result, 300)
    assert ops.mean(np.ones(3).astype(given)).dtype == "float32"


def test_half_floats_are_summed_in_float32():
    x = np.full(4096, 0.1, np.float16)
    assert abs(float(ops.sum(x)) - float(np.sum(x, dtype=np.float32))) < 0.3
    assert abs(float(ops.mean(x)) - 0.1) < 1e-4
    assert ops.sum(x).dtype == "float16"


def test_nothing_to_reduce():
    empty = np.zeros((0, 3), np.float32)
    np.testing.assert_array_equal(ops.sum(empty, 0).numpy(), [0, 0, 0])
    assert np.isnan(ops.mean(empty).numpy())
    np.testing.assert_array_equal(ops.max(empty, 0, initial=2.0).numpy(), [2, 2, 2])
    with pytest.raises(ShapeError):
        ops.max(empty, 0)


def test_initial_counts_as_an_element(agrees):
    agrees(lambda x: ops.max(x, 1, initial=1.0), [X], np.max(X, 1, initial=1.0))
    agrees(lambda x: ops.min(x, 1, initial=-1.0), [X], np.min(X, 1, initial=-1.0))


def test_average(agrees):
    w = np.arange(4, dtype=np.float32)
    agrees(lambda x, y: ops.average(x, 1, y), [X, w], np.average(X, 1, w))
    agrees(lambda x: ops.average(x, weights=x * 0 + 2), [X], np.average(X))


def test_count_nonzero(agrees):
    agrees(lambda x: ops.count_nonzero(x, 0), [np.array([[0, 1], [2, 3]])], [1, 2], dtype="int32")


@pytest.mark.parametrize("axis", AXES)
def test_logsumexp(axis, agrees):
    agrees(lambda x: ops.logsumexp(x, axis), [X], np.log(np.sum(np.exp(X), axis)))


def test_logsumexp_at_the_edges():
    x = np.array([[1e4, 1e4], [-np.inf, -np.inf], [-np.inf, 3.0]], np.float32)
    np.testing.assert_allclose(ops.logsumexp(x, -1).numpy(), [1e4 + np.log(2), -np.inf, 3.0], rtol=1e-6)


def test_running_sums_and_differences(agrees):
    agrees(lambda x: ops.cumsum(x, 1), [X], np.cumsum(X, 1))
    agrees(ops.cumsum, [X], np.cumsum(X), rtol=1e-4)
    agrees(lambda x: ops.diff(x, 2), [X], np.diff(X, 2), atol=1e-5)
    agrees(lambda x: ops.trapezoid(x, dx=0.5, axis=0), [X], np.trapezoid(X, dx=0.5, axis=0))
