"""Contractions as tiled matrix products around a microkernel, with what is fused behind them.

Every contraction is `C[m, n] = sum over k of A[m, k] * B[k, n]`, once for each place of its remaining labels. A is
broadcast element by element, B is read in vectors: from memory where n is contiguous there, otherwise from
panels that a kernel of its own packs first. A task owns some rows of C. Work behind the product (a bias,
an activation, an optimizer's update) runs on a few rows at a time, while they are in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension
from lamina.graph import Node
from lamina.schedule.blocking import Blocking, blocking
from lamina.schedule.collapse import total, unflatten
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.lowering import Index, Lowering, widen
from lamina.schedule.operands import Strided, length, merged, place, strided
from lamina.schedule.rows import TYPICAL_EXTENT, describe
from lamina.schedule.target import Target
from lamina.schedule.tasks import MOST_TASKS, cut

TILED_DTYPES = ("float32", "float64", "int32", "int64")
# The tile height of products whose m is open until the program runs: small batches divide by it.
OPEN_ROWS = 8
# Rows and columns of C that are finished together: their scratch copy stays in the level-1 cache.
SCRATCH_COLUMNS = 512
# Large products are cut into a multiple of this many tasks, which few threads can share out evenly.
EVEN_TASKS = 4
# Blocks of columns that are shared out before rows are.
COLUMN_BLOCKS = 8


@dataclass
class Product:
    """A contraction as a matrix product; `outer` labels are loops around it."""

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
        return layout.strides[labels[-1]] if labels else 0


def as_product(b: Builder, node: Node, memory: Mapping[Node, Buffer], out: Buffer) -> Product | None:
    """The contraction as a matrix product, None where its operands do not lie regularly enough."""

    def resolve(operand: Node, index: Index) -> Expr | None:
        return b.load(memory[operand], b.linear(index, operand.shape)) if operand in memory else None

    labels = node.attrs["labels"]
    operands = []
    extents: dict[str, Dimension] = {}
    for operand, names in zip(node.inputs, labels):
        variables = tuple(b.variable(d) for d in operand.shape)
        layout = strided(b, operand, variables, names, resolve)
        if layout is None:
            return None
        operands.append(layout)
        extents |= dict(zip(names, operand.shape))
    left, right = operands
    result = _contiguous(out, labels[2], extents)
    first, second = labels[0], labels[1]
    if labels[2] and labels[2][-1] in first and labels[2][-1] not in second:
        left, right, first, second = right, left, second, first
    if labels[2] and labels[2][-1] in first:
        return None
    both = [x for x in labels[2] if x in first and x in second]
    rows = "".join(x for x in labels[2] if x in first and x not in second)
    columns = "".join(x for x in labels[2] if x in second and x not in first)
    sums = "".join(x for x in first if x not in labels[2])
    outer_m, m = merged(rows, extents, [left.strides, result.strides])
    outer_n, n = merged(columns, extents, [right.strides, result.strides])
    outer_k, k = merged(sums, extents, [left.strides, right.strides])
    if outer_k or not n:
        return None
    return Product(left, right, result, "".join(both) + outer_m + outer_n, m, n, k, extents)


def _contiguous(buffer: Buffer, labels: str, extents: dict[str, Dimension]) -> Strided:
    strides: dict[str, Dimension] = {}
    step: Dimension = 1
    for label in reversed(labels):
        strides[label] = step
        step = extents[label] if step == 1 else step * extents[label]
    return Strided(buffer, 0, strides)


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

    def kernels(self) -> list[Kernel] | None:
        if self.dtype not in TILED_DTYPES:
            return None
        if any(widest.dtype != self.dtype for widest in self.node.inputs):
            return None
        b = self.b
        stand_in = self.memory.get(self.node) or Buffer("unnamed", self.node.shape, self.dtype, "temporary")
        product = as_product(b, self.node, self.memory, stand_in)
        if product is None:
            return None
        right_n, right_k = product.stride(product.right, product.n), product.stride(product.right, product.k)
        if right_n != 1 and right_k not in (0, 1) and product.k:
            return None
        m = product.size(product.m)
        if 0 in (m, product.size(product.n), product.size(product.k)):
            return None
        if right_n != 1 and isinstance(m, int) and m <= 2:
            return None
        self.product = product
        self.plan = self._plan(right_n != 1)
        before = self._packing() if self.plan.pack_b in ("panels", "transposed") else []
        return [*before, self._multiplying()]

    def _plan(self, transposed: bool) -> Blocking:
        p = self.product
        sizes = [d if isinstance(d, int) else None for d in map(p.size, (p.m, p.n, p.k))]
        left_m = p.stride(p.left, p.m)
        plan = blocking(self.target, self.dtype, *sizes, a_transposed=left_m == 1, b_transposed=transposed)
        rows, pack_b = plan.rows, plan.pack_b
        if sizes[0] is None:
            rows = min(rows, OPEN_ROWS)
        elif sizes[0] > rows and plan.pack_a == "none" and self._right_is_near():
            rows = min((rows, OPEN_ROWS), key=lambda height: _slowest_share(sizes[0], height))
        if pack_b == "edge" or (not self.target.has_masks and not _divides(sizes[1], self.lanes)):
            pack_b = "transposed" if transposed else "panels"
        if pack_b == "panels" and self.target.has_masks and (p.outer or sizes[2] is None):
            # Sums of unknown length run over a batch mostly: too short for a copy of B to pay.
            pack_b = "none"
        return Blocking(rows, plan.vectors, plan.kc, plan.mc, plan.nc, plan.pack_a, pack_b)

    def _right_is_near(self) -> bool:
        """Whether B stays in the level-2 cache with room to spare, so that lower tiles cost no bandwidth."""
        p = self.product
        elements = _known(p.size(p.n)) * _known(p.size(p.k))
        return elements * dtypes.size(self.dtype) <= self.target.caches[1] // 2

    # B in panels

    @property
    def width(self) -> int:
        return self.plan.vectors * self.lanes

    def _panels(self) -> Dimension | None:
        n = self.product.size(self.product.n)
        return -(-n // self.width) if isinstance(n, int) else None

    def _packing(self) -> list[Kernel]:
        """The kernel that copies B, for every place of the outer labels, into zero-padded panels."""
        b, p = self.b, self.product
        outer = [x for x in p.outer if p.right.strides[x] != 0] if p.outer else []
        outer = [x for x in outer if x in p.right.strides]
        self.packed_outer = outer
        n, k = p.size(p.n), p.size(p.k)
        panels = -(-n // self.width) if isinstance(n, int) else _panel_bound(n, self.width)
        shape = (*(p.extents[x] for x in outer), panels, k, self.width)
        self.packed = Buffer(f"{self.name}_panels", shape, self.dtype, "temporary")
        variables = [*(b.variable(p.extents[x]) for x in outer), b.variable(panels)]
        task = b.variable(MOST_TASKS)
        panel = variables[-1]
        start = b.mul(panel, b.const(self.width, INDEX))
        places = dict(zip(outer, variables[:-1])) | {p.n[-1]: start}
        transposed = self.plan.pack_b == "transposed"
        routine = Routine("pack_transposed" if transposed else "pack_rows", self.dtype, self.plan.vectors)
        stride = p.stride(p.right, p.n if transposed else p.k)
        goal = b.linear((*variables, b.const(0, INDEX), b.const(0, INDEX)), shape)
        columns = b.max(b.sub(b.dim(n), start), b.const(0, INDEX))
        columns = b.min(columns, b.const(self.width, INDEX))
        call = Call(
            routine,
            [Address(p.right.buffer, place(b, p.right, places)), b.dim(stride), b.dim(k), columns,
             Address(self.packed, goal)],
            [self.packed],
        )  # fmt: skip
        count = total(b, variables)
        work = self.width * (k if isinstance(k, int) else TYPICAL_EXTENT)
        tasks, size = cut(b, count, work)
        position = b.variable(_extent(variables))
        mapping = unflatten(b, position, variables)
        call.arguments = [_changed(b, a, mapping) for a in call.arguments]
        begin = b.mul(task, size)
        loop = Loop(position, begin, b.min(b.add(begin, size), count), [call])
        return [Kernel(f"{self.name}_pack", tasks, task, [loop], label=describe([self.node]))]

    # The product

    def _multiplying(self) -> Kernel:
        b, p = self.b, self.product
        rows = self.plan.rows
        m = b.dim(p.size(p.m))
        tiles = b.floordiv(b.add(m, b.const(rows - 1, INDEX)), b.const(rows, INDEX))
        outer = [b.variable(p.extents[x]) for x in p.outer]
        task = b.variable(MOST_TASKS)
        work = rows * _known(p.size(p.n)) * _known(p.size(p.k)) // 4
        if outer:
            count = total(b, outer)
            tasks, size = cut(b, count, work * max(1, _known(p.size(p.m)) // rows))
            body = self._rows(dict(zip(p.outer, outer)), b.const(0, INDEX), tiles)
            position = b.variable(_extent(outer))
            mapping = unflatten(b, position, outer)
            memo: dict[Expr, Expr] = {}
            body = [_rewritten(b, s, mapping, memo) for s in body]
            begin = b.mul(task, size)
            body = [Loop(position, begin, b.min(b.add(begin, size), count), body)]
        elif self._columns_are_shared_out():
            tasks, body = self._shared_columns(task, tiles, work)
        else:
            tasks, _ = cut(b, tiles, work)
            if self._splits_k() and tiles.op == "const":
                blocks = _round_up(-(-tiles.attr // max(1, self.plan.mc // rows)), EVEN_TASKS)
                tasks = b.const(min(blocks, tiles.attr, MOST_TASKS), INDEX)
            body = self._rows({}, *_share(b, task, tasks, tiles))
        return Kernel(self.name, tasks, task, body, self.locals, label=describe(self.group.nodes))

    def _columns_are_shared_out(self) -> bool:
        """Whether tasks own columns before rows.

        Where m or k is open it is a batch, and B or C is a weight. Weights are then split along the same axis when they
        are read and when they are updated, so that a core finds its own part in its own cache.
        """
        p = self.product
        sizes = p.size(p.m), p.size(p.k)
        n = p.size(p.n)
        return isinstance(n, int) and n > self.width and not all(isinstance(d, int) for d in sizes) and not self._splits_k()

    def _shared_columns(self, task: Expr, tiles: Expr, work: int) -> tuple[Expr, list[Statement]]:
        """Tasks number the blocks of columns first, and within each the shares of the rows."""
        b, n = self.b, int(self.product.size(self.product.n))  # type: ignore[arg-type]
        panels = -(-n // self.width)
        each = -(-panels // COLUMN_BLOCKS)
        blocks = -(-panels // each)
        rows, _ = cut(b, tiles, work // blocks, most=MOST_TASKS // blocks)
        block, share = b.floordiv(task, rows), b.rem(task, rows)
        start = b.mul(block, b.const(each * self.width, INDEX))
        end = b.min(b.add(start, b.const(each * self.width, INDEX)), b.const(n, INDEX))
        self.locals: list[Buffer] = []
        body = self._simple_rows({}, *_share(b, share, rows, tiles), (start, end, each * self.width))
        return b.mul(rows, b.const(blocks, INDEX)), body

    def _rows(self, outer: dict[str, Expr], first: Expr, last: Expr) -> list[Statement]:
        """All columns of the tile rows from `first` to `last`."""
        b, n = self.b, self.product.size(self.product.n)
        self.locals = []
        if self._splits_k():
            return self._blocked_rows(outer, first, last, self.product.size(self.product.k))  # type: ignore[arg-type]
        whole = _round_up(n, self.width) if isinstance(n, int) else None
        return self._simple_rows(outer, first, last, (b.const(0, INDEX), b.dim(n), whole))

    def _splits_k(self) -> bool:
        k = self.product.size(self.product.k)
        return isinstance(k, int) and k > self.plan.kc

    def _simple_rows(
        self, outer: dict[str, Expr], first: Expr, last: Expr, columns: tuple[Expr, Expr, int | None]
    ) -> list[Statement]:
        """The whole of k at once: tile by tile, each finished before the next.

        Args:
            columns: where they start and end, and the most that they can be, None where that is open.
        """
        b, p, plan = self.b, self.product, self.plan
        start, end, most = columns
        tile = b.variable(_tile_bound(p.size(p.m), plan.rows))
        row = b.mul(tile, b.const(plan.rows, INDEX))
        height = b.min(b.sub(b.dim(p.size(p.m)), row), b.const(plan.rows, INDEX))
        count, zero = b.dim(p.size(p.k)), b.const(0, INDEX)
        if len(self.group.members) == 1 and self.target.has_masks:
            return [Loop(tile, first, last, self._tile_calls(outer, row, height, start, end, count, None, zero))]
        block = _round_up(min(most or SCRATCH_COLUMNS, SCRATCH_COLUMNS), self.width)
        scratch = self._scratch(plan.rows * block), block
        if most is not None and most <= block:
            body = self._tile_calls(outer, row, height, start, end, count, scratch, None)
            return [Loop(tile, first, last, [*body, *self._finish(outer, row, height, start, end, scratch)])]
        part = b.variable(_tile_bound(p.size(p.n), block))
        low = b.add(start, b.mul(part, b.const(block, INDEX)))
        high = b.min(b.add(low, b.const(block, INDEX)), end)
        body = self._tile_calls(outer, row, height, low, high, count, scratch, None)
        body += self._finish(outer, row, height, low, high, scratch)
        parts = b.floordiv(b.add(b.sub(end, start), b.const(block - 1, INDEX)), b.const(block, INDEX))
        return [Loop(tile, first, last, [Loop(part, zero, parts, body)])]

    def _blocked_rows(self, outer: dict[str, Expr], first: Expr, last: Expr, k: int) -> list[Statement]:
        """Long sums: k in blocks, each added to what C holds; A's block is copied together where that pays."""
        b, p, plan = self.b, self.product, self.plan
        n = b.dim(p.size(p.n))
        held = self._accumulator()
        rows_at_once = max(1, plan.mc // plan.rows)
        group = b.variable(MOST_TASKS * MOST_TASKS)
        low = b.add(first, b.mul(group, b.const(rows_at_once, INDEX)))
        high = b.min(b.add(low, b.const(rows_at_once, INDEX)), last)
        groups = b.floordiv(b.add(b.sub(last, first), b.const(rows_at_once - 1, INDEX)), b.const(rows_at_once, INDEX))
        body: list[Statement] = []
        for begin in range(0, k, plan.kc):
            body += self._k_block(outer, low, high, begin, min(plan.kc, k - begin), held, rows_at_once)
        if len(self.group.members) > 1 or held.buffer is not self.memory.get(self.node):
            tile = b.variable(_tile_bound(p.size(p.m), plan.rows))
            row = b.mul(tile, b.const(plan.rows, INDEX))
            height = b.min(b.sub(b.dim(p.size(p.m)), row), b.const(plan.rows, INDEX))
            finish = self._finish(outer, row, height, b.const(0, INDEX), n, None, held)
            body.append(Loop(tile, low, high, finish))
        return [Loop(group, b.const(0, INDEX), groups, body)]

    def _accumulator(self) -> Strided:
        """Where the growing sums are kept: in the result itself, or in memory like it."""
        if self.node in self.memory:
            return self.product.out
        return Strided(Buffer(f"{self.name}_sums", self.node.shape, self.dtype, "temporary"), 0, self.product.out.strides)

    def _k_block(
        self, outer: dict[str, Expr], low: Expr, high: Expr, begin: int, count: int, held: Strided, rows_at_once: int
    ) -> list[Statement]:
        b, p, plan = self.b, self.product, self.plan
        tile = b.variable(_tile_bound(p.size(p.m), plan.rows))
        row = b.mul(tile, b.const(plan.rows, INDEX))
        height = b.min(b.sub(b.dim(p.size(p.m)), row), b.const(plan.rows, INDEX))
        start, length_ = b.const(begin, INDEX), b.const(count, INDEX)
        statements: list[Statement] = []
        copied = None
        if plan.pack_a in ("rows", "panels"):
            copied = self._block_of_a(rows_at_once * plan.rows)
            statements.append(self._copy_a(outer, tile, row, height, low, high, begin, count, copied))
        calls = self._tile_calls(
            outer, row, height, b.const(0, INDEX), b.dim(p.size(p.n)), length_, None, start, held, copied, low
        )
        statements.append(Loop(tile, low, high, calls))
        return statements

    def _block_of_a(self, rows: int) -> Buffer:
        for buffer in self.locals:
            if buffer.name.endswith("_a"):
                return buffer
        buffer = Buffer(f"{self.name}_a", (rows, self.plan.kc), self.dtype, "local")
        self.locals.append(buffer)
        return buffer

    def _copy_a(
        self, outer: dict[str, Expr], tile: Expr, row: Expr, height: Expr, low: Expr, high: Expr, begin: int,
        count: int, copied: Buffer,
    ) -> Statement:  # fmt: skip
        """Copies a block of A: rows one after the other, or panels where m is contiguous."""
        b, p, plan = self.b, self.product, self.plan
        local = b.mul(b.sub(tile, low), b.const(plan.rows * count, INDEX))
        k = p.k[-1]
        if plan.pack_a == "rows":
            line, item = b.variable(plan.rows), b.variable(count)
            source = self._left(outer, b.add(row, line), b.add(item, b.const(begin, INDEX)))
            goal = b.add(local, b.add(b.mul(line, b.const(count, INDEX)), item))
            store = Store(copied, goal, b.load(p.left.buffer, source))
            inner = Loop(item, b.const(0, INDEX), b.const(count, INDEX), [store], vector=True)
            return Loop(tile, low, high, [Loop(line, b.const(0, INDEX), height, [inner])])
        item, line = b.variable(count), b.variable(plan.rows)
        source = self._left(outer, b.add(row, line), b.add(item, b.const(begin, INDEX)))
        goal = b.add(local, b.add(b.mul(item, b.const(plan.rows, INDEX)), line))
        store = Store(copied, goal, b.load(p.left.buffer, source))
        inner = Loop(line, b.const(0, INDEX), height, [store], vector=True)
        del k
        return Loop(tile, low, high, [Loop(item, b.const(0, INDEX), b.const(count, INDEX), [inner])])

    def _left(self, outer: dict[str, Expr], row: Expr, k: Expr) -> Expr:
        p = self.product
        places = {x: e for x, e in outer.items() if x in p.left.strides}
        if p.m:
            places[p.m[-1]] = row
        if p.k:
            places[p.k[-1]] = k
        return place(self.b, p.left, places)

    def _scratch(self, elements: int) -> Buffer:
        buffer = Buffer(f"{self.name}_tile", (elements,), self.dtype, "local")
        self.locals.append(buffer)
        return buffer

    # Calls of the microkernel

    def _tile_calls(
        self, outer: dict[str, Expr], row: Expr, height: Expr, start: Expr, end: Expr, count: Expr,
        scratch: tuple[Buffer, int] | None, begin: Expr | None, held: Strided | None = None,
        copied: Buffer | None = None, low: Expr | None = None,
    ) -> list[Statement]:  # fmt: skip
        """Calls for one tile row: each height that may occur in a loop that runs once or not at all."""
        b = self.b
        statements: list[Statement] = []
        done = b.const(0, INDEX)
        for step in self._heights():
            size = b.const(step, INDEX)
            left = b.sub(height, done)
            times = b.floordiv(left, size)
            number = b.variable(max(1, self.plan.rows // step))
            top = b.add(done, b.mul(number, size))
            calls = self._column_calls(
                outer, row, top, step, start, end, count, scratch, begin or b.const(0, INDEX), held, copied, low
            )
            if times.op == "const" and times.attr == 0:
                continue
            statements.append(Loop(number, b.const(0, INDEX), times, calls))
            done = b.add(done, b.mul(times, size))
        return statements

    def _heights(self) -> list[int]:
        """Tile heights that may occur: the full one, and what the last tile can be."""
        rows, m = self.plan.rows, self.product.size(self.product.m)
        if isinstance(m, int):
            return [rows] + ([m % rows] if m % rows and m > rows else []) if m >= rows else [max(m, 1)]
        return [rows, *(h for h in (4, 1) if h < rows)]

    def _column_calls(
        self, outer: dict[str, Expr], row: Expr, top: Expr, step: int, start: Expr, end: Expr, count: Expr,
        scratch: tuple[Buffer, int] | None, begin: Expr, held: Strided | None, copied: Buffer | None, low: Expr | None,
    ) -> list[Statement]:  # fmt: skip
        """Calls along the columns from `start` to `end`: whole tiles, then a narrower last one."""
        b = self.b
        width = b.const(self.width, INDEX)
        whole = b.floordiv(b.sub(end, start), width)
        number = b.variable(_tile_bound(self.product.size(self.product.n), self.width))
        column = b.add(start, b.mul(number, width))
        common = (outer, row, top, step, count, scratch, begin, held, copied, low)
        statements: list[Statement] = []
        if whole.op != "const" or whole.attr:
            call = self._call(*common, start, column, self.plan.vectors, None)
            statements.append(Loop(number, b.const(0, INDEX), whole, [call]))
        rest = b.sub(b.sub(end, start), b.mul(whole, width))
        if rest.op == "const" and rest.attr == 0:
            return statements
        last = b.add(start, b.mul(whole, width))
        if rest.op == "const":
            columns = rest if rest.attr % self.lanes and self.target.has_masks else None
            return [*statements, self._call(*common, start, last, -(-rest.attr // self.lanes), columns)]
        filled = b.floordiv(b.add(rest, b.const(self.lanes - 1, INDEX)), b.const(self.lanes, INDEX))
        for vectors in range(1, self.plan.vectors + 1):
            call = self._call(*common, start, last, vectors, rest if self.target.has_masks else None)
            present = b.cast(b.eq(filled, b.const(vectors, INDEX)), INDEX)
            statements.append(Loop(b.variable(1), b.const(0, INDEX), present, [call]))
        return statements

    def _call(
        self, outer: dict[str, Expr], row: Expr, top: Expr, step: int, count: Expr,
        scratch: tuple[Buffer, int] | None, begin: Expr, held: Strided | None, copied: Buffer | None, low: Expr | None,
        start: Expr, column: Expr, vectors: int, columns: Expr | None,
    ) -> Call:  # fmt: skip
        b, p, plan = self.b, self.product, self.plan
        here = b.add(row, top)
        row_stride, k_stride = p.stride(p.left, p.m), p.stride(p.left, p.k)
        mode = "adjacent" if row_stride == 1 and k_stride != 1 else "strided"
        a: list[Address | Expr] = [Address(p.left.buffer, self._left(outer, here, begin)), b.dim(row_stride), b.dim(k_stride)]
        if copied is not None and low is not None:
            block = b.mul(b.sub(row, b.mul(low, b.const(plan.rows, INDEX))), count)
            if plan.pack_a == "rows":
                mode = "strided"
                a = [Address(copied, b.add(block, b.mul(top, count))), count, b.const(1, INDEX)]
            else:
                mode = "adjacent"
                a = [Address(copied, b.add(block, top)), b.const(1, INDEX), b.const(plan.rows, INDEX)]
        right = self._right(outer, column, begin)
        if scratch is not None:
            tile, row_length = scratch
            place_ = b.add(b.mul(top, b.const(row_length, INDEX)), b.sub(column, start))
            c: list[Address | Expr] = [Address(tile, place_), b.const(row_length, INDEX)]
            written = tile
        else:
            layout = held or p.out
            places = {x: e for x, e in outer.items() if x in layout.strides}
            if p.m:
                places[p.m[-1]] = here
            places[p.n[-1]] = column
            written = layout.buffer
            c = [Address(written, place(b, layout, places)), b.dim(p.stride(layout, p.m))]
        again = b.const(not (begin.op == "const" and begin.attr == 0), "bool")
        masked = columns is not None
        routine = Routine("multiply", self.dtype, vectors, step, mode, masked)
        return Call(routine, [*a, *right, count, *c, again, *([columns] if columns is not None else [])], [written])

    def _right(self, outer: dict[str, Expr], column: Expr, begin: Expr) -> list[Address | Expr]:
        b, p = self.b, self.product
        if self.plan.pack_b not in ("panels", "transposed"):
            places = {x: e for x, e in outer.items() if x in p.right.strides} | {p.n[-1]: column}
            if p.k:
                places[p.k[-1]] = begin
            return [Address(p.right.buffer, place(b, p.right, places)), b.dim(p.stride(p.right, p.k))]
        panel = b.floordiv(column, b.const(self.width, INDEX))
        index = (*(outer[x] for x in self.packed_outer), panel, begin, b.const(0, INDEX))
        return [Address(self.packed, b.linear(index, self.packed.shape)), b.const(self.width, INDEX)]

    # What follows the product

    def _finish(
        self, outer: dict[str, Expr], row: Expr, height: Expr, start: Expr, end: Expr,
        scratch: tuple[Buffer, int] | None, held: Strided | None = None,
    ) -> list[Statement]:  # fmt: skip
        """Loops over finished rows: the epilogue, and the stores of all that others need."""
        b, p = self.b, self.product
        line, item = b.variable(self.plan.rows), b.variable(p.size(p.n))
        here, column = b.add(row, line), b.add(start, item)
        if scratch is not None:
            value = b.load(scratch[0], b.add(b.mul(line, b.const(scratch[1], INDEX)), item))
        else:
            assert held is not None
            value = b.load(held.buffer, place(b, held, self._places(outer, here, column)))
        stores = self._epilogue(value, self._out_index(outer, here, column))
        inner = Loop(item, b.const(0, INDEX), b.sub(end, start), stores, vector=True)
        return [Loop(line, b.const(0, INDEX), height, [inner])]

    def _places(self, outer: dict[str, Expr], row: Expr, column: Expr) -> dict[str, Expr]:
        p = self.product
        return dict(outer) | ({p.m[-1]: row} if p.m else {}) | {p.n[-1]: column}

    def _out_index(self, outer: dict[str, Expr], row: Expr, column: Expr) -> Index:
        """The index of the result for each of its dimensions; merged axes are taken apart."""
        b, p = self.b, self.product
        known = dict(outer)
        for labels, position in ((p.m, row), (p.n, column)):
            rest = position
            for label in reversed(labels[1:]):
                extent = b.dim(p.extents[label])
                known[label] = b.rem(rest, extent)
                rest = b.floordiv(rest, extent)
            if labels:
                known[labels[0]] = rest
        return tuple(known[x] for x in self.node.attrs["labels"][2])

    def _epilogue(self, value: Expr, index: Index) -> list[Statement]:
        b = self.b
        values = {self.node: value}
        stores: list[Statement] = []
        for member in self.group.members:
            node = member.node
            if node is not self.node:
                values[node] = self._member(node, values, index)
            if node in self.memory:
                goal = self.memory[node]
                stores.append(Store(goal, b.linear(index, node.shape), b.cast(values[node], node.dtype)))
        return stores

    def _member(self, node: Node, values: dict[Node, Expr], index: Index) -> Expr:
        b = self.b

        def resolve(operand: Node, at: Index) -> Expr | None:
            if operand is node:
                return None
            if operand in values:
                return values[operand]
            if operand in self.memory:
                return b.load(self.memory[operand], b.linear(at, operand.shape))
            return None

        return widen(b, Lowering(b, resolve).value(node, index))


def _share(b: Builder, task: Expr, tasks: Expr, tiles: Expr) -> tuple[Expr, Expr]:
    """The tiles of a task: as many as others have, but for one."""
    first = b.floordiv(b.mul(task, tiles), tasks)
    return first, b.floordiv(b.mul(b.add(task, b.const(1, INDEX)), tiles), tasks)


def _slowest_share(m: int, height: int) -> int:
    """Rows that the busier one of two threads computes."""
    return -(-(-(-m // height)) // 2) * height


def _divides(extent: int | None, lanes: int) -> bool:
    return extent is not None and extent % lanes == 0


def _known(extent: Dimension) -> int:
    return extent if isinstance(extent, int) else TYPICAL_EXTENT


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _tile_bound(extent: Dimension, step: int) -> Dimension:
    """No fewer than the tiles of an axis; only bounds of loop variables are made of it."""
    return -(-extent // step) if isinstance(extent, int) else extent


def _panel_bound(extent: Dim, width: int) -> Dimension:
    """Enough panels for an axis whose length is open: a symbol is at least one panel less than its own count."""
    del width
    return extent


def _extent(variables: list[Expr]) -> Dimension:
    result: Dimension = 1
    for v in variables:
        if isinstance(result, Dim) and isinstance(v.attr[1], Dim):
            return result
        result = result * v.attr[1]
    return result


def _changed(b: Builder, argument: Address | Expr, mapping: Mapping[Expr, Expr]) -> Address | Expr:
    if isinstance(argument, Address):
        return Address(argument.buffer, b.substitute(argument.index, mapping))
    return b.substitute(argument, mapping)


def _rewritten(b: Builder, statement: Statement, mapping: Mapping[Expr, Expr], memo: dict[Expr, Expr]) -> Statement:
    """A statement with variables replaced, calls included."""
    if isinstance(statement, Store):
        return Store(
            statement.buffer, b.substitute(statement.index, mapping, memo), b.substitute(statement.value, mapping, memo)
        )
    if isinstance(statement, Loop):
        body = [_rewritten(b, s, mapping, memo) for s in statement.body]
        begin, end = (b.substitute(e, mapping, memo) for e in (statement.begin, statement.end))
        return Loop(statement.variable, begin, end, body, statement.vector)
    if isinstance(statement, Call):
        return Call(statement.function, [_changed(b, a, mapping) for a in statement.arguments], statement.writes)
    return statement
