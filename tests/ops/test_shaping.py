from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import Trace

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
V = np.arange(5, dtype=np.float32)


@pytest.mark.parametrize(
    "name, args",
    [
        ("reshape", ((4, 6),)), ("reshape", ((-1, 2),)), ("reshape", (-1,)), ("ravel", ()), ("transpose", ()),
        ("transpose", ((1, 2, 0),)), ("swapaxes", (0, -1)), ("moveaxis", (0, 2)), ("moveaxis", ((0, 1), (-1, 0))),
        ("expand_dims", (1,)), ("expand_dims", ((0, -1),)), ("broadcast_to", ((5, 2, 3, 4),)), ("flip", ()),
        ("flip", (1,)), ("flip", ((0, 2),)), ("fliplr", ()), ("flipud", ()), ("roll", (5,)), ("roll", (2, 1)),
        ("roll", ((1, -1), (0, 2))), ("tile", (2,)), ("tile", ((2, 1, 3, 1),)), ("repeat", (2,)), ("repeat", (3, 1)),
        ("repeat", ([1, 0, 2], 1)), ("rot90", ()), ("rot90", (2,)), ("rot90", (3, (1, 2))), ("pad", (1,)),
        ("pad", (((0, 0), (1, 2), (3, 0)),)), ("pad", (((0, 0), (1, 2), (3, 0)), "reflect")),
        ("pad", (((1, 1), (1, 2), (2, 0)), "symmetric")), ("pad", (((1, 1),), "edge")),
    ],
)  # fmt: skip
def test_follows_numpy(name, args, agrees):
    numpy_args = [tuple(map(tuple, a)) if name == "pad" and i == 0 and not isinstance(a, int) else a
                  for i, a in enumerate(args)]  # fmt: skip
    agrees(lambda x: getattr(ops, name)(x, *args), [X], getattr(np, name)(X, *numpy_args))


def test_squeeze(agrees):
    x = X.reshape(1, 2, 1, 12)
    agrees(ops.squeeze, [x], x.squeeze())
    agrees(lambda t: ops.squeeze(t, -2), [x], x.squeeze(-2))
    with pytest.raises(ShapeError, match="axis 1 has size 2, not 1"):
        ops.squeeze(x, 1)


def test_pad_with_a_value(agrees):
    agrees(lambda x: ops.pad(x, (1, 2), constant_values=7), [V], np.pad(V, (1, 2), constant_values=7))
    with pytest.raises(ArgumentError, match="mode must be"):
        ops.pad(V, 1, "wrap-around")


@pytest.mark.parametrize("name", ["concatenate", "stack", "hstack", "vstack", "dstack"])
def test_joining(name, agrees):
    agrees(lambda a, b: getattr(ops, name)([a, b]), [X, X + 1], getattr(np, name)([X, X + 1]))
    if name != "dstack":
        agrees(lambda a, b: getattr(ops, name)([a, b]), [V, V + 1], getattr(np, name)([V, V + 1]))


def test_joining_promotes(agrees):
    agrees(lambda a, b: ops.concatenate([a, b], -1), [V, np.array([1, 2])], np.append(V, [1, 2]), dtype="float32")
    agrees(lambda a, b: ops.append(a, b), [X, V], np.append(X, V))
    agrees(lambda a, b: ops.stack([a, b], -1), [X, X], np.stack([X, X], -1))
    with pytest.raises(ShapeError, match="stack: tensors must have one shape"):
        ops.stack([X, V])


@pytest.mark.parametrize("sections, axis", [(2, 2), ([1, 2], 1), ([1], 0), ([0, 3], 2)])
def test_split(sections, axis, agrees):
    agrees(lambda x: ops.split(x, sections, axis), [X], np.split(X, sections, axis))


def test_uneven_splits(agrees):
    agrees(lambda x: ops.array_split(x, 3), [V], np.array_split(V, 3))
    agrees(lambda x: ops.unstack(x, axis=1), [X], [X[:, i] for i in range(3)])
    with pytest.raises(ShapeError, match="cannot be cut into 2 equal parts"):
        ops.split(V, 2)


@pytest.mark.parametrize("shape", [(5, 5), (-1, 7), (-1, -1), (2, -3)])
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match="reshape"):
        ops.reshape(X, shape)


def test_axes_out_of_range_are_refused():
    with pytest.raises(ShapeError, match="axis 3 is out of range for a tensor of rank 3"):
        ops.swapaxes(X, 0, 3)
    with pytest.raises(ShapeError, match="named twice"):
        ops.flip(X, (1, -2))


def test_open_dimensions_stay_open():
    batch = Dim("batch")
    with Trace().stage("open") as trace:
        x = trace.input((batch, 3, 4), "float32")
        assert ops.shape(ops.reshape(x, (-1, 12))) == (batch, 12)
        assert ops.shape(ops.reshape(x, (ops.shape(x)[0], -1))) == (batch, 12)
        assert ops.shape(ops.reshape(x, (-1,))) == (batch * 12,)
        assert ops.shape(ops.concatenate([x, x])) == (batch * 2, 3, 4)
        assert ops.shape(ops.tile(x, (2, 1, 1))) == (batch * 2, 3, 4)
        assert ops.shape(ops.roll(x, 1, 0)) == (batch, 3, 4)
        assert ops.reshape(x, (-1, 12)).shape == (None, 12)
        assert ops.size(x) == batch * 12


def test_windows_and_sequences():
    np.testing.assert_allclose(ops.hanning(7).numpy(), np.hanning(7), atol=1e-7)
    np.testing.assert_array_equal(ops.arange(5).numpy(), np.arange(5))
    assert ops.arange(5).dtype == "int32"
    assert ops.arange(0, 1, 0.25).dtype == "float32"
    np.testing.assert_allclose(ops.arange(3, -2, -2).numpy(), np.arange(3, -2, -2))
    np.testing.assert_allclose(ops.linspace(0, 1, 7).numpy(), np.linspace(0, 1, 7), rtol=1e-6)
    np.testing.assert_allclose(ops.linspace(0, 1, 7, endpoint=False).numpy(), np.linspace(0, 1, 7, False), rtol=1e-6)
    np.testing.assert_allclose(ops.logspace(0, 2, 3).numpy(), [1, 10, 100], rtol=1e-5)
    assert ops.linspace(3, 5, 11).numpy()[-1] == 5


def test_linspace_of_tensors(agrees):
    a, b = np.array([0.0, 1.0], np.float32), np.array([2.0, 5.0], np.float32)
    agrees(lambda x, y: ops.linspace(x, y, 4), [a, b], np.linspace(a, b, 4))
    agrees(lambda x, y: ops.linspace(x, y, 4, axis=-1), [a, b], np.linspace(a, b, 4, axis=-1))


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_filled(name):
    made = getattr(ops, name)((2, 3))
    assert made.dtype == "float32" and made.shape == (2, 3)
    assert getattr(ops, name)(4, "int8").dtype == "int8"
    assert getattr(ops, f"{name}_like")(np.ones(3, np.int16)).dtype == "int16"


def test_full_broadcasts(agrees):
    agrees(lambda v: ops.full((2, 5), v), [V], np.full((2, 5), V))
    agrees(lambda v: ops.full_like(v, 3), [V], np.full(5, 3.0))


def test_patterns():
    np.testing.assert_array_equal(ops.eye(3, 4, 1).numpy(), np.eye(3, 4, 1))
    np.testing.assert_array_equal(ops.tri(3, 4, -1).numpy(), np.tri(3, 4, -1))
    np.testing.assert_array_equal(ops.identity(2).numpy(), np.eye(2))
    for indexing in ("xy", "ij"):
        for ours, theirs in zip(ops.meshgrid(V, V[:2], indexing=indexing), np.meshgrid(V, V[:2], indexing=indexing)):
            np.testing.assert_array_equal(ours.numpy(), theirs)


def test_array_copies_and_convert_shares():
    data = np.zeros(3, np.float32)
    copied, shared = ops.array(data), ops.convert_to_tensor(data)
    data[0] = 1
    assert copied.numpy()[0] == 0
    assert shared.numpy()[0] == 1
