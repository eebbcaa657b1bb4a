"""One operation of a loop's body for all steps at once: the same operation with a leading axis of steps."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

from lamina import primitives as p
from lamina.base.dims import Dimension
from lamina.graph import Node, apply

Stacked = tuple[Node, bool]
_REDUCERS = (p.REDUCE_SUM, p.REDUCE_PROD, p.REDUCE_MAX, p.REDUCE_MIN, p.REDUCE_ANY, p.REDUCE_ALL)


def stepwise(node: Node, operands: Sequence[Stacked], length: Dimension) -> Stacked:
    """The values that an operation of a body has at every step.

    Args:
        node: an operation that `can_stack`.
        operands: for each, a node and whether it has an axis of steps; one that has none is the same at every step.

    Returns:
        The values, and whether they have an axis of steps.
    """
    if not any(stacked for _, stacked in operands):
        return apply(node.primitive, *(n for n, _ in operands), source=node.source, **node.attrs), False
    if node.kind == "elementwise":
        whole = [_spread(n, stacked, length) for n, stacked in operands]
        return apply(node.primitive, *whole, source=node.source, **node.attrs), True
    return _RULES[node.primitive](node, operands, length), True


def can_stack(node: Node) -> bool:
    """Whether `stepwise` knows the operation."""
    return node.kind == "elementwise" or node.primitive in _RULES


def _spread(node: Node, stacked: bool, length: Dimension) -> Node:
    return node if stacked else p.broadcast(node, (length, *node.shape))


def contract_steps(node: Node, operands: Sequence[Stacked], summed: bool = False) -> Node:
    """A contraction for all steps at once; `summed` over them, for which both operands must differ between steps."""
    first, second, result = node.attrs["labels"]
    label = next(x for x in string.ascii_letters if x not in first + second)
    labels = [label + letters if stacked else letters for letters, (_, stacked) in zip((first, second), operands)]
    return p.contract(operands[0][0], operands[1][0], (labels[0], labels[1], result if summed else label + result))


def _contract(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return contract_steps(node, operands)


def _reshape(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return p.reshape(operands[0][0], (length, *node.shape))


def _transpose(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return p.transpose(operands[0][0], (0, *(a + 1 for a in node.attrs["axes"])))


def _broadcast(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    inner = node.inputs[0]
    added = (1,) * (node.rank - inner.rank)
    return p.broadcast(p.reshape(operands[0][0], (length, *added, *inner.shape)), (length, *node.shape))


def _slice(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    attrs = node.attrs
    return p.slice(operands[0][0], (0, *attrs["start"]), (length, *attrs["stop"]), (1, *attrs["step"]))


def _pad(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    attrs = node.attrs
    return p.pad(operands[0][0], (0, *attrs["low"]), (0, *attrs["high"]), attrs["value"])


def _concatenate(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return p.concatenate(*(_spread(n, s, length) for n, s in operands), axis=node.attrs["axis"] + 1)


def _reverse(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return p.reverse(operands[0][0], tuple(a + 1 for a in node.attrs["axes"]))


def _reduce(node: Node, operands: Sequence[Stacked], length: Dimension) -> Node:
    return apply(node.primitive, operands[0][0], axes=tuple(a + 1 for a in node.attrs["axes"]))


_RULES: dict[object, Callable[[Node, Sequence[Stacked], Dimension], Node]] = {
    p.CONTRACT: _contract, p.RESHAPE: _reshape, p.TRANSPOSE: _transpose, p.BROADCAST: _broadcast, p.SLICE: _slice,
    p.PAD: _pad, p.CONCATENATE: _concatenate, p.REVERSE: _reverse, **dict.fromkeys(_REDUCERS, _reduce),
}  # fmt: skip
