"""Rules that make what is padded or concatenated a value that can be computed right into its place."""

from __future__ import annotations

from lamina import primitives as p
from lamina.graph import Node, apply

_COMPUTED = ("elementwise", "contract")


def copy_what_is_padded(node: Node) -> Node | None:
    """A picture from outside, or moved elements, are copied into the middle of the zeros, line by line."""
    inner = node.inputs[0]
    if node.attrs["value"] != 0 or inner.kind in _COMPUTED or inner.primitive in (p.CONCATENATE, p.PAD):
        return None
    return apply(p.PAD, p.copy(inner), **node.attrs)


def copy_what_is_concatenated(node: Node) -> Node | None:
    """Parts that are not computed, or that there are twice, are copied into the whole, each by loops of its own."""
    operands: list[Node] = []
    for operand in node.inputs:
        own = operand.kind in _COMPUTED and operand not in operands
        operands.append(operand if own else p.copy(operand))
    return None if operands == list(node.inputs) else apply(p.CONCATENATE, *operands, **node.attrs)
