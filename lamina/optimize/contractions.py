"""Rules that bring contractions into the form for which there are fast kernels."""

from __future__ import annotations

from lamina import primitives as p
from lamina.base import dtypes
from lamina.graph import Node, apply

_VIEWS = (p.RESHAPE, p.TRANSPOSE, p.BROADCAST, p.SLICE, p.REVERSE, p.WINDOWS, p.PAD, p.DILATE)


def widen_halves(node: Node) -> Node | None:
    """Contracts half floats as float32, which they are computed in anyway, and rounds the result.

    The operands are widened where their elements lie, below what only moves them, so that no element of a picture is
    widened once for every window that it is in.
    """
    dtype = dtypes.compute_dtype(node.dtype)
    if dtype == node.dtype:
        return None
    a, b = (_widened(operand, dtype) for operand in node.inputs)
    return p.cast(p.contract(a, b, node.attrs["labels"]), node.dtype)


def _widened(node: Node, dtype: str) -> Node:
    moves = []
    while node.primitive in _VIEWS:
        moves.append(node)
        node = node.inputs[0]
    node = p.cast(node, dtype)
    for move in reversed(moves):
        node = apply(move.primitive, node, source=move.source, **move.attrs)
    return node
