from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import IndexRangeError, TraceError
from lamina.tensor import Trace

X = np.array([[1.0, np.nan, 3.0], [np.nan, -2.0, 0.5]], np.float32)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"])
def test_nan_is_skipped(name, axis, agrees):
    agrees(lambda x: getattr(ops, name)(x, axis), [X], getattr(np, name)(X, axis))
    agrees(lambda x: getattr(ops, name)(x, axis, keepdims=True), [X], getattr(np, name)(X, axis, keepdims=True))


def test_nothing_but_nan():
    nothing = np.full(3, np.nan, np.float32)
    assert float(ops.nansum(nothing)) == 0
    assert np.isnan(float(ops.nanmean(nothing))) and np.isnan(float(ops.nanmax(nothing)))


def test_running_sums_skip_nan(agrees):
    agrees(lambda x: ops.nancumsum(x, 1), [X], np.nancumsum(X, 1))


def test_bincount(agrees):
    x = np.array([1, 3, 1, 0])
    agrees(lambda v: ops.bincount(v, minlength=6), [x], np.bincount(x, minlength=6), dtype="int32")
    w = np.array([0.5, 1, 2, 4], np.float32)
    agrees(lambda v, u: ops.bincount(v, u, 4), [x, w], np.bincount(x, w))
    agrees(lambda v: ops.bincount(v, minlength=4), [np.stack([x, x])], np.stack([np.bincount(x)] * 2))
    assert ops.bincount(x).shape == (4,)
    with pytest.raises(IndexRangeError):
        ops.bincount([-1, 2])
    with Trace().stage("count") as trace, pytest.raises(TraceError, match="minlength"):
        ops.bincount(trace.input((3,), "int64"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_and_digitize(side, agrees):
    bounds, values = np.array([0.0, 1.0, 1.0, 2.5], np.float32), np.array([[-1, 0, 1], [2, 2.5, 9]], np.float32)
    agrees(lambda b, v: ops.searchsorted(b, v, side), [bounds, values], np.searchsorted(bounds, values, side))
    agrees(ops.digitize, [values, bounds], np.digitize(values, bounds))


def test_corrcoef_and_geomspace(agrees):
    x = np.random.default_rng(0).standard_normal((3, 9)).astype(np.float32)
    agrees(ops.corrcoef, [x], np.corrcoef(x))
    np.testing.assert_allclose(ops.geomspace(1.0, 1000.0, 4), [1, 10, 100, 1000], rtol=1e-5)
