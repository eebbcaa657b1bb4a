"""Layers that merge several tensors into one."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.models import Model
from tests.golden.reference import run_traced

A = np.arange(24, dtype="float32").reshape(2, 3, 4)
B = np.cos(A)
C = np.sin(A) * 3

MERGES = [
    ("Add", "add", A + B + C), ("Multiply", "multiply", A * B * C), ("Average", "average", (A + B + C) / 3),
    ("Maximum", "maximum", np.maximum(np.maximum(A, B), C)), ("Minimum", "minimum", np.minimum(np.minimum(A, B), C)),
    ("Concatenate", "concatenate", np.concatenate([A, B, C], -1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "wanted"), MERGES, ids=lambda v: v if isinstance(v, str) else "")
def test_three_inputs(name, function, wanted):
    layer = getattr(layers, name)()
    np.testing.assert_allclose(np.asarray(layer([A, B, C])), wanted, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(getattr(layers, function)((A, B, C), name="m")), wanted, rtol=1e-6)
    np.testing.assert_allclose(run_traced(lambda *given: layer(list(given)), A, B, C)[0], wanted, rtol=1e-6)
    assert layer.compute_output_shape([(None, 3, 4)] * 3) == (None, *wanted.shape[1:])
    np.testing.assert_array_equal(np.asarray(getattr(layers, name)()([A])), A)
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def test_subtract():
    np.testing.assert_array_equal(np.asarray(layers.Subtract()([A, B])), A - B)
    np.testing.assert_array_equal(np.asarray(layers.subtract([A, B])), A - B)
    for given in ([A], [A, B, C]):
        with pytest.raises(ArgumentError, match="Subtract layer 'subtract.*' takes exactly 2 inputs"):
            layers.Subtract()(given)


@pytest.mark.parametrize("name", ["Add", "Multiply", "Maximum", "Subtract"])
def test_broadcasting(name):
    merge, function = getattr(layers, name), getattr(np, name.lower())
    np.testing.assert_array_equal(np.asarray(merge()([A, A[:, :1]])), function(A, A[:, :1]))
    flat = A[:, 0]
    np.testing.assert_array_equal(np.asarray(merge()([A, flat])), function(A, flat[:, None]))
    np.testing.assert_array_equal(np.asarray(merge()([flat, A])), function(flat[:, None], A))
    assert merge().compute_output_shape([(None, 1, 4), (5, 3, None)]) == (5, 3, None)


def test_concatenate_along_any_axis():
    np.testing.assert_array_equal(np.asarray(layers.Concatenate(1)([A, B[:, :2]])), np.concatenate([A, B[:, :2]], 1))
    assert layers.Concatenate(axis=1).compute_output_shape([(None, None, 4), (3, 2, 4)]) == (3, None, 4)
    assert layers.Concatenate(axis=-2).get_config()["axis"] == -2


DOTS = [
    (A[:, 0], B[:, 0], 1, "bi,bi->b"), (A[:, 0], B[:, 0], -1, "bi,bi->b"), (A, B, 2, "bxi,byi->bxy"),
    (A, B, (1, 1), "bix,biy->bxy"), (A, np.swapaxes(B, 1, 2), (2, 1), "bxi,biy->bxy"),
    (A, np.swapaxes(B, 1, 2), (1, -1), "bix,byi->bxy"), (A, B[:, 0], (2, 1), "bxi,bi->bx"),
    (A.reshape(2, 3, 2, 2), B, (1, 1), "bixy,biz->bxyz"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "axes", "formula"), DOTS, ids=[d[3] for d in DOTS])
def test_dot(x, y, axes, formula):
    wanted = np.einsum(formula, x, y)
    wanted = wanted[:, None] if wanted.ndim == 1 else wanted
    layer = layers.Dot(axes)
    np.testing.assert_allclose(np.asarray(layer([x, y])), wanted, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(run_traced(lambda a, b: layer([a, b]), x, y)[0], wanted, rtol=1e-5, atol=1e-4)
    assert layer.compute_output_shape([x.shape, y.shape]) == wanted.shape
    assert layers.dot([x, y], axes, name="d").shape == wanted.shape


def test_dot_of_unit_vectors():
    x, y = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) + 1
    found = np.asarray(layers.Dot(-1, normalize=True)([x, y]))
    np.testing.assert_allclose(found, [[0.95618284], [0.9992206]], rtol=1e-5)  # from Keras 3.15 on JAX
    assert layers.Dot((1, 2), normalize=True).get_config()["normalize"] is True


@pytest.mark.parametrize(
    ("layer", "given", "error", "message"),
    [
        (layers.Add, A, ArgumentError, r"takes a list of tensors, as in Add\(\)\(\[x, y\]\).*one input of shape"),
        (layers.Add, [A, B[:, :2]], ShapeError, r"sizes along axis 1 are 3 and 2.*\(2, 3, 4\), \(2, 2, 4\)"),
        (layers.Add, [A, np.ones((3, 3, 4))], ShapeError, "sizes along axis 0 are 2 and 3"),
        (layers.Concatenate, [A, B[:, :2]], ShapeError, "one shape but for axis -1"),
        (layers.Concatenate, [A, B[:, 0]], ShapeError, "one shape but for axis -1"),
        (lambda: layers.Concatenate(3), [A, B], ShapeError, "axis=3 is out of range for inputs of rank 3"),
        (lambda: layers.Concatenate("x"), [A], ArgumentError, "axis must be a whole number"),
        (lambda: layers.Dot(0), [A, B], ShapeError, "axis 0 is the batch"),
        (lambda: layers.Dot((1, 2)), [A, B], ShapeError, r"sizes along axes 1 and 2 must be equal.*3 and 4"),
        (lambda: layers.Dot((1, 2, 3)), [A, B], ArgumentError, "axes must be one or two whole numbers"),
        (lambda: layers.Dot(1), [A], ArgumentError, "takes exactly 2 inputs"),
    ],
)
def test_errors(layer, given, error, message):
    with pytest.raises(error, match=message):
        layer()(given)


def test_masks():
    one, other = np.array([[True, False, False], [True, True, False]]), np.array([[False, True, False]] * 2)
    assert layers.Add().compute_mask([A, B], None) is None
    assert layers.Add().compute_mask([A, B], [one, None]) is None
    np.testing.assert_array_equal(np.asarray(layers.Add().compute_mask([A, B], [one, other])), one | other)
    joined = layers.Concatenate(1).compute_mask([A, B], [one, None])
    np.testing.assert_array_equal(np.asarray(joined), np.concatenate([one, np.ones_like(one)], 1))
    assert layers.Concatenate().compute_mask([A, B], [None, None]) is None
    assert layers.Dot(1).compute_mask([A, B], [one, other]) is None
    with pytest.raises(ArgumentError, match="a mask .or None. for each of the 2 inputs"):
        layers.Add().compute_mask([A, B], [one])


def test_in_a_model(executor):
    x, y = layers.Input((3, 4)), layers.Input((4,))
    out = layers.Concatenate(1)([layers.Add()([x, y]), layers.Multiply()([x, x])])
    model = Model([x, y], layers.Dot((2, 1))([out, y]))
    wanted = np.einsum("bxi,bi->bx", np.concatenate([A + B[:, :1], A * A], 1), B[:, 0])
    np.testing.assert_allclose(model.predict([A, B[:, 0]], verbose=0), wanted, rtol=1e-4, atol=1e-3)
