"""Contractions as tiled matrix products around a microkernel, with what is fused behind them.

A is broadcast element by element, B is read in vectors: from memory where n is contiguous there, otherwise from
panels that a kernel of its own packs first. A task owns some rows of C, or some columns. Work behind the product (a
bias, an activation, an optimizer's update) runs on a few rows at a time, while they are in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lamina.base import dtypes
from lamina.base.dims import Dimension
from lamina.graph import Node
from lamina.schedule.blocking import Blocking, blocking
from lamina.schedule.collapse import total, unflatten
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.lowering import Index, value_of, widen
from lamina.schedule.nests import describe, rewrite
from lamina.schedule.operands import Strided
from lamina.schedule.product import Product, as_product, loop_extent
from lamina.schedule.target import Target
from lamina.schedule.tasks import MOST_TASKS, TYPICAL_EXTENT, cut, task_range
from lamina.schedule.tiles import (
    Band,
    Goal,
    GoalInPlace,
    GoalScratch,
    LeftCopied,
    LeftInPlace,
    Right,
    RightInPlace,
    RightPacked,
    TileCalls,
    tile_bound,
)

TILED_DTYPES = ("float32", "float64", "int32", "int64")
# The tile height of products whose m is open until the program runs: small batches divide by it.
OPEN_ROWS = 8
# Columns of C that are finished together: a scratch band of them stays in the level-1 cache.
SCRATCH_COLUMNS = 512
# Large products are cut into a multiple of this many tasks, which few threads can share out evenly.
EVEN_TASKS = 4
# Blocks of columns that are shared out before rows are.
COLUMN_BLOCKS = 8


class TiledContraction:
    """Lowers a contraction and its epilogue; `kernels()` is None where plain loops serve better."""

    def __init__(self, group: Group, memory: Mapping[Node, Buffer], name: str, target: Target):
        self.b = Builder()
        self.group = group
        self.memory = memory
        self.name = name
        self.target = target
        self.node = group.members[0].node
        self.dtype = self.node.dtype
        self.lanes = target.lanes(self.dtype)
        self.locals: list[Buffer] = []

    def kernels(self) -> list[Kernel] | None:
        if self.dtype not in TILED_DTYPES or any(n.dtype != self.dtype for n in self.node.inputs):
            return None
        stand_in = self.memory.get(self.node) or Buffer("unnamed", self.node.shape, self.dtype, "temporary")
        product = as_product(self.b, self.node, self.memory, stand_in)
        if product is None or not _worth_tiling(product):
            return None
        self.product = product
        self.plan = self._plan()
        self.calls = TileCalls(
            self.b, self.dtype, self.plan.rows, self.plan.vectors, self.lanes,
            product.size(product.m), product.size(product.n), self.target.has_masks,
        )  # fmt: skip
        self.right: Right = RightInPlace(self.b, product)
        before = [self._packing()] if self.plan.pack_b in ("panels", "transposed") else []
        return [*before, self._multiplying()]

    # Choices

    def _plan(self) -> Blocking:
        p = self.product
        m, n, k = (d if isinstance(d, int) else None for d in map(p.size, (p.m, p.n, p.k)))
        transposed = p.stride(p.right, p.n) != 1
        adjacent = p.stride(p.left, p.m) == 1
        plan = blocking(self.target, self.dtype, m, n, k, a_transposed=adjacent, b_transposed=transposed)
        rows, pack_b = plan.rows, plan.pack_b
        if m is None:
            rows = min(rows, OPEN_ROWS)
        elif m > rows and plan.pack_a == "none" and self._right_is_near():
            rows = min((rows, OPEN_ROWS), key=lambda height: _slowest_share(m, height))
        if pack_b == "edge" or (not self.target.has_masks and (n is None or n % self.lanes)):
            pack_b = "transposed" if transposed else "panels"
        if pack_b == "panels" and self.target.has_masks and (p.outer or k is None):
            # Sums of unknown length run over a batch mostly: too short for a copy of B to pay.
            pack_b = "none"
        return replace(plan, rows=rows, pack_b=pack_b)

    @property
    def width(self) -> int:
        return self.plan.vectors * self.lanes

    def _right_is_near(self) -> bool:
        """Whether B stays in the level-2 cache with room to spare, so that lower tiles cost no bandwidth."""
        p = self.product
        elements = _known(p.size(p.n)) * _known(p.size(p.k))
        return elements * dtypes.size(self.dtype) <= self.target.caches[1] // 2

    def _splits_k(self) -> bool:
        k, n = self.product.size(self.product.k), self.product.size(self.product.n)
        # Sums that grow in C itself need tiles that end where its rows do.
        exact = self.target.has_masks or (isinstance(n, int) and n % self.lanes == 0)
        return isinstance(k, int) and k > self.plan.kc and exact

    def _columns_are_shared_out(self) -> bool:
        """Whether tasks own columns before rows.

        Where m or k is open it is a batch, and B or C is a weight. Weights are then split along the same axis when
        they are read and when they are updated, so that a core finds its own part in its own cache.
        """
        p = self.product
        n, sizes = p.size(p.n), (p.size(p.m), p.size(p.k))
        is_batch = not all(isinstance(d, int) for d in sizes)
        return is_batch and isinstance(n, int) and n > self.width and not self._splits_k()

    # B in panels

    def _packing(self) -> Kernel:
        """The kernel that copies B, for every place of the outer labels, into zero-padded panels."""
        b, p = self.b, self.product
        outer = [x for x in p.outer if p.right.strides.get(x, 0) != 0]
        n, k = p.size(p.n), p.size(p.k)
        shape = (*(p.extents[x] for x in outer), tile_bound(n, self.width), k, self.width)
        packed = Buffer(f"{self.name}_panels", shape, self.dtype, "temporary")
        self.right = RightPacked(b, packed, outer, self.width)
        variables = [b.variable(d) for d in shape[:-2]]
        start = b.mul(variables[-1], b.const(self.width, INDEX))
        source = p.place(b, p.right, dict(zip(outer, variables)), n=start)
        transposed = self.plan.pack_b == "transposed"
        routine = Routine("pack_transposed" if transposed else "pack_rows", self.dtype, self.plan.vectors)
        columns = b.min(b.max(b.sub(b.dim(n), start), b.const(0, INDEX)), b.const(self.width, INDEX))
        goal = b.linear((*variables, b.const(0, INDEX), b.const(0, INDEX)), shape)
        stride = b.dim(p.stride(p.right, p.n if transposed else p.k))
        call = Call(
            routine, [Address(p.right.buffer, source), stride, b.dim(k), columns, Address(packed, goal)], [packed]
        )
        task = b.variable(MOST_TASKS)
        tasks, body = self._shared_loop(task, variables, [call], self.width * _known(k))
        return Kernel(f"{self.name}_pack", tasks, task, body, label=describe([self.node]))

    def _shared_loop(
        self, task: Expr, variables: list[Expr], body: list[Statement], work: int
    ) -> tuple[Expr, list[Statement]]:
        """Loops over all variables as one, cut into tasks."""
        b = self.b
        count = total(b, variables)
        tasks, size = cut(b, count, work)
        position = b.variable(loop_extent(variables))
        places = unflatten(b, position, variables)
        memo: dict[Expr, Expr] = {}
        body = [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body]
        return tasks, [Loop(position, *task_range(b, task, size, count), body)]

    # The product

    def _multiplying(self) -> Kernel:
        b, p = self.b, self.product
        task = b.variable(MOST_TASKS)
        rows = b.const(self.plan.rows, INDEX)
        tiles = b.floordiv(b.add(b.dim(p.size(p.m)), b.const(self.plan.rows - 1, INDEX)), rows)
        work = self.plan.rows * _known(p.size(p.n)) * _known(p.size(p.k)) // 4
        if p.outer:
            outer = [b.variable(p.extents[x]) for x in p.outer]
            body = self._all_columns(dict(zip(p.outer, outer)), b.const(0, INDEX), tiles)
            tasks, body = self._shared_loop(task, outer, body, work * max(1, _known(p.size(p.m)) // self.plan.rows))
        elif self._columns_are_shared_out():
            tasks, body = self._shared_columns(task, tiles, work)
        else:
            tasks, _ = cut(b, tiles, work)
            if self._splits_k() and tiles.op == "const":
                blocks = -(-tiles.attr // max(1, self.plan.mc // self.plan.rows))
                tasks = b.const(min(_round_up(blocks, EVEN_TASKS), tiles.attr, MOST_TASKS), INDEX)
            body = self._all_columns({}, *_share(b, task, tasks, tiles))
        return Kernel(self.name, tasks, task, body, self.locals, label=describe(self.group.nodes))

    def _shared_columns(self, task: Expr, tiles: Expr, work: int) -> tuple[Expr, list[Statement]]:
        """Tasks number the blocks of columns first, and within each the shares of the rows."""
        b, n = self.b, int(self.product.size(self.product.n))  # type: ignore[arg-type]
        panels = -(-n // self.width)
        each = -(-panels // COLUMN_BLOCKS)
        blocks = -(-panels // each)
        shares, _ = cut(b, tiles, work // blocks, most=MOST_TASKS // blocks)
        start = b.mul(b.floordiv(task, shares), b.const(each * self.width, INDEX))
        end = b.min(b.add(start, b.const(each * self.width, INDEX)), b.const(n, INDEX))
        first, last = _share(b, b.rem(task, shares), shares, tiles)
        body = self._band_by_band({}, first, last, start, end, each * self.width)
        return b.mul(shares, b.const(blocks, INDEX)), body

    def _all_columns(self, outer: dict[str, Expr], first: Expr, last: Expr) -> list[Statement]:
        """The bands from `first` to `last`, as wide as C."""
        b, n = self.b, self.product.size(self.product.n)
        if self._splits_k():
            return self._block_by_block(outer, first, last)
        return self._band_by_band(outer, first, last, b.const(0, INDEX), b.dim(n), n if isinstance(n, int) else None)

    def _tile(self) -> tuple[Expr, Expr, Expr]:
        """A variable over bands, the first row of a band, and its height."""
        b, m = self.b, self.product.size(self.product.m)
        tile = b.variable(tile_bound(m, self.plan.rows))
        row = b.mul(tile, b.const(self.plan.rows, INDEX))
        return tile, row, b.min(b.sub(b.dim(m), row), b.const(self.plan.rows, INDEX))

    def _band_by_band(
        self, outer: dict[str, Expr], first: Expr, last: Expr, start: Expr, end: Expr, most: int | None
    ) -> list[Statement]:
        """The whole of k at once: each band is finished before the next.

        Args:
            most: columns that there can be between `start` and `end`; None where that is open.
        """
        b, p = self.b, self.product
        tile, row, height = self._tile()
        zero = b.const(0, INDEX)
        band = Band(outer, row, height, start, end, zero, b.dim(p.size(p.k)))
        left = LeftInPlace(b, p)
        if len(self.group.members) == 1 and self.target.has_masks:
            return [Loop(tile, first, last, self.calls.band(band, left, self.right, GoalInPlace(b, p, p.out)))]
        block = _round_up(min(most or SCRATCH_COLUMNS, SCRATCH_COLUMNS), self.width)
        scratch = self._local("tile", self.plan.rows * block)
        goal = GoalScratch(b, scratch, block)
        if most is not None and most <= block:
            return [
                Loop(tile, first, last, [*self.calls.band(band, left, self.right, goal), *self._finish(band, goal)])
            ]
        part = b.variable(tile_bound(p.size(p.n), block))
        low = b.add(start, b.mul(part, b.const(block, INDEX)))
        narrow = replace(band, start=low, end=b.min(b.add(low, b.const(block, INDEX)), end))
        body = [*self.calls.band(narrow, left, self.right, goal), *self._finish(narrow, goal)]
        parts = b.floordiv(b.add(b.sub(end, start), b.const(block - 1, INDEX)), b.const(block, INDEX))
        return [Loop(tile, first, last, [Loop(part, zero, parts, body)])]

    def _block_by_block(self, outer: dict[str, Expr], first: Expr, last: Expr) -> list[Statement]:
        """Long sums: k in blocks, each added to what C holds; A's block is copied together where that pays."""
        b, p, plan = self.b, self.product, self.plan
        n, k = b.dim(p.size(p.n)), int(p.size(p.k))  # type: ignore[arg-type]
        goal = GoalInPlace(b, p, self._sums())
        most = max(1, plan.mc // plan.rows)
        group = b.variable(MOST_TASKS * MOST_TASKS)
        low = b.add(first, b.mul(group, b.const(most, INDEX)))
        high = b.min(b.add(low, b.const(most, INDEX)), last)
        groups = b.floordiv(b.add(b.sub(last, first), b.const(most - 1, INDEX)), b.const(most, INDEX))
        copied = None
        if plan.pack_a != "none":
            buffer = self._local("block", most * plan.rows * plan.kc)
            copied = LeftCopied(b, buffer, b.mul(low, b.const(plan.rows, INDEX)), plan.rows, plan.pack_a == "panels")
        body: list[Statement] = []
        for begin in range(0, k, plan.kc):
            tile, row, height = self._tile()
            count = b.const(min(plan.kc, k - begin), INDEX)
            band = Band(outer, row, height, b.const(0, INDEX), n, b.const(begin, INDEX), count)
            if copied is not None:
                body.append(Loop(tile, low, high, [self._copy_left(band, copied)]))
            calls = self.calls.band(band, copied or LeftInPlace(b, p), self.right, goal, again=begin > 0)
            body.append(Loop(tile, low, high, calls))
        if len(self.group.members) > 1:
            tile, row, height = self._tile()
            band = Band(outer, row, height, b.const(0, INDEX), n, b.const(0, INDEX), b.const(0, INDEX))
            body.append(Loop(tile, low, high, self._finish(band, goal)))
        return [Loop(group, b.const(0, INDEX), groups, body)]

    def _sums(self) -> Strided:
        """Where the growing sums are kept: in the result itself, or in memory like it."""
        if self.node in self.memory:
            return self.product.out
        return replace(self.product.out, buffer=Buffer(f"{self.name}_sums", self.node.shape, self.dtype, "temporary"))

    def _local(self, word: str, elements: int) -> Buffer:
        buffer = Buffer(f"{self.name}_{word}", (elements,), self.dtype, "local")
        self.locals.append(buffer)
        return buffer

    def _copy_left(self, band: Band, copied: LeftCopied) -> Statement:
        """Copies one band of A, along whichever axis is contiguous."""
        b, p = self.b, self.product
        line, item, zero = b.variable(self.plan.rows), b.variable(self.plan.kc), b.const(0, INDEX)
        source = p.place(b, p.left, band.outer, m=b.add(band.row, line), k=b.add(band.begin, item))
        block = b.mul(b.sub(band.row, copied.first_row), band.count)
        value = b.load(p.left.buffer, source)
        if copied.panels:
            goal = b.add(block, b.add(b.mul(item, b.const(self.plan.rows, INDEX)), line))
            inner = Loop(line, zero, band.height, [Store(copied.buffer, goal, value)], vector=True)
            return Loop(item, zero, band.count, [inner])
        goal = b.add(block, b.add(b.mul(line, band.count), item))
        inner = Loop(item, zero, band.count, [Store(copied.buffer, goal, value)], vector=True)
        return Loop(line, zero, band.height, [inner])

    # What follows the product

    def _finish(self, band: Band, held: Goal) -> list[Statement]:
        """Loops over a computed band: the epilogue, and the stores of all that others need."""
        b, p = self.b, self.product
        line, item, zero = b.variable(self.plan.rows), b.variable(p.size(p.n)), b.const(0, INDEX)
        row, column = b.add(band.row, line), b.add(band.start, item)
        address = held.arguments(band, line, column)[0]
        assert isinstance(address, Address)
        index = p.out_index(b, self.node.attrs["labels"][2], band.outer, row, column)
        stores = self._epilogue(b.load(address.buffer, address.index), index)
        inner = Loop(item, zero, b.sub(band.end, band.start), stores, vector=True)
        return [Loop(line, zero, band.height, [inner])]

    def _epilogue(self, value: Expr, index: Index) -> list[Statement]:
        values = {self.node: value}
        stores: list[Statement] = []
        for member in self.group.members:
            node = member.node
            if node is not self.node:
                values[node] = self._member(node, values, index)
            if node in self.memory:
                place = self.b.linear(index, node.shape)
                stores.append(Store(self.memory[node], place, self.b.cast(values[node], node.dtype)))
        return stores

    def _member(self, node: Node, values: dict[Node, Expr], index: Index) -> Expr:
        b = self.b

        def resolve(operand: Node, at: Index) -> Expr | None:
            if operand in values:
                return values[operand]
            return b.load(self.memory[operand], b.linear(at, operand.shape)) if operand in self.memory else None

        return widen(b, value_of(b, node, index, resolve))


def _worth_tiling(p: Product) -> bool:
    """Whether B can be read or packed, and there is enough to do that packing it pays."""
    m, n, k = map(p.size, (p.m, p.n, p.k))
    if 0 in (m, n, k):
        return False
    contiguous = p.stride(p.right, p.n) == 1
    if not contiguous and p.k and p.stride(p.right, p.k) != 1:
        return False
    return contiguous or not (isinstance(m, int) and m <= 2)


def _share(b: Builder, task: Expr, tasks: Expr, tiles: Expr) -> tuple[Expr, Expr]:
    """The tiles of a task: as many as others have, but for one."""
    first = b.floordiv(b.mul(task, tiles), tasks)
    return first, b.floordiv(b.mul(b.add(task, b.const(1, INDEX)), tiles), tasks)


def _slowest_share(m: int, height: int) -> int:
    """Rows that the busier one of two threads computes."""
    tiles = -(-m // height)
    return -(-tiles // 2) * height


def _known(extent: Dimension) -> int:
    return extent if isinstance(extent, int) else TYPICAL_EXTENT


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
