"""What is fused behind a contraction: element-wise members that read its value, and the stores of all of them."""

from __future__ import annotations

from lamina.graph import Node
from lamina.schedule.expr import Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Statement
from lamina.schedule.lowering import Index, value_of, widen
from lamina.schedule.places import Places


def epilogue(b: Builder, group: Group, memory: Places, value: Expr, index: Index) -> list[Statement]:
    """The stores at one index of the result.

    Args:
        group: the contraction, then the members behind it.
        value: the contraction's element.
        index: where it is.
    """
    first = group.members[0].node
    values = {first: value}
    stores: list[Statement] = []

    def resolve(operand: Node, at: Index) -> Expr | None:
        if operand in values:
            return values[operand]
        return memory.read(b, operand, at)

    for member in group.members:
        node = member.node
        if node is not first:
            values[node] = widen(b, value_of(b, node, index, resolve))
        if node in memory:
            stores.append(memory.store(b, node, index, values[node]))
    return stores
