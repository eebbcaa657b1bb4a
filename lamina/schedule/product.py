"""A contraction read as a matrix product, `C[m, n] = sum over k of A[m, k] * B[k, n]`, within outer loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lamina.base.dims import Dim, Dimension
from lamina.graph import Node
from lamina.schedule.expr import Buffer, Builder, Expr
from lamina.schedule.lowering import Index
from lamina.schedule.operands import Strided, length, merged, place, strided


@dataclass
class Product:
    """The labels of a contraction by their part in the product, and how A, B and C lie in memory.

    Attributes:
        left, right, out: A, B and C; `out` has n contiguous.
        outer: labels of loops around the product.
        m, n, k: labels that make up one long axis each; "" for an axis of extent 1.
        extents: of every label.
    """

    left: Strided
    right: Strided
    out: Strided
    outer: str
    m: str
    n: str
    k: str
    extents: dict[str, Dimension]

    def size(self, labels: str) -> Dimension:
        return length(labels, self.extents)

    def stride(self, layout: Strided, labels: str) -> Dimension:
        """The distance of neighbours on the axis that these labels make up."""
        return layout.strides[labels[-1]] if labels else 0

    def place(self, b: Builder, layout: Strided, outer: Mapping[str, Expr], **axes: Expr) -> Expr:
        """The index of an element, given the outer labels and positions on the axes `m`, `n` and `k`."""
        positions = {x: e for x, e in outer.items() if x in layout.strides}
        for axis, position in axes.items():
            labels = getattr(self, axis)
            if labels:
                positions[labels[-1]] = position
        return place(b, layout, positions)

    def out_index(self, b: Builder, names: str, outer: Mapping[str, Expr], row: Expr, column: Expr) -> Index:
        """The index of C for each label in `names`; merged axes are taken apart."""
        known = dict(outer)
        for labels, position in ((self.m, row), (self.n, column)):
            rest = position
            for label in reversed(labels[1:]):
                extent = b.dim(self.extents[label])
                known[label] = b.rem(rest, extent)
                rest = b.floordiv(rest, extent)
            if labels:
                known[labels[0]] = rest
        return tuple(known[x] for x in names)


def as_product(b: Builder, node: Node, memory: Mapping[Node, Buffer], out: Buffer) -> Product | None:
    """The contraction as a matrix product, None where its operands do not lie regularly enough."""

    def resolve(operand: Node, index: Index) -> Expr | None:
        return b.load(memory[operand], b.linear(index, operand.shape)) if operand in memory else None

    first, second, result = node.attrs["labels"]
    layouts = []
    extents: dict[str, Dimension] = {}
    for operand, names in zip(node.inputs, (first, second)):
        layout = strided(b, operand, tuple(b.variable(d) for d in operand.shape), names, resolve)
        if layout is None:
            return None
        layouts.append(layout)
        extents |= dict(zip(names, operand.shape))
    left, right = layouts
    if result and result[-1] in first:
        left, right, first, second = right, left, second, first
    if not result or result[-1] in first:
        return None
    return _assembled(left, right, _contiguous(out, result, extents), (first, second, result), extents)


def _assembled(
    left: Strided, right: Strided, out: Strided, labels: tuple[str, str, str], extents: dict[str, Dimension]
) -> Product | None:
    first, second, result = labels
    both = "".join(x for x in result if x in first and x in second)
    rows = "".join(x for x in result if x in first and x not in second)
    columns = "".join(x for x in result if x in second and x not in first)
    sums = "".join(x for x in first if x not in result)
    outer_m, m = merged(rows, extents, [left.strides, out.strides])
    outer_n, n = merged(columns, extents, [right.strides, out.strides])
    outer_k, k = merged(sums, extents, [left.strides, right.strides])
    if outer_k or not n:
        return None
    return Product(left, right, out, both + outer_m + outer_n, m, n, k, extents)


def _contiguous(buffer: Buffer, labels: str, extents: dict[str, Dimension]) -> Strided:
    strides: dict[str, Dimension] = {}
    step: Dimension = 1
    for label in reversed(labels):
        strides[label] = step
        step = extents[label] if step == 1 else step * extents[label]
    return Strided(buffer, 0, strides)


def loop_extent(variables: list[Expr]) -> Dimension:
    """The extent of all these loops as one, as a bound; where symbols would multiply, of the first of them."""
    result: Dimension = 1
    for v in variables:
        if isinstance(result, Dim) and isinstance(v.attr[1], Dim):
            return result
        result = result * v.attr[1]
    return result
