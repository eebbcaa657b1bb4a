"""3x3 convolutions with stride 1 by fewer multiplications: F(4x4, 3x3) of Winograd, as Lavin and Gray (2016) use it.

A picture is cut into squares of 6x6 that overlap by 2. Squares and kernels are transformed by sums alone; one product
for each of the 36 places in a square then does what takes 144 multiplications a square otherwise; the results
are transformed back to squares of 4x4. The transforms cost memory traffic instead, so that many channels are
needed for it to pay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lamina.base.dims import is_static
from lamina.graph import Node, input_node
from lamina.primitives import contract
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group, Member
from lamina.schedule.loops import Kernel, Loop, Statement
from lamina.schedule.nests import describe
from lamina.schedule.operands import place
from lamina.schedule.places import Places
from lamina.schedule.product import Product
from lamina.schedule.squares import (
    OF_KERNELS,
    OF_SQUARES,
    RESULT,
    SQUARE,
    TAPS,
    TO_RESULTS,
    Pictures,
    SquareKernels,
    pays,
    transform,
)

# Squares from which transformed kernels, which are four times as large, are read often enough.
LEAST_SQUARES = 8

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
    if not all(isinstance(d, int) for d in [*sizes, *strides]) or not pays(*sizes):  # type: ignore[arg-type]
        return None
    return Geometry("".join(batch), down, across, taps[left[down]], taps[left[across]], inner[0], p.n)


def choose(winograd: Winograd, direct: Callable[[], list[Kernel]]) -> list[Kernel]:
    """The kernels of a convolution; where the batch decides whether there are enough squares, those of both ways.

    Of these, one way has no tasks at all. A program that trains is for batches of many rows, and has one way.
    """
    count = winograd.over.count
    if isinstance(count, int):
        return winograd.kernels() if count >= LEAST_SQUARES else direct()
    if winograd.p.right.buffer.role != "weight" or winograd.over.down * winograd.over.across >= LEAST_SQUARES:
        return winograd.kernels()
    b, one = winograd.b, winograd.b.const(1, INDEX)
    many = b.min(one, b.floordiv(b.dim(count), b.const(LEAST_SQUARES, INDEX)))
    return [*_only_if(b, many, winograd.kernels()), *_only_if(b, b.sub(one, many), direct())]


def _only_if(b: Builder, wanted: Expr, kernels: list[Kernel]) -> list[Kernel]:
    """The kernels with no tasks where `wanted` is 0, but for those of weights alone, which may be kept for later."""
    of_batch = [any(not is_static(buffer.shape) for buffer in kernel.written()) for kernel in kernels]
    return [replace(k, tasks=b.mul(k.tasks, wanted)) if open_ else k for k, open_ in zip(kernels, of_batch)]


class ThroughSquares:
    """What lowers one contraction, and what is fused behind it, by way of squares.

    Args:
        multiply: lowers the products, a group of a contraction alone.
    """

    def __init__(self, group: Group, memory: Places, name: str, p: Product, geometry: Geometry, multiply: Multiply):
        self.b = Builder()
        self.group, self.memory, self.name, self.p, self.g, self.multiply = group, memory, name, p, geometry, multiply
        self.node = group.members[0].node
        size = p.extents
        height, width, self.inner, self.outer = (
            int(size[x])  # type: ignore[arg-type]
            for x in (geometry.down, geometry.across, geometry.inner, geometry.outer)
        )
        rows = size[geometry.batch] if geometry.batch else 1
        self.over = SquareKernels(self.b, name, describe(group.nodes), rows, height, width)

    def products(self, left: Node, right: Node, labels: tuple[str, str, str]) -> tuple[Places, Buffer, list[Kernel]]:
        """The matrices of all 36 places multiplied: memory for the operands, that of the results, and the kernels."""
        product, memory = contract(left, right, labels), Places()
        for number, node in enumerate((left, right, product)):
            memory[node] = Buffer(f"{self.name}_w{number}", node.shape, "float32", "temporary")
        group = Group([Member(product, product.shape, (), {}, set())], "contract", 3)
        kernels = self.multiply(group, memory, f"{self.name}_m")
        for kernel in kernels:
            kernel.label = self.over.label
        return memory, memory[product], kernels


class Winograd(ThroughSquares):
    """Lowers one convolution and its epilogue."""

    def kernels(self) -> list[Kernel]:
        """The kernels in order; the first one, of weights alone, transforms those of the convolution."""
        places, g = SQUARE * SQUARE, self.g
        along_outer = self.p.right.strides[g.outer] == 1
        kept = (self.inner, self.outer) if along_outer else (self.outer, self.inner)
        pictures = input_node((places, self.over.count, self.inner), "float32", f"{self.name}_squares")
        weights = input_node((places, *kept), "float32", f"{self.name}_kernels")
        labels = ("xmk", "xkn" if along_outer else "xnk", "xmn")
        memory, result, products = self.products(pictures, weights, labels)
        read = Pictures(self.p.left, g.batch, g.down, g.across, g.inner, self.inner, TAPS - 1, SQUARE, OF_SQUARES)
        before = [
            self._of_kernels(memory[weights], along_outer),
            self.over.of_pictures("squares", read, memory[pictures]),
        ]
        return [*before, *products, self._back(result)]

    def _of_kernels(self, goal: Buffer, along_outer: bool) -> Kernel:
        b, g = self.b, self.g
        inner, outer = b.variable(self.inner), b.variable(self.outer)

        def tap(i: int, j: int) -> Expr:
            at = {g.tap_down: b.const(i, INDEX), g.tap_across: b.const(j, INDEX), g.inner: inner, g.outer: outer}
            return b.cast(b.load(self.p.right.buffer, place(b, self.p.right, at)), "float32")

        taps = [[tap(i, j) for j in range(TAPS)] for i in range(TAPS)]
        line, item = (inner, outer) if along_outer else (outer, inner)
        body = [self.over.over(item, self.over.stores(goal, transform(b, OF_KERNELS, taps), (line, item)))]
        return self.over.shared(f"{self.name}_kernels", line, body, int(item.attr[1]))

    def _back(self, source: Buffer) -> Kernel:
        b, over = self.b, self.over
        number, square = over.numbered()
        channel = b.variable(self.outer)
        elements = [[over.element(source, (i, j), (number, channel)) for j in range(SQUARE)] for i in range(SQUARE)]
        values = transform(b, TO_RESULTS, elements)
        loops: list[Statement] = []
        for down, rows in _ends(b, square[1], over.down, over.height):
            for across, columns in _ends(b, square[2], over.across, over.width):
                body = [
                    store
                    for i in range(rows)
                    for j in range(columns)
                    for store in self._finish(values[i][j], square, (i, j), channel)
                ]
                times = b.cast(b.bit_and(down, across), INDEX)
                loops.append(Loop(b.variable(1), b.const(0, INDEX), times, [over.over(channel, body)]))
        return over.shared(self.name, number, loops, self.outer)

    def _finish(self, value: Expr, square: list[Expr], place: tuple[int, int], channel: Expr) -> list[Statement]:
        """What follows the convolution, at one of the results of a square."""
        b, g = self.b, self.g
        batch, y, x = square
        row = b.add(b.mul(y, b.const(RESULT, INDEX)), b.const(place[0], INDEX))
        column = b.add(b.mul(x, b.const(RESULT, INDEX)), b.const(place[1], INDEX))
        at = {g.batch: batch, g.down: row, g.across: column, g.outer: channel}
        index = tuple(at.get(label, b.const(0, INDEX)) for label in self.node.attrs["labels"][2])
        return epilogue(b, self.group, self.memory, value, index)


def _ends(b: Builder, square: Expr, count: int, extent: int) -> list[tuple[Expr, int]]:
    """Which squares have how many results inside of the picture: all of them, and the last one on the axis."""
    rest = extent - (count - 1) * RESULT
    if rest == RESULT:
        return [(b.const(True, "bool"), RESULT)]
    last = b.eq(square, b.const(count - 1, INDEX))
    return [(b.bit_not(last), RESULT), (last, rest)]
