"""Products that sum: matmul, dot, tensordot, einsum and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import primitives as P
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops import core
from lamina.ops.core import Operand, normal_axis, operands, positive
from lamina.ops.einsum import einsum
from lamina.ops.reduction import sum
from lamina.ops.shaping import expand_dims, ravel
from lamina.tensor.arithmetic import matmul, multiply, subtract
from lamina.tensor.contraction import contract
from lamina.tensor.tensor import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def dot(x1: Any, x2: Any) -> Tensor:
    """The sum over the last axis of `x1` and the last but one (or only) axis of `x2`; a product if one is a scalar."""
    a, b = operands(x1, x2)
    if not a.dims or not b.dims:
        return multiply(a, b)
    return tensordot(a, b, ([len(a.dims) - 1], [max(len(b.dims) - 2, 0)]))


def vdot(x1: Any, x2: Any) -> Tensor:
    """The sum of the products of all elements."""
    return dot(ravel(x1), ravel(x2))


def inner(x1: Any, x2: Any) -> Tensor:
    """The sum over the last axes; a product if one is a scalar."""
    a, b = operands(x1, x2)
    if not a.dims or not b.dims:
        return multiply(a, b)
    return tensordot(a, b, ([len(a.dims) - 1], [len(b.dims) - 1]))


def outer(x1: Any, x2: Any) -> Tensor:
    """Every element of `x1` times every element of `x2`: a matrix."""
    return multiply(expand_dims(ravel(x1), 1), expand_dims(ravel(x2), 0))


def tensordot(x1: Any, x2: Any, axes: int | Sequence[Any] = 2) -> Tensor:
    """The sum of products over pairs of axes.

    Args:
        axes: a number n: the last n axes of `x1` with the first n of `x2`; or a pair of axes, or of lists of axes.

    Raises:
        ShapeError: if the sizes of a pair of axes differ.
    """
    a, b = operands(x1, x2)
    rank_a, rank_b = len(a.dims), len(b.dims)
    if isinstance(axes, int):
        of_a, of_b = list(range(rank_a - axes, rank_a)), list(range(axes))
    else:
        pair = [[p] if isinstance(p, int) else list(p) for p in axes]
        of_a = [normal_axis("tensordot", i, rank_a) for i in pair[0]]
        of_b = [normal_axis("tensordot", i, rank_b) for i in pair[1]]
    if len(of_a) != len(of_b):
        raise ArgumentError(f"tensordot: as many axes of x1 as of x2. Received: axes={axes}.")
    for i, j in zip(of_a, of_b):
        if a.dims[i] != b.dims[j]:
            raise ShapeError(
                f"tensordot: axis {i} of x1 and axis {j} of x2 must be equal. Received: {a.dims[i]} and {b.dims[j]}."
            )
    letters_a = _LETTERS[:rank_a]
    fresh = iter(_LETTERS[rank_a:])
    shared = {j: letters_a[i] for i, j in zip(of_a, of_b)}
    letters_b = "".join(shared[j] if j in shared else next(fresh) for j in range(rank_b))
    kept = "".join(c for i, c in enumerate(letters_a) if i not in of_a)
    kept += "".join(c for j, c in enumerate(letters_b) if j not in of_b)
    return contract(a, b, (letters_a, letters_b, kept))


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """The vector product of vectors of three (or two) components along an axis."""
    from lamina.ops.shaping import moveaxis, stack

    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operands(x1, x2)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    p, q = (_three(t) for t in (a, b))
    parts = [subtract(multiply(p[i], q[j]), multiply(p[j], q[i])) for i, j in ((1, 2), (2, 0), (0, 1))]
    if a.dims[-1] == 2 and b.dims[-1] == 2:
        return parts[2]
    return moveaxis(stack(parts, -1), -1, axisc)


def _three(x: Operand) -> list[Any]:
    from lamina.ops.shaping import unstack

    if x.dims[-1] not in (2, 3):
        raise ShapeError(f"cross: vectors must have 2 or 3 components. Received: {x.dims[-1]}.")
    parts: list[Any] = list(unstack(x, axis=-1))
    return parts if len(parts) == 3 else [*parts, multiply(parts[0], 0)]


def kron(x1: Any, x2: Any) -> Tensor:
    """The Kronecker product: every element of `x1` times the whole of `x2`, as blocks."""
    a, b = operands(x1, x2)
    rank = max(len(a.dims), len(b.dims))
    shape_a = (1,) * (rank - len(a.dims)) + tuple(a.dims)
    shape_b = (1,) * (rank - len(b.dims)) + tuple(b.dims)
    spread_a = core.reshape(a, tuple(n for d in shape_a for n in (d, 1)))
    spread_b = core.reshape(b, tuple(n for d in shape_b for n in (1, d)))
    product = multiply(spread_a, spread_b)
    return positive(core.reshape(product, tuple(m * n for m, n in zip(shape_a, shape_b))))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors, or of matrices where `axis` is a pair.

    Args:
        ord: for vectors None or 2 (Euclidean), 1, 0 (the number of elements that are not 0), inf, -inf or any p; for
            matrices None or `"fro"`, 1, -1, inf, -inf.
        axis: None for all elements (with `ord` None), or for the only axes of `x`.
        keepdims: whether the axes stay, with size 1.
    """
    from lamina.ops.core import to_float

    x = to_float(x)
    if axis is None and ord is None:
        return _euclidean(x, None, keepdims)
    if axis is None:
        axis = tuple(range(len(x.dims)))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ArgumentError(f"norm: axis must be one axis or a pair. Received: {axis!r}.")


def _euclidean(x: Any, axis: Any, keepdims: bool) -> Tensor:
    from lamina.ops.core import unary

    return unary(P.SQRT, sum(multiply(x, x), axis, keepdims))


def _vector_norm(x: Any, order: Any, axis: int, keepdims: bool) -> Tensor:
    from lamina.ops.core import cast
    from lamina.ops.elementwise import absolute, power
    from lamina.ops.reduction import max, min

    if order is None or order == 2:
        return _euclidean(x, axis, keepdims)
    if order == float("inf"):
        return max(absolute(x), axis, keepdims)
    if order == float("-inf"):
        return min(absolute(x), axis, keepdims)
    if order == 0:
        return sum(cast(x != 0, x.dtype), axis, keepdims)
    if order == 1:
        return sum(absolute(x), axis, keepdims)
    if isinstance(order, str):
        raise ArgumentError(f"norm: ord {order!r} is for matrices; of a vector it must be a number.")
    return power(sum(power(absolute(x), float(order)), axis, keepdims), 1.0 / order)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    from lamina.ops.elementwise import absolute
    from lamina.ops.reduction import max, min

    if order in (None, "fro"):
        return _euclidean(x, axes, keepdims)
    row, column = (normal_axis("norm", a, len(x.dims)) for a in axes)
    if order not in (1, -1, float("inf"), float("-inf")):
        raise ArgumentError(f"norm: ord of a matrix must be None, 'fro', 1, -1, inf or -inf. Received: {order!r}.")
    summed, kept = (row, column) if order in (1, -1) else (column, row)
    totals = sum(absolute(x), summed, keepdims=True)
    result = (max if order > 0 else min)(totals, kept, keepdims=True)
    return result if keepdims else positive(core.reshape(result, _without(result.dims, (row, column))))


def _without(dims: Any, axes: tuple[int, int]) -> tuple[Any, ...]:
    return tuple(d for i, d in enumerate(dims) if i not in axes)


__all__ = [
    "cross", "dot", "einsum", "inner", "kron", "matmul", "norm", "outer", "tensordot", "vdot",
]  # fmt: skip
