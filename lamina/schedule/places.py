"""Where nodes are kept: each in a buffer of its own, or inside the buffer of its padded form."""

from __future__ import annotations

from lamina.base.dims import Dimension
from lamina.graph import Node
from lamina.primitives import PAD
from lamina.schedule.expr import Buffer, Builder, Expr
from lamina.schedule.loops import Store
from lamina.schedule.lowering import Index


class Places(dict[Node, Buffer]):
    """The buffer of every node that has memory.

    A convolution with padding reads its operand with zeros around it. What computes the operand then writes it in the
    middle of that memory at once, so that nothing is copied, and all who read the operand read it there.

    Attributes:
        padded: for nodes that are kept inside the buffer of a PAD node, that node.
    """

    def __init__(self) -> None:
        super().__init__()
        self.padded: dict[Node, Node] = {}

    def low(self, node: Node) -> tuple[Dimension, ...]:
        """Where a node begins in its buffer."""
        if node in self.padded:
            return tuple(self.padded[node].attrs["low"])
        return (0,) * node.rank

    def at(self, b: Builder, node: Node, index: Index) -> Expr:
        """The position of an element in the node's buffer."""
        if node not in self.padded:
            return b.linear(index, node.shape)
        moved = tuple(b.add(i, b.dim(low)) for i, low in zip(index, self.low(node)))
        return b.linear(moved, self.padded[node].shape)

    def read(self, b: Builder, node: Node, index: Index) -> Expr | None:
        """An element, None where the node has no memory."""
        return b.load(self[node], self.at(b, node, index)) if node in self else None

    def store(self, b: Builder, node: Node, index: Index, value: Expr) -> Store:
        """Writes an element, in the dtype that the node is kept in."""
        return Store(self[node], self.at(b, node, index), b.cast(value, node.dtype))


def can_hold(pad: Node) -> bool:
    """Whether what is padded can be computed right into the middle of its padded form."""
    return pad.primitive is PAD and pad.attrs["value"] == 0 and pad.inputs[0].kind in ("elementwise", "contract")
