"""Rules that bring contractions into the form for which there are fast kernels."""

from __future__ import annotations

from lamina import primitives as p
from lamina.base import dtypes
from lamina.graph import Node


def widen_halves(node: Node) -> Node | None:
    """Contracts half floats as float32, which they are computed in anyway, and rounds the result.

    The casts are no arrays: kernels widen elements as they read them.
    """
    dtype = dtypes.compute_dtype(node.dtype)
    if dtype == node.dtype:
        return None
    a, b = (p.cast(operand, dtype) for operand in node.inputs)
    return p.cast(p.contract(a, b, node.attrs["labels"]), node.dtype)
