"""3x3 convolutions with stride 1 by fewer multiplications: F(4x4, 3x3) of Winograd, as Lavin and Gray (2016) use it.

A picture is cut into squares of 6x6 that overlap by 2. Squares and kernels are transformed by sums alone; one product
for each of the 36 places in a square then does what takes 144 multiplications a square otherwise; the results
are transformed back to squares of 4x4. The transforms cost memory traffic instead, so that many channels are
needed for it to pay. Rounding errors are some ten times those of the direct sum: about 1e-5 of the largest result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lamina.base.dims import Dimension, is_static
from lamina.graph import Node, input_node
from lamina.primitives import contract
from lamina.schedule.collapse import unflatten
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group, Member
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.nests import describe
from lamina.schedule.operands import place
from lamina.schedule.places import Places
from lamina.schedule.product import Product
from lamina.schedule.spread import share_out

SQUARE, RESULT, TAPS = 6, 4, 3
# Channels from which the products outweigh the transforms.
LEAST_CHANNELS = 32
# Operations of a transform, for each channel of a square.
WORK = 25
# Squares from which transformed kernels, which are four times as large, are read often enough.
LEAST_SQUARES = 8
# Part of the squares at the right and bottom edge may lie outside; more of that, and nothing is gained.
LEAST_USED = 0.5

# The transforms for the points 0, 1, -1, 2, -2 and infinity: of squares, of kernels, and back.
OF_SQUARES = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
OF_KERNELS = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
BACK = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))

Matrix = tuple[tuple[float, ...], ...]
Multiply = Callable[[Group, Places, str], list[Kernel]]


@dataclass(frozen=True)
class Geometry:
    """The labels of such a convolution: rows of the batch ("" for one), the picture's axes, the kernel's, channels."""

    batch: str
    down: str
    across: str
    tap_down: str
    tap_across: str
    inner: str
    outer: str


def find_geometry(node: Node, p: Product) -> Geometry | None:
    """The labels, where a contraction is a 3x3 convolution that this pays for; None for any other."""
    if node.dtype != "float32" or len(p.n) != 1:
        return None
    left, right, size = p.left.strides, p.right.strides, p.extents
    kept = [x for x in node.attrs["labels"][2] if x in size and x in left and x not in right]
    summed = "".join(p.levels)
    inner = [x for x in summed if left[x] == 1]
    taps = {left[x]: x for x in summed if size[x] == TAPS and left[x] != 1}
    if not 2 <= len(kept) <= 3 or len(summed) != 3 or len(inner) != 1 or len(taps) != 2:
        return None
    *batch, down, across = kept
    if any(x in right for x in p.outer) or left[down] not in taps or left[across] not in taps:
        return None
    sizes = [size[x] for x in (down, across, inner[0], p.n)]
    strides = [*left.values(), *right.values()]
    if not all(isinstance(d, int) for d in [*sizes, *strides]) or not _pays(*sizes):  # type: ignore[arg-type]
        return None
    return Geometry("".join(batch), down, across, taps[left[down]], taps[left[across]], inner[0], p.n)


def _pays(height: int, width: int, inner: int, outer: int) -> bool:
    used = height * width / (squares(height) * squares(width) * RESULT**2)
    return min(inner, outer) >= LEAST_CHANNELS and used > LEAST_USED


def choose(winograd: Winograd, direct: Callable[[], list[Kernel]]) -> list[Kernel]:
    """The kernels of a convolution; where the batch decides whether there are enough squares, those of both ways.

    Of these, one way has no tasks at all. A program that trains is for batches of many rows, and has one way.
    """
    count = winograd.count
    if isinstance(count, int):
        return winograd.kernels() if count >= LEAST_SQUARES else direct()
    if winograd.p.right.buffer.role != "weight" or winograd.down * winograd.across >= LEAST_SQUARES:
        return winograd.kernels()
    b, one = winograd.b, winograd.b.const(1, INDEX)
    many = b.min(one, b.floordiv(b.dim(count), b.const(LEAST_SQUARES, INDEX)))
    return [*_only_if(b, many, winograd.kernels()), *_only_if(b, b.sub(one, many), direct())]


def _only_if(b: Builder, wanted: Expr, kernels: list[Kernel]) -> list[Kernel]:
    """The kernels with no tasks where `wanted` is 0, but for those of weights alone, which may be kept for later."""
    of_batch = [any(not is_static(buffer.shape) for buffer in kernel.written()) for kernel in kernels]
    return [replace(k, tasks=b.mul(k.tasks, wanted)) if open_ else k for k, open_ in zip(kernels, of_batch)]


def squares(extent: int) -> int:
    return -(-extent // RESULT)


class Winograd:
    """Lowers one convolution and its epilogue.

    Args:
        multiply: lowers the products, a group of a contraction alone.
    """

    def __init__(self, group: Group, memory: Places, name: str, p: Product, geometry: Geometry, multiply: Multiply):
        self.b = Builder()
        self.group, self.memory, self.name, self.p, self.g, self.multiply = group, memory, name, p, geometry, multiply
        self.node = group.members[0].node
        size = p.extents
        self.rows: Dimension = size[geometry.batch] if geometry.batch else 1
        self.height, self.width = int(size[geometry.down]), int(size[geometry.across])  # type: ignore[arg-type]
        self.inner, self.outer = int(size[geometry.inner]), int(size[geometry.outer])  # type: ignore[arg-type]
        self.down, self.across = squares(self.height), squares(self.width)
        self.label = describe(group.nodes)

    @property
    def count(self) -> Dimension:
        """The squares of the whole batch."""
        return self.rows * (self.down * self.across)

    def kernels(self) -> list[Kernel]:
        """The kernels in order; the first one, of weights alone, transforms those of the convolution."""
        places, count = SQUARE * SQUARE, self.count
        along_outer = self.p.right.strides[self.g.outer] == 1
        kept = (self.inner, self.outer) if along_outer else (self.outer, self.inner)
        pictures = input_node((places, count, self.inner), "float32", f"{self.name}_squares")
        weights = input_node((places, *kept), "float32", f"{self.name}_kernels")
        product = contract(pictures, weights, ("xmk", "xkn" if along_outer else "xnk", "xmn"))
        memory = Places()
        for number, node in enumerate((pictures, weights, product)):
            memory[node] = Buffer(f"{self.name}_w{number}", node.shape, "float32", "temporary")
        member = Member(product, product.shape, (), {}, set())
        products = self.multiply(Group([member], "contract", 3), memory, f"{self.name}_m")
        for kernel in products:
            kernel.label = self.label
        before = [self._of_kernels(memory[weights], along_outer), self._of_squares(memory[pictures])]
        return [*before, *products, self._back(memory[product])]

    # Transforms

    def _of_kernels(self, goal: Buffer, along_outer: bool) -> Kernel:
        b, g = self.b, self.g
        inner, outer = b.variable(self.inner), b.variable(self.outer)

        def tap(i: int, j: int) -> Expr:
            at = {g.tap_down: b.const(i, INDEX), g.tap_across: b.const(j, INDEX), g.inner: inner, g.outer: outer}
            return self.p.right.element(b, place(b, self.p.right, at))

        taps = [[tap(i, j) for j in range(TAPS)] for i in range(TAPS)]
        line, item = (inner, outer) if along_outer else (outer, inner)
        body = [self._over(item, self._stores(goal, transform(b, OF_KERNELS, taps), (line, item)))]
        count = b.dim(line.attr[1])
        work = WORK * int(item.attr[1])
        return share_out(b, f"{self.name}_kernels", line, count, body, work, self.label)

    def _of_squares(self, goal: Buffer) -> Kernel:
        b, p, g = self.b, self.p, self.g
        number, square = self._squares()
        channel = b.variable(self.inner)
        batch, y, x = square

        def pixel(i: int, j: int) -> Expr:
            """An element of a square; past the end of the picture, 0."""
            row, row_inside = self._within(y, i, self.down, self.height)
            column, column_inside = self._within(x, j, self.across, self.width)
            at = {g.down: row, g.across: column, g.inner: channel} | ({g.batch: batch} if g.batch else {})
            value = p.left.element(b, place(b, p.left, at))
            for inside in (row_inside, column_inside):
                value = value if inside is None else b.select(inside, value, b.const(0, "float32"))
            return value

        pixels = [[pixel(i, j) for j in range(SQUARE)] for i in range(SQUARE)]
        body = self._stores(goal, transform(b, OF_SQUARES, pixels), (number, channel))
        return self._shared(f"{self.name}_squares", number, [self._over(channel, body)], self.inner)

    def _back(self, source: Buffer) -> Kernel:
        b = self.b
        number, square = self._squares()
        channel = b.variable(self.outer)

        def element(i: int, j: int) -> Expr:
            return b.load(source, b.linear((b.const(i * SQUARE + j, INDEX), number, channel), source.shape))

        values = transform(b, BACK, [[element(i, j) for j in range(SQUARE)] for i in range(SQUARE)])
        loops: list[Statement] = []
        for down, rows in _ends(b, square[1], self.down, self.height):
            for across, columns in _ends(b, square[2], self.across, self.width):
                body = [
                    store
                    for i in range(rows)
                    for j in range(columns)
                    for store in self._finish(values[i][j], square, (i, j), channel)
                ]
                times = b.cast(b.bit_and(down, across), INDEX)
                loops.append(Loop(b.variable(1), b.const(0, INDEX), times, [self._over(channel, body)]))
        return self._shared(self.name, number, loops, self.outer)

    def _finish(self, value: Expr, square: list[Expr], place: tuple[int, int], channel: Expr) -> list[Statement]:
        """What follows the convolution, at one of the results of a square."""
        b, g = self.b, self.g
        batch, y, x = square
        row = b.add(b.mul(y, b.const(RESULT, INDEX)), b.const(place[0], INDEX))
        column = b.add(b.mul(x, b.const(RESULT, INDEX)), b.const(place[1], INDEX))
        at = {g.batch: batch, g.down: row, g.across: column, g.outer: channel}
        index = tuple(at.get(label, b.const(0, INDEX)) for label in self.node.attrs["labels"][2])
        return epilogue(b, self.group, self.memory, value, index)

    # Pieces

    def _squares(self) -> tuple[Expr, list[Expr]]:
        """A variable that numbers all squares, and what it says: which of the batch, how far down and across."""
        b = self.b
        variables = [b.variable(d) for d in (self.rows, self.down, self.across)]
        number = b.variable(self.count)
        places = unflatten(b, number, variables)
        return number, [places[v] for v in variables]

    def _shared(self, name: str, number: Expr, body: list[Statement], channels: int) -> Kernel:
        """A body for every square."""
        return share_out(self.b, name, number, self.b.dim(number.attr[1]), body, WORK * channels, self.label)

    def _over(self, item: Expr, body: list[Statement]) -> Statement:
        """Vectors over channels."""
        return Loop(item, self.b.const(0, INDEX), self.b.dim(item.attr[1]), body, vector=True)

    def _within(self, square: Expr, offset: int, count: int, extent: int) -> tuple[Expr, Expr | None]:
        """A position on an axis of the picture with its border; whether it is inside, None where it always is."""
        b, last = self.b, extent + TAPS - 2
        position = b.add(b.mul(square, b.const(RESULT, INDEX)), b.const(offset, INDEX))
        if (count - 1) * RESULT + offset <= last:
            return position, None
        return b.min(position, b.const(last, INDEX)), b.le(position, b.const(last, INDEX))

    def _stores(self, goal: Buffer, values: list[list[Expr]], rest: tuple[Expr, Expr]) -> list[Statement]:
        b = self.b
        return [
            Store(goal, b.linear((b.const(i * SQUARE + j, INDEX), *rest), goal.shape), value)
            for i, row in enumerate(values)
            for j, value in enumerate(row)
        ]


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


def _ends(b: Builder, square: Expr, count: int, extent: int) -> list[tuple[Expr, int]]:
    """Which squares have how many results inside of the picture: all of them, and the last one on the axis."""
    rest = extent - (count - 1) * RESULT
    if rest == RESULT:
        return [(b.const(True, "bool"), RESULT)]
    last = b.eq(square, b.const(count - 1, INDEX))
    return [(b.bit_not(last), RESULT), (last, rest)]
