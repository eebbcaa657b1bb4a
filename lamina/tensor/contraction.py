"""Matrix products, as the contraction primitive takes them."""

from __future__ import annotations

import string
from typing import Any

from lamina import primitives as P
from lamina.base.dims import Dimension, format_shape
from lamina.base.errors import ShapeError
from lamina.tensor.convert import cast, operands, reshape
from lamina.tensor.dispatch import Operand, apply
from lamina.tensor.tensor import Tensor


def contract(a: Operand, b: Operand, labels: tuple[str, str, str]) -> Tensor:
    """A two-operand einsum on tensors of one dtype; bools are counted as "any of both"."""
    if a.dtype == "bool":
        product = apply(P.CONTRACT, cast(a, "int32"), cast(b, "int32"), labels=labels)
        return apply(P.CAST, product, dtype="bool")
    return apply(P.CONTRACT, a, b, labels=labels)


def matmul(x1: Any, x2: Any) -> Tensor:
    """The product of matrices; leading dimensions broadcast, vectors count as one row or one column.

    Args:
        x1: of shape (..., m, k) or (k,).
        x2: of shape (..., k, n) or (k,).

    Raises:
        ShapeError: if the two k differ, leading dimensions do not broadcast, or an operand is a scalar.
    """
    a, b = operands(x1, x2)
    if not a.dims or not b.dims:
        raise ShapeError(
            f"matmul: expected operands of rank 1 or more. Received: {format_shape(a.dims)} and "
            f"{format_shape(b.dims)}. Use multiply for a scalar."
        )
    inner = b.dims[-2] if len(b.dims) > 1 else b.dims[0]
    if a.dims[-1] != inner:
        raise ShapeError(
            f"matmul: the last dimension of x1 and the last but one of x2 must be equal. Received: "
            f"{format_shape(a.dims)} and {format_shape(b.dims)}, where {a.dims[-1]} and {inner} differ."
        )
    return _batched(a, b)


def _batched(a: Operand, b: Operand) -> Tensor:
    """Labels leading axes from the right; an axis of size 1 beside a larger one is dropped instead of repeated."""
    batch_a, batch_b = a.dims[:-2], b.dims[:-2]
    rank = max(len(batch_a), len(batch_b))
    letters = [c for c in string.ascii_letters if c not in "mkn"][:rank]
    sizes_a = [1] * (rank - len(batch_a)) + list(batch_a)
    sizes_b = [1] * (rank - len(batch_b)) + list(batch_b)
    result: list[Dimension] = []
    kept_a, kept_b, kept = "", "", ""
    for letter, m, n in zip(letters, sizes_a, sizes_b):
        if m != n and m != 1 and n != 1:
            raise ShapeError(
                f"matmul: the leading dimensions of {format_shape(a.dims)} and {format_shape(b.dims)} cannot be "
                f"broadcast: {m} and {n} differ and neither is 1."
            )
        result.append(n if m == 1 else m)
        kept_a += letter if m != 1 else ""
        kept_b += letter if n != 1 else ""
        kept += letter if m != 1 or n != 1 else ""
    rows = "m" if len(a.dims) > 1 else ""
    columns = "n" if len(b.dims) > 1 else ""
    result += [*a.dims[-2:-1], *(b.dims[-1:] if columns else [])]
    a = reshape(a, (*[d for d in batch_a if d != 1], *a.dims[-2:]))
    b = reshape(b, (*[d for d in batch_b if d != 1], *b.dims[-2:]))
    labels = (kept_a + rows + "k", kept_b + "k" + columns, kept + rows + columns)
    return reshape(contract(a, b, labels), tuple(result))  # type: ignore[return-value]
