"""Products of which half is known to be zero or is not wanted: attention in which a target sees no later source.

The exponentials of scores are zero where the source comes after the target, and so are their gradients. A sum over
such an operand leaves those products out; a product whose result is set to zero there is not formed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lamina.graph import Node
from lamina.primitives import BROADCAST, EXP, REDUCE_MAX, RESHAPE, SELECT, SUBTRACT
from lamina.schedule.expr import INDEX, Builder, Expr
from lamina.schedule.lowering import Index, Lowering, is_inline, is_scalar_constant
from lamina.schedule.tiles import Band
from lamina.schedule.tiling import Tiling

# What exponentials of differences from this are zero for sure, whatever scores there are.
_LOW = -1e37


@dataclass(frozen=True)
class Triangle:
    """What of a product counts.

    Attributes:
        kind: `early` where row r of A is zero after its element r, `late` where it is before; `result` where row r of
            C is not wanted after its column r.
    """

    kind: str

    def depth(self, t: Tiling, band: Band) -> Band:
        """The band with the part of k that is not zero."""
        b = t.b
        if self.kind == "early":
            return replace(band, counts=[b.min(band.counts[0], b.add(band.row, band.height))])
        if self.kind == "late":
            begin = b.min(band.row, band.counts[0])
            return replace(band, depth=[begin], counts=[b.sub(band.counts[0], begin)])
        return band

    def columns(self, t: Tiling, band: Band) -> Band:
        """The band as far as it is wanted, in whole tiles."""
        if self.kind != "result":
            return band
        b, width = t.b, t.b.const(t.width, INDEX)
        wanted = b.floordiv(b.add(b.add(band.row, band.height), b.const(t.width - 1, INDEX)), width)
        end = b.min(band.end, b.mul(wanted, width))
        return replace(band, end=b.max(band.start, end), even=True)


def triangle(t: Tiling) -> Triangle | None:
    """The half that counts, None where everything does."""
    p, node = t.product, t.node
    if p.line or len(p.levels) != 1 or len(p.m) != 1:
        return None
    for operand, labels in zip(node.inputs, node.attrs["labels"]):
        axes = _zero_after(operand)
        if axes is not None:
            before, after = (labels[axis] for axis in axes)
            if (p.m, p.levels[0]) == (before, after):
                return Triangle("early")
            if (p.m, p.levels[0]) == (after, before):
                return Triangle("late")
    n = p.size(p.n)
    if len(p.n) != 1 or not isinstance(n, int) or n % t.width:
        return None
    wanted = [number_after(m.node) for m in t.group.members if m.node in t.memory]
    if not wanted or wanted[0] is None or any(axes != wanted[0] for axes in wanted):
        return None
    rows, columns = (node.attrs["labels"][2][axis] for axis in wanted[0])
    return Triangle("result") if (rows, columns) == (p.m, p.n) else None


def _zero_after(node: Node) -> tuple[int, int] | None:
    """Two axes of which the first comes before the second wherever the node is not zero."""
    if node.primitive is EXP:
        return _exponentials(node.inputs[0])
    return number_after(node) if node.primitive is SELECT and _number(node.inputs[2]) == 0 else None


def number_after(node: Node) -> tuple[int, int] | None:
    """Two axes of a choice that is always the same number where the place on the first is before that on the second."""
    if node.primitive is SELECT and _number(node.inputs[2]) is not None:
        return _causal(node.inputs[0], alone=False)
    return None


def _exponentials(powers: Node) -> tuple[int, int] | None:
    """Of scores less their highest, where those that do not count were made very low and others remain in each row."""
    if powers.primitive is not SUBTRACT:
        return None
    scores, highest = powers.inputs
    low = _number(scores.inputs[2]) if scores.primitive is SELECT else None
    while highest.primitive in (RESHAPE, BROADCAST):
        highest = highest.inputs[0]
    if low is None or low > _LOW or highest.primitive is not REDUCE_MAX or highest.inputs[0] is not scores:
        return None
    axes = _causal(scores.inputs[0], alone=True)
    return axes if axes is not None and tuple(highest.attrs["axes"]) == (axes[1],) else None


def _number(node: Node) -> float | None:
    """The number that all elements are, if it is known."""
    while node.primitive in (RESHAPE, BROADCAST):
        node = node.inputs[0]
    return float(node.attrs["value"].value.reshape(()).item()) if is_scalar_constant(node) else None


def _causal(condition: Node, alone: bool) -> tuple[int, int] | None:
    """Two axes of a condition that is false wherever the place on the first is before that on the second.

    Args:
        alone: whether it must be true everywhere else.
    """
    b = Builder()
    variables = tuple(b.variable(d) for d in condition.shape)

    def resolve(node: Node, index: Index) -> Expr | None:
        return None if is_inline(node) else b.make("element", index, node.dtype, id(node))

    waiting = [Lowering(b, resolve).value(condition, variables)]
    while waiting:
        e = waiting.pop()
        if e.op == "bit_and" and not alone:
            waiting += e.args
        if e.op == "ge":
            sides = [_place(side) for side in e.args]
            if all(side in variables for side in sides):
                first, second = (variables.index(side) for side in sides)
                return (first, second)
    return None


def _place(e: Expr) -> Expr:
    while e.op == "cast":
        e = e.args[0]
    return e
