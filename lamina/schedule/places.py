"""Where nodes are kept: each in a buffer of its own, or inside the buffer of a node that is put together of parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lamina.base.dims import Dimension
from lamina.graph import Node
from lamina.optimize.parts import COMPUTED
from lamina.primitives import CONCATENATE, PAD, RESHAPE, SLICE
from lamina.schedule.expr import Buffer, Builder, Expr
from lamina.schedule.loops import Store
from lamina.schedule.lowering import Index


@dataclass(frozen=True)
class Part:
    """A node as a part of another: where in it the node begins, on every axis."""

    whole: Node
    low: tuple[Dimension, ...]


class Places(dict[Node, Buffer]):
    """The buffer of every node that has memory.

    A convolution with padding reads its operand with zeros around it. What computes the operand then writes it in the
    middle of that memory at once, so that nothing is copied, and all who read the operand read it there. Likewise what
    is concatenated is computed into its part of the whole.

    Attributes:
        parts: of nodes that are kept inside another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[Node, Part] = {}

    def low(self, node: Node) -> tuple[Dimension, ...]:
        """Where a node begins in its buffer."""
        low: tuple[Dimension, ...] = (0,) * node.rank
        while node in self.parts:
            part = self.parts[node]
            node, low = part.whole, tuple(a + b for a, b in zip(low, part.low))
        return low

    def home(self, node: Node) -> Node:
        """The node whose shape the buffer has."""
        while node in self.parts:
            node = self.parts[node].whole
        return node

    def at(self, b: Builder, node: Node, index: Index) -> Expr:
        """The position of an element in the node's buffer."""
        if node not in self.parts:
            return b.linear(index, node.shape)
        moved = tuple(b.add(i, b.dim(low)) for i, low in zip(index, self.low(node)))
        return b.linear(moved, self.home(node).shape)

    def read(self, b: Builder, node: Node, index: Index) -> Expr | None:
        """An element, None where the node has no memory."""
        return b.load(self[node], self.at(b, node, index)) if node in self else None

    def store(self, b: Builder, node: Node, index: Index, value: Expr) -> Store:
        """Writes an element, in the dtype that the node is kept in."""
        return Store(self[node], self.at(b, node, index), b.cast(value, node.dtype))


def find_parts(wholes: Iterable[Node], fixed: Collection[Node], outputs: Collection[Node] = ()) -> dict[Node, Part]:
    """What is computed right into its place in one of these nodes, as far as they are put together of parts.

    Every operand of such a node must be free to be kept there: it is computed, not fixed, and kept nowhere else.

    Args:
        fixed: nodes that are kept in memory of their own; outputs: those of them that may be put
            together nevertheless.
    """
    found: dict[Node, Part] = {}
    waiting = [n for n in wholes if n not in fixed or (n in outputs and n.primitive is CONCATENATE)]
    while waiting:
        whole = waiting.pop()
        parts = parts_of(whole)
        free = all(n not in fixed and n not in found and (n.kind in COMPUTED or parts_of(n)) for n in parts)
        if free and len(parts) == len(whole.inputs):
            found |= parts
            waiting += parts
    return found


def parts_of(node: Node) -> dict[Node, Part]:
    """The operands of which a node is put together, with zeros around one; empty for any other node."""
    if node.primitive is PAD and node.attrs["value"] == 0:
        return {node.inputs[0]: Part(node, tuple(node.attrs["low"]))}
    if node.primitive is not CONCATENATE:
        return {}
    parts: dict[Node, Part] = {}
    axis, begin = node.attrs["axis"], 0
    for operand in node.inputs:
        low: list[Dimension] = [0] * node.rank
        low[axis] = begin
        parts[operand] = Part(node, tuple(low))
        begin = begin + operand.shape[axis]
    return parts


def stack_base(node: Node) -> tuple[Node, Dimension]:
    """The node in whose memory a stack of steps lies, and the entry of it with which the stack begins."""
    shift: Dimension = 0
    while True:
        if node.primitive is SLICE and _takes_neighbours(node):
            shift = shift + node.attrs["start"][0]
        elif not (node.primitive is RESHAPE and node.shape[:1] == node.inputs[0].shape[:1]):
            return node, shift
        node = node.inputs[0]


def _takes_neighbours(node: Node) -> bool:
    """Whether a slice takes neighbours along the first axis, and all of the others."""
    attrs, inner = node.attrs, node.inputs[0]
    whole = attrs["stop"][1:] == inner.shape[1:] and not any(attrs["start"][1:])
    return bool(node.rank) and whole and set(attrs["step"]) <= {1}
