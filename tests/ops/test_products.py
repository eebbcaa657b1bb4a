from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import Trace

RNG = np.random.default_rng(1)


def array(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "a, b",
    [
        ((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
        ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 3, 4), (2, 4, 1)), ((2, 3, 4), (4,)), ((0, 4), (4, 2)),
    ],
)  # fmt: skip
def test_matmul(a, b, agrees):
    x, y = array(*a), array(*b)
    agrees(ops.matmul, [x, y], np.matmul(x, y), atol=1e-5)


def test_matmul_of_integers_and_bools(agrees):
    x = np.array([[1, 2], [3, 4]])
    agrees(ops.matmul, [x, x], x @ x, dtype="int64")
    agrees(ops.matmul, [x > 2, x > 2], (x > 2) @ (x > 2), dtype="bool")


def test_matmul_errors():
    with pytest.raises(ShapeError, match=r"\(3, 4\) and \(3, 4\), where 4 and 3 differ"):
        ops.matmul(array(3, 4), array(3, 4))
    with pytest.raises(ShapeError, match="Use multiply for a scalar"):
        ops.matmul(array(3, 4), 2.0)


@pytest.mark.parametrize("a, b", [((3, 4), (4, 5)), ((4,), (4,)), ((2, 3, 4), (6, 4, 5)), ((), (3,))])
def test_dot(a, b, agrees):
    x, y = array(*a), array(*b)
    agrees(ops.dot, [x, y], np.dot(x, y), atol=1e-5)


@pytest.mark.parametrize("axes", [1, ([1, 2], [0, 1]), (2, 1), 0])
def test_tensordot(axes, agrees):
    x, y = array(2, 3, 4), array(3, 4, 5)
    if axes == 1:
        y = array(4, 5)
    agrees(lambda a, b: ops.tensordot(a, b, axes), [x, y], np.tensordot(x, y, axes), atol=1e-5)


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]), ("ii->", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]), ("i,j->ij", [(2,), (3,)]), ("ij,ij->", [(2, 3), (2, 3)]),
        ("...ij,...jk->...ik", [(2, 5, 2, 3), (5, 3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5)] * 2),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]), ("ijk,k->ij", [(2, 3, 4), (4,)]), ("i,i,i->", [(4,)] * 3),
        ("ij,k->i", [(2, 3), (4,)]), ("...i->...", [(2, 3, 4)]),
        ("iij,jk->ik", [(2, 2, 3), (3, 4)]),
        ("abc,cd->abd", [(2, 3, 1), (4, 5)]),
    ],
)  # fmt: skip
def test_einsum(subscripts, shapes, agrees):
    arrays = [array(*s) for s in shapes]
    agrees(lambda *a: ops.einsum(subscripts, *a), arrays, np.einsum(subscripts, *arrays), atol=1e-5)


@pytest.mark.parametrize(
    "subscripts, error, message",
    [("ij,jk->ik", ArgumentError, "2 operands"), ("ijk->i", ShapeError, "rank 2"), ("ij->iz", ArgumentError, "letters"),
     ("i1->i", ArgumentError, "may hold letters")],
)  # fmt: skip
def test_einsum_errors(subscripts, error, message):
    with pytest.raises(error, match=message):
        ops.einsum(subscripts, array(2, 3))


def test_vector_products(agrees):
    x, y = array(4, 3), array(4, 3)
    agrees(ops.outer, [x[0], y], np.outer(x[0], y))
    agrees(ops.inner, [x, y], np.inner(x, y), atol=1e-5)
    agrees(ops.vdot, [x, y], np.vdot(x, y), atol=1e-5)
    agrees(ops.cross, [x, y], np.cross(x, y), atol=1e-5)
    agrees(ops.kron, [x, y[0]], np.kron(x, y[0]))


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, -1])
def test_vector_norms(order, axis, agrees):
    x = array(3, 4)
    agrees(lambda v: ops.norm(v, order, axis), [x], np.linalg.norm(x, order, axis))


@pytest.mark.parametrize("order", [None, "fro", 1, -1, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [True, False])
def test_matrix_norms(order, keepdims, agrees):
    x = array(2, 3, 4)
    expected = np.linalg.norm(x, order, (2, 0), keepdims)
    agrees(lambda v: ops.norm(v, order, (2, 0), keepdims), [x], expected)


def test_open_batches_contract():
    batch = Dim("batch")
    with Trace().stage("open") as trace:
        x = trace.input((batch, 3, 4), "float32")
        assert ops.shape(x @ np.ones((4, 2), np.float32)) == (batch, 3, 2)
        assert ops.shape(ops.einsum("bij,bkj->bik", x, x)) == (batch, 3, 3)
        assert ops.shape(ops.matmul(x, ops.swapaxes(x, 1, 2))) == (batch, 3, 3)
