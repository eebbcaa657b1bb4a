"""Calls of the matrix-multiply microkernel for a band of rows: every height and width of tile that can occur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.base.dims import Dimension
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.loops import Address, Call, Loop, Routine, Statement
from lamina.schedule.operands import Strided
from lamina.schedule.product import Product


@dataclass
class Band:
    """Up to `rows` rows of C, between two columns, and a stretch of k.

    Attributes:
        outer: positions of the outer labels.
        row: first row; height: how many there are.
        start, end: columns.
        depth: where each level of k begins; counts: how far it goes.
        even: whether the columns are whole tiles for sure.
    """

    outer: Mapping[str, Expr]
    row: Expr
    height: Expr
    start: Expr
    end: Expr
    depth: Sequence[Expr]
    counts: Sequence[Expr]
    even: bool = False


class LeftInPlace:
    """A, read where it lies."""

    def __init__(self, b: Builder, product: Product):
        self.b, self.product = b, product
        self.row_stride = product.stride(product.left, product.m)
        self.steps = [b.dim(product.stride(product.left, level)) for level in product.levels]
        self.mode = (
            "adjacent" if self.row_stride == 1 and product.stride(product.left, product.levels[-1]) != 1 else "strided"
        )

    def block(self, height: int) -> tuple[int, int, int]:
        """How the rows of a tile lie, for mode `blocks`; all zero where a stride says it."""
        p = self.product
        if not p.line or height <= p.line:
            return (0, 0, 0)
        near, far = (p.left.strides[label] for label in (p.m[-1], p.m[-2]))
        return (p.line, int(near), int(far))  # type: ignore[arg-type]

    def start(self, band: Band, top: Expr) -> tuple[Address, Expr]:
        """The first row's address, and the distance of the rows."""
        left = self.product.left
        index = self.product.place(self.b, left, band.outer, band.depth, m=self.b.add(band.row, top))
        return Address(left.buffer, index), self.b.dim(self.row_stride)


class LeftCopied:
    """A block of A, copied together: rows one after the other, or panels as wide as a tile is high."""

    def __init__(self, b: Builder, buffer: Buffer, first_row: Expr, rows: int, panels: bool):
        self.b, self.buffer, self.first_row, self.rows, self.panels = b, buffer, first_row, rows, panels
        self.mode = "adjacent" if panels else "strided"
        self.steps = [b.const(rows if panels else 1, INDEX)]

    def block(self, height: int) -> tuple[int, int, int]:
        return (0, 0, 0)

    def start(self, band: Band, top: Expr) -> tuple[Address, Expr]:
        b, count = self.b, band.counts[-1]
        block = b.mul(b.sub(band.row, self.first_row), count)
        if self.panels:
            return Address(self.buffer, b.add(block, top)), b.const(1, INDEX)
        return Address(self.buffer, b.add(block, b.mul(top, count))), count


class RightInPlace:
    """B, read where it lies; n is contiguous there."""

    def __init__(self, b: Builder, product: Product):
        self.b, self.product = b, product
        self.steps = [b.dim(product.stride(product.right, level)) for level in product.levels]

    def start(self, band: Band, column: Expr) -> Address:
        p = self.product
        return Address(p.right.buffer, p.place(self.b, p.right, band.outer, band.depth, n=column))


class RightPacked:
    """B in zero-padded panels of `width` columns, for every place of the labels in `outer`."""

    def __init__(self, b: Builder, buffer: Buffer, product: Product, outer: Sequence[str], width: int):
        self.b, self.buffer, self.outer, self.width = b, buffer, outer, width
        self.steps: list[Expr] = []
        step: Dimension = width
        for level in reversed(product.levels):
            self.steps.insert(0, b.dim(step))
            step = step * product.size(level)

    def start(self, band: Band, column: Expr) -> Address:
        b, zero = self.b, self.b.const(0, INDEX)
        index = (*(band.outer[x] for x in self.outer), b.floordiv(column, b.const(self.width, INDEX)), zero, zero)
        place = b.linear(index, self.buffer.shape)
        for begin, step in zip(band.depth, self.steps):
            place = b.add(place, b.mul(begin, step))
        return Address(self.buffer, place)


class RightCopied:
    """A block of B in panels of `width` columns and `steps` of k; it begins with a band's first column and step."""

    def __init__(self, b: Builder, buffer: Buffer, steps: int, width: int):
        self.b, self.buffer, self.block = b, buffer, steps
        self.steps = [b.const(width, INDEX)]

    def start(self, band: Band, column: Expr) -> Address:
        b = self.b
        return Address(self.buffer, b.mul(b.sub(column, band.start), b.const(self.block, INDEX)))


class GoalInPlace:
    """C itself, or memory laid out like it, which begins at `base`."""

    def __init__(self, b: Builder, product: Product, layout: Strided, base: Expr | None = None):
        self.b, self.product, self.layout = b, product, layout
        self.buffer = layout.buffer
        self.base = base if base is not None else b.const(0, INDEX)

    def arguments(self, band: Band, top: Expr, column: Expr) -> list[Address | Expr]:
        b, p = self.b, self.product
        index = p.place(b, self.layout, band.outer, m=b.add(band.row, top), n=column)
        return [Address(self.buffer, b.add(self.base, index)), b.dim(p.stride(self.layout, p.m))]

    def ahead(self, band: Band, top: Expr, column: Expr) -> list[Address | Expr]:
        return []


class GoalScratch:
    """A scratch band, `length` elements a row, that is finished before the next one is computed.

    Attributes:
        last: where what follows the product is stored, None where that is unlike the product itself.
    """

    def __init__(self, b: Builder, buffer: Buffer, length: int, last: GoalInPlace | None):
        self.b, self.buffer, self.length, self.last = b, buffer, length, last

    def arguments(self, band: Band, top: Expr, column: Expr) -> list[Address | Expr]:
        b, length = self.b, self.b.const(self.length, INDEX)
        return [Address(self.buffer, b.add(b.mul(top, length), b.sub(column, band.start))), length]

    def ahead(self, band: Band, top: Expr, column: Expr) -> list[Address | Expr]:
        return [] if self.last is None else self.last.arguments(band, top, column)


Left = LeftInPlace | LeftCopied
Right = RightInPlace | RightPacked | RightCopied
Goal = GoalInPlace | GoalScratch


class TileCalls:
    """Covers bands of C with calls of microkernels.

    Args:
        rows, vectors: shape of the full tile; lanes: of a vector.
        m, n: sizes of the whole product, by which the tiles that can occur are known.
        masks: whether the last vector of a tile may be partial.
    """

    def __init__(
        self, b: Builder, dtype: str, rows: int, vectors: int, lanes: int, m: Dimension, n: Dimension, masks: bool
    ):
        self.b, self.dtype, self.rows, self.vectors, self.lanes = b, dtype, rows, vectors, lanes
        self.m, self.n, self.masks = m, n, masks

    def heights(self) -> list[int]:
        """Tile heights that may occur: the full one, and what the last band can be made of."""
        if not isinstance(self.m, int):
            return [self.rows, *(h for h in (4, 1) if h < self.rows)]
        if self.m < self.rows:
            return [max(self.m, 1)]
        return [self.rows, *([self.m % self.rows] if self.m % self.rows else [])]

    def band(
        self,
        band: Band,
        left: Left,
        right: Right,
        goal: Goal,
        again: Expr | bool = False,
    ) -> list[Statement]:
        """The calls for one band: each height in a loop that runs as often as there are such tiles.

        Args:
            again: add to what C holds already.
        """
        b = self.b
        again = b.const(again, "bool") if isinstance(again, bool) else again
        statements: list[Statement] = []
        done = b.const(0, INDEX)
        for height in self.heights():
            size = b.const(height, INDEX)
            times = b.floordiv(b.sub(band.height, done), size)
            if times.op == "const" and times.attr == 0:
                continue
            number = b.variable(max(1, self.rows // height))
            top = b.add(done, b.mul(number, size))
            calls = self._columns(band, top, height, left, right, goal, again)
            statements.append(Loop(number, b.const(0, INDEX), times, calls))
            done = b.add(done, b.mul(times, size))
        return statements

    def _columns(
        self, band: Band, top: Expr, height: int, left: Left, right: Right, goal: Goal, again: Expr
    ) -> list[Statement]:
        """Whole tiles from the first column on, then one that is narrower."""
        b = self.b

        def call(column: Expr, vectors: int, columns: Expr | None) -> Call:
            block = left.block(height)
            mode = "blocks" if block[0] else left.mode
            levels = list(zip(band.counts, left.steps, right.steps))
            ahead = goal.ahead(band, top, column)
            routine = Routine(
                "multiply", self.dtype, vectors, height, mode, columns is not None, len(levels), block, bool(ahead)
            )
            count, a_step, b_step = levels.pop()
            arguments: list[Address | Expr] = [*left.start(band, top), a_step, right.start(band, column), b_step, count]
            arguments += [*goal.arguments(band, top, column), again, *ahead]
            arguments += [] if columns is None else [columns]
            return Call(routine, [*arguments, *(x for level in reversed(levels) for x in level)], [goal.buffer])

        width, zero = b.const(self.vectors * self.lanes, INDEX), b.const(0, INDEX)
        extent = b.sub(band.end, band.start)
        whole = b.floordiv(extent, width)
        number = b.variable(tile_bound(self.n, self.vectors * self.lanes))
        statements: list[Statement] = []
        if whole.op != "const" or whole.attr:
            full = call(b.add(band.start, b.mul(number, width)), self.vectors, None)
            statements.append(Loop(number, zero, whole, [full]))
        rest = b.const(0, INDEX) if band.even else b.sub(extent, b.mul(whole, width))
        last = b.add(band.start, b.mul(whole, width))
        if rest.op == "const":
            partial = rest if rest.attr % self.lanes and self.masks else None
            return [*statements, *([call(last, -(-rest.attr // self.lanes), partial)] if rest.attr else [])]
        filled = b.floordiv(b.add(rest, b.const(self.lanes - 1, INDEX)), b.const(self.lanes, INDEX))
        for vectors in range(1, self.vectors + 1):
            present = b.cast(b.eq(filled, b.const(vectors, INDEX)), INDEX)
            narrow = call(last, vectors, rest if self.masks else None)
            statements.append(Loop(b.variable(1), zero, present, [narrow]))
        return statements


def tile_bound(extent: Dimension, step: int) -> Dimension:
    """No fewer than the tiles of an axis; only bounds of loop variables are made of it."""
    return -(-extent // step) if isinstance(extent, int) else extent
