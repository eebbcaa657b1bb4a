"""A contraction read as a matrix product, `C[m, n] = sum over k of A[m, k] * B[k, n]`, within outer loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lamina.base.dims import Dim, Dimension
from lamina.graph import Node
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.lowering import Index
from lamina.schedule.operands import Strided, is_axis, length, merged, place, runs, strided
from lamina.schedule.places import Places

# Lines of a picture up to this long share a tile with the next line.
SHORT_LINE = 7


@dataclass
class Product:
    """The labels of a contraction by their part in the product, and how A, B and C lie in memory.

    Attributes:
        left, right, out: A, B and C; `out` has n contiguous.
        outer: labels of loops around the product.
        m, n: labels that make up one long axis each; "" for an axis of extent 1. The labels of m are one axis of C,
            but perhaps not of A: see `line`.
        levels: the labels of k as nested loops, outermost first, each one long axis of A; at least one.
        extents: of every label, but for those of extent 1, which have no part in any of this.
    """

    left: Strided
    right: Strided
    out: Strided
    outer: str
    m: str
    n: str
    levels: tuple[str, ...]
    extents: dict[str, Dimension]

    def size(self, labels: str) -> Dimension:
        return length(labels, self.extents)

    @property
    def depth(self) -> Dimension:
        """The number of products in a sum."""
        return self.size("".join(self.levels))

    def stride(self, layout: Strided, labels: str) -> Dimension:
        """The distance of neighbours on the axis that these labels make up."""
        return layout.strides[labels[-1]] if labels else 0

    @property
    def line(self) -> int:
        """Rows of A that lie a stride apart before the next line begins elsewhere; 0 where all do."""
        return 0 if is_axis(self.m, self.extents, self.left.strides) else int(self.extents[self.m[-1]])  # type: ignore[arg-type]

    @property
    def levels_in_place(self) -> bool:
        """Whether every level of k is one axis of B too."""
        return all(is_axis(level, self.extents, self.right.strides) for level in self.levels)

    def place(
        self, b: Builder, layout: Strided, outer: Mapping[str, Expr], depth: Sequence[Expr] = (), **axes: Expr
    ) -> Expr:
        """The index of an element, given the outer labels, positions on the axes `m` and `n`, and on each level."""
        positions = {x: e for x, e in outer.items() if x in layout.strides}
        axis_positions = [(getattr(self, axis), position) for axis, position in axes.items()]
        for labels, position in [*axis_positions, *zip(self.levels, depth)]:
            if is_axis(labels, self.extents, layout.strides):
                positions |= {labels[-1]: position} if labels else {}
            else:
                positions |= self.apart(b, labels, position)
        return place(b, layout, positions)

    def apart(self, b: Builder, labels: str, position: Expr) -> dict[str, Expr]:
        """A position on a long axis as one for each of its labels."""
        result: dict[str, Expr] = {}
        for label in reversed(labels[1:]):
            extent = b.dim(self.extents[label])
            result[label] = b.rem(position, extent)
            position = b.floordiv(position, extent)
        return result | ({labels[0]: position} if labels else {})

    def out_index(self, b: Builder, names: str, outer: Mapping[str, Expr], row: Expr, column: Expr) -> Index:
        """The index of C for each label in `names`."""
        known = {**outer, **self.apart(b, self.m, row), **self.apart(b, self.n, column)}
        return tuple(known.get(x, b.const(0, INDEX)) for x in names)


def as_product(b: Builder, node: Node, memory: Places, out: Buffer) -> Product | None:
    """The contraction as a matrix product, None where its operands do not lie regularly enough."""

    def resolve(operand: Node, index: Index) -> Expr | None:
        return memory.read(b, operand, index)

    first, second, result = node.attrs["labels"]
    layouts = []
    extents: dict[str, Dimension] = {}
    for operand, names in zip(node.inputs, (first, second)):
        layout = strided(b, operand, tuple(b.variable(d) for d in operand.shape), names, resolve)
        if layout is None:
            return None
        layouts.append(layout)
        extents |= dict(zip(names, operand.shape))
    goal = _kept(memory, node, out, result)
    extents = {x: d for x, d in extents.items() if d != 1}
    first, second, result = ("".join(x for x in names if x in extents) for names in (first, second, result))
    left, right = layouts
    if result and result[-1] in first:
        left, right, first, second = right, left, second, first
    if not result or result[-1] in first:
        return None
    return _assembled(left, right, goal, (first, second, result), extents)


def _assembled(
    left: Strided, right: Strided, out: Strided, labels: tuple[str, str, str], extents: dict[str, Dimension]
) -> Product | None:
    first, second, result = labels
    both = "".join(x for x in result if x in first and x in second)
    rows = "".join(x for x in result if x in first and x not in second)
    columns = "".join(x for x in result if x in second and x not in first)
    sums = "".join(x for x in first if x not in result)
    outer_m, m = merged(rows, extents, [left.strides, out.strides])
    outer_m, m = _with_next_line(outer_m, m, extents, left, out)
    outer_n, n = merged(columns, extents, [right.strides, out.strides])
    if not n:
        return None
    # Axes of a sum may come in any order; from far to near in A, or else in B, neighbours merge.
    reads = [left.strides, right.strides] if right.strides[n[-1]] == 1 else [left.strides]
    orders = [_by_distance(sums, layout) for layout in (left.strides, right.strides)]
    levels = min((runs(order, extents, reads) for order in orders), key=len)
    return Product(left, right, out, both + outer_m + outer_n, m, n, tuple(levels) or ("",), extents)


def _by_distance(labels: str, strides: dict[str, Dimension]) -> str:
    """Labels from the longest stride to the shortest; a stride that is open is longer than any that is not."""

    def key(label: str) -> tuple[bool, int]:
        stride = strides[label]
        return (True, 0) if isinstance(stride, Dim) else (False, abs(stride))

    return "".join(sorted(labels, key=key, reverse=True))


def _with_next_line(outer: str, m: str, extents: dict[str, Dimension], left: Strided, out: Strided) -> tuple[str, str]:
    """Takes short lines of a picture together with the axis of its lines, so that tiles become high enough."""
    if not outer or not m:
        return outer, m
    lines, extent = outer[-1], length(m, extents)
    known = [extents[lines], extent, left.strides[lines], left.strides[m[-1]]]
    if not all(isinstance(d, int) for d in known) or not is_axis(lines + m, extents, out.strides):
        return outer, m
    return (outer[:-1], lines + m) if len(m) == 1 and extent <= SHORT_LINE else (outer, m)  # type: ignore[operator]


def _kept(memory: Places, node: Node, buffer: Buffer, labels: str) -> Strided:
    """How the result lies in its buffer."""
    layout = contiguous(buffer, labels, buffer.shape)
    offset: Dimension = 0
    for label, low in zip(labels, memory.low(node)):
        offset = offset + (layout.strides[label] * low if low else 0)
    return replace(layout, offset=offset)


def contiguous(buffer: Buffer, labels: str, shape: Sequence[Dimension]) -> Strided:
    """An array of this shape from the beginning of a buffer on."""
    strides: dict[str, Dimension] = {}
    step: Dimension = 1
    for label, extent in reversed(list(zip(labels, shape))):
        strides[label] = step
        step = extent if step == 1 else step * extent
    return Strided(buffer, 0, strides)


def loop_extent(variables: list[Expr]) -> Dimension:
    """The extent of all these loops as one, as a bound; where symbols would multiply, of the first of them."""
    result: Dimension = 1
    for v in variables:
        if isinstance(result, Dim) and isinstance(v.attr[1], Dim):
            return result
        result = result * v.attr[1]
    return result
