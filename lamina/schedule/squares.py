"""Squares of pictures that overlap, and the transforms of Winograd's method: what its kernels are put together of.

With the points 0, 1, -1, 2, -2 and infinity, a square of 6x6 and a square of 4x4 give 3x3 sums of products, or one of
3x3 gives 4x4, by 36 multiplications. Rounding errors are some ten times those of the direct sums: about 1e-5 of the
largest result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.base.dims import Dimension
from lamina.schedule.collapse import unflatten
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.operands import Strided, place
from lamina.schedule.spread import share_out

SQUARE, RESULT, TAPS = 6, 4, 3
# Operations of a transform, for each channel of a square.
WORK = 25
# Channels from which the products outweigh the transforms.
LEAST_CHANNELS = 32
# Part of the squares at the right and bottom edge may lie outside; more of that, and nothing is gained.
LEAST_USED = 0.5

Matrix = tuple[tuple[float, ...], ...]

# Of squares, of kernels, of results (whose gradient takes the part of a kernel), and back to results and to kernels.
OF_SQUARES: Matrix = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
OF_KERNELS: Matrix = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
OF_RESULTS: Matrix = (
    (1 / 4, 0, 0, 0), (-1 / 6, -1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6, 1 / 6),
    (1 / 24, 1 / 12, 1 / 6, 1 / 3), (1 / 24, -1 / 12, 1 / 6, -1 / 3), (0, 0, 0, 1),
)  # fmt: skip
TO_RESULTS: Matrix = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
TO_KERNELS: Matrix = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 1))


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory.

    Attributes:
        batch, down, across, channel: their labels; batch is "" for a single one.
        channels: how many; border: lines and columns around the results that a square may reach into.
        size: of the squares that are read; matrix: their transform.
    """

    layout: Strided
    batch: str
    down: str
    across: str
    channel: str
    channels: int
    border: int
    size: int
    matrix: Matrix


def pays(height: int, width: int, inner: int, outer: int) -> bool:
    """Whether the method gains time for results of this size, with so many channels on both sides."""
    used = height * width / (squares(height) * squares(width) * RESULT**2)
    return min(inner, outer) >= LEAST_CHANNELS and used > LEAST_USED


def squares(extent: int) -> int:
    """Squares next to each other on an axis of results."""
    return -(-extent // RESULT)


class SquareKernels:
    """Kernels over all squares of a batch.

    Args:
        name, label: of the kernels.
        rows: of the batch; height, width: of the results.
    """

    def __init__(self, b: Builder, name: str, label: str, rows: Dimension, height: int, width: int):
        self.b, self.name, self.label = b, name, label
        self.rows, self.height, self.width = rows, height, width
        self.down, self.across = squares(height), squares(width)

    @property
    def count(self) -> Dimension:
        """The squares of the whole batch."""
        return self.rows * (self.down * self.across)

    def of_pictures(self, word: str, pictures: Pictures, goal: Buffer) -> Kernel:
        """Transforms all squares; what of them is outside of the pictures counts as 0."""
        b, p = self.b, pictures
        number, (batch, y, x) = self.numbered()
        channel = b.variable(p.channels)

        def pixel(i: int, j: int) -> Expr:
            row, row_inside = self._within(y, i, self.down, self.height + p.border)
            column, column_inside = self._within(x, j, self.across, self.width + p.border)
            at = {p.down: row, p.across: column, p.channel: channel} | ({p.batch: batch} if p.batch else {})
            value = b.cast(b.load(p.layout.buffer, place(b, p.layout, at)), "float32")
            for inside in (row_inside, column_inside):
                value = value if inside is None else b.select(inside, value, b.const(0, "float32"))
            return value

        pixels = [[pixel(i, j) for j in range(p.size)] for i in range(p.size)]
        body = self.stores(goal, transform(b, p.matrix, pixels), (number, channel))
        return self.shared(f"{self.name}_{word}", number, [self.over(channel, body)], p.channels)

    def numbered(self) -> tuple[Expr, list[Expr]]:
        """A variable that numbers all squares, and what it says: which of the batch, how far down and across."""
        b = self.b
        variables = [b.variable(d) for d in (self.rows, self.down, self.across)]
        number = b.variable(self.count)
        places = unflatten(b, number, variables)
        return number, [places[v] for v in variables]

    def shared(self, name: str, number: Expr, body: list[Statement], channels: int) -> Kernel:
        """A body for every value of a variable."""
        return share_out(self.b, name, number, self.b.dim(number.attr[1]), body, WORK * channels, self.label)

    def over(self, item: Expr, body: list[Statement]) -> Statement:
        """Vectors over channels."""
        return Loop(item, self.b.const(0, INDEX), self.b.dim(item.attr[1]), body, vector=True)

    def stores(self, goal: Buffer, values: list[list[Expr]], rest: tuple[Expr, Expr]) -> list[Statement]:
        """A transformed square goes to 36 places that are far apart: a matrix for each."""
        b = self.b
        return [
            Store(goal, b.linear((b.const(i * SQUARE + j, INDEX), *rest), goal.shape), value)
            for i, row in enumerate(values)
            for j, value in enumerate(row)
        ]

    def element(self, source: Buffer, place_in_square: tuple[int, int], rest: tuple[Expr, Expr]) -> Expr:
        """What such a matrix holds."""
        i, j = place_in_square
        return self.b.load(source, self.b.linear((self.b.const(i * SQUARE + j, INDEX), *rest), source.shape))

    def _within(self, square: Expr, offset: int, count: int, extent: int) -> tuple[Expr, Expr | None]:
        """A position on an axis; whether it is inside, None where it always is."""
        b, last = self.b, extent - 1
        position = b.add(b.mul(square, b.const(RESULT, INDEX)), b.const(offset, INDEX))
        if (count - 1) * RESULT + offset <= last:
            return position, None
        return b.min(position, b.const(last, INDEX)), b.le(position, b.const(last, INDEX))


def transform(b: Builder, matrix: Matrix, values: list[list[Expr]]) -> list[list[Expr]]:
    """`matrix @ values @ matrix.T`, written out."""
    columns = list(zip(*values, strict=True))
    half = [[_combined(b, factors, column) for column in columns] for factors in matrix]
    return [[_combined(b, factors, row) for factors in matrix] for row in half]


def _combined(b: Builder, factors: Sequence[float], terms: Sequence[Expr]) -> Expr:
    """The sum of the terms times their factors."""
    total: Expr | None = None
    for factor, term in sorted(zip(factors, terms, strict=True), key=lambda pair: -pair[0]):
        if factor == 0:
            continue
        if total is None:
            total = term if factor == 1 else b.mul(term, b.const(factor, term.dtype))
        elif factor in (1, -1):
            total = b.add(total, term) if factor == 1 else b.sub(total, term)
        else:
            total = b.fma(term, b.const(factor, term.dtype), total)
    assert total is not None
    return total
