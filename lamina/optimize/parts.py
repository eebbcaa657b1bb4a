"""Rules that make what is padded or concatenated a value that can be computed right into its place."""

from __future__ import annotations

from lamina import primitives as p
from lamina.base.dims import Dimension
from lamina.graph import Node, apply

# Kinds of operations whose results are written element by element, wherever they are wanted.
COMPUTED = ("elementwise", "contract")
_MOST_PARTS = 64


def copy_what_is_padded(node: Node) -> Node | None:
    """A picture from outside, or moved elements, are copied into the middle of the zeros, line by line."""
    inner = node.inputs[0]
    if node.attrs["value"] != 0 or inner.kind in COMPUTED or inner.primitive in (p.CONCATENATE, p.PAD):
        return None
    return apply(p.PAD, p.copy(inner), **node.attrs)


def copy_what_is_concatenated(node: Node) -> Node | None:
    """Parts that are not computed, or that there are twice, are copied into the whole, each by loops of its own."""
    operands: list[Node] = []
    for operand in node.inputs:
        own = operand.kind in COMPUTED and operand not in operands
        operands.append(operand if own else p.copy(operand))
    return None if operands == list(node.inputs) else apply(p.CONCATENATE, *operands, **node.attrs)


def concatenate_what_is_added(node: Node) -> Node | None:
    """Arrays padded with zeros so that each has a place of its own, and added: the gradient of what was split.

    The sum of 0.0 and -0.0 is 0.0, which here becomes -0.0: as good a zero for a gradient.
    """
    terms: list[Node] = []
    stack = list(reversed(node.inputs))
    while stack:
        term = stack.pop()
        if term.primitive is p.ADD:
            stack.extend(reversed(term.inputs))
        elif term.primitive is p.PAD and term.attrs["value"] == 0 and len(terms) < _MOST_PARTS:
            terms.append(term)
        else:
            return None
    axes = {axis for t in terms for axis in range(t.rank) if t.inputs[0].shape[axis] != t.shape[axis]}
    if len(axes) != 1:
        return None
    axis = axes.pop()
    ends: dict[Dimension, tuple[Dimension, Node]] = {}
    for term in terms:
        begin, part = term.attrs["low"][axis], term.inputs[0]
        if begin in ends:
            return None
        ends[begin] = (begin + part.shape[axis], part)
    place: Dimension = 0
    parts: list[Node] = []
    while place in ends:
        place, part = ends.pop(place)
        parts.append(part)
        if part.shape[axis] == 0:
            return None
    return p.concatenate(*parts, axis=axis) if not ends and place == node.shape[axis] else None
