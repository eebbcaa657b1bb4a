from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import DTypeError, IndexRangeError, ShapeError

X = np.arange(24, dtype=np.float32).reshape(4, 6)
CUBE = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("indices", [2, [0, 3, -1], [[1, -2], [0, 0]]])
def test_take(indices, axis, agrees):
    agrees(lambda x, i: ops.take(x, i, axis), [X, np.array(indices)], np.take(X, indices, axis))


def test_take_along_axis(agrees):
    indices = np.array([[0, 5], [-1, 2], [3, 3], [1, 0]])
    agrees(lambda x, i: ops.take_along_axis(x, i, 1), [X, indices], np.take_along_axis(X, indices, 1))
    agrees(lambda x, i: ops.take_along_axis(x, i, 1), [X, indices[:1]], np.take_along_axis(X, indices[:1], 1))


@pytest.mark.parametrize("bad", [4, -5])
def test_indices_out_of_range_are_caught(bad):
    with pytest.raises(IndexRangeError, match=str(bad)):
        ops.take(X, [0, bad], axis=0)


def test_indices_must_be_integers():
    with pytest.raises(DTypeError, match="indices must be integers"):
        ops.take(X, [0.5], axis=0)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(axis, agrees):
    labels = np.array([[0, 2], [1, 3]])
    expected = np.moveaxis(np.eye(3)[np.minimum(labels, 2)] * (labels < 3)[..., None], -1, axis)
    agrees(lambda x: ops.one_hot(x, 3, axis), [labels], expected, dtype="float32")


def test_multi_hot(agrees):
    agrees(lambda x: ops.multi_hot(x, 4), [np.array([[0, 2], [1, 1]])], [[1, 0, 1, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize("name", ["tril", "triu", "diagonal", "trace"])
@pytest.mark.parametrize("k", [-2, 0, 1, 9])
def test_diagonals(name, k, agrees):
    agrees(lambda x: getattr(ops, name)(x, k), [X], getattr(np, name)(X, k))
    if name in ("diagonal", "trace"):
        agrees(lambda x: getattr(ops, name)(x, k, 2, 0), [CUBE], getattr(np, name)(CUBE, k, 2, 0))


@pytest.mark.parametrize("k", [-1, 0, 2])
def test_diag_makes_matrices(k, agrees):
    v = np.array([1.0, 2.0, 3.0], np.float32)
    agrees(lambda x: ops.diag(x, k), [v], np.diag(v, k))
    agrees(lambda x: ops.diag(x, k), [X], np.diag(X, k))


def test_slices(agrees):
    agrees(lambda x: ops.slice(x, (1, 2), (2, 3)), [X], X[1:3, 2:5])
    agrees(lambda x, s: ops.slice(x, s, (2, 3)), [X, np.array([1, 2])], X[1:3, 2:5])
    agrees(lambda x: ops.slice(x, (9, 9), (2, 3)), [X], X[2:4, 3:6])
    changed = X.copy()
    changed[1:3, 2:4] = -1
    agrees(lambda x: ops.slice_update(x, (1, 2), -np.ones((2, 2), np.float32)), [X], changed)


@pytest.mark.parametrize("start, first", [((3, 5), (2, 4)), ((-4, 1), (0, 1)), ((1, 3), (1, 3))])
def test_slice_update_keeps_the_block_inside(start, first, agrees):
    changed = X.copy()
    changed[first[0] : first[0] + 2, first[1] : first[1] + 2] = -1
    block = -np.ones((2, 2), np.float32)
    agrees(lambda x: ops.slice_update(x, start, block), [X], changed)
    agrees(lambda x, s: ops.slice_update(x, s, block), [X, np.array(start)], changed)


def test_slice_update_of_another_rank():
    with pytest.raises(ShapeError, match="as many axes"):
        ops.slice_update(X, (0, 0), np.ones(2, np.float32))


def test_scatter(agrees):
    places = np.array([[0, 1], [3, 5], [0, 1]])
    expected = np.zeros((4, 6), np.float32)
    np.add.at(expected, tuple(places.T), [1, 2, 3])
    agrees(lambda i, v: ops.scatter(i, v, (4, 6)), [places, np.array([1.0, 2, 3], np.float32)], expected)
    rows = np.array([[2], [0]])
    agrees(lambda i, v: ops.scatter(i, v, (4, 6)), [rows, X[:2]], np.stack([X[1], X[0] * 0, X[0], X[0] * 0]))
    with pytest.raises(IndexRangeError):
        ops.scatter(np.array([[0, 6]]), np.ones(1), (4, 6))


def test_scatter_update(agrees):
    changed = X.copy()
    changed[[1, 3]] = 7
    new = np.full((2, 6), 7, np.float32)
    agrees(lambda x: ops.scatter_update(x, np.array([[1], [3]]), new), [X], changed)
    added = X.copy()
    added[1] += 14
    agrees(lambda x: ops.scatter_update(x, np.array([[1], [1]]), new, reduction="add"), [X], added)


def test_segment_sum(agrees):
    agrees(lambda x, i: ops.segment_sum(x, i, 3), [X[:, 0], np.array([0, 2, 2, 0])], [18, 0, 18])
    assert ops.segment_sum(X, np.array([0, 1, 1, 0])).shape == (2, 6)


def test_top_k(agrees):
    x = np.array([[3, 1, 3, 2], [-1, -5, 0, -2]], np.float32)
    agrees(lambda v: ops.top_k(v, 3), [x],
           (np.array([[3, 3, 2], [0, -1, -2]]), np.array([[0, 2, 3], [2, 0, 3]])))  # fmt: skip
    agrees(lambda t, p: ops.in_top_k(t, p, 2), [np.array([3, 0]), x], [False, True])
    agrees(lambda t, p: ops.in_top_k(t, p, 3), [np.array([3, 1]), x], [True, False])


@pytest.mark.parametrize("name, args", [("slice", ((0,), (-1,))), ("scatter", (np.array([[0, 0, 0]]), 1.0, (4,)))])
def test_wrong_shapes_are_refused(name, args):
    with pytest.raises(ShapeError):
        getattr(ops, name)(*((X[0],) if name == "slice" else ()), *args)
