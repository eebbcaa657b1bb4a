"""Products that sum over the steps of a batch, for a result of known size, as of a layer's weights.

The sum goes in parts, which C takes in one after the other. Of each part a task copies its columns of B together, and
then one band of A after the other, so that neither long strides nor their powers of two cost what the caches hold.
Tasks own columns or rows of C, whichever there are more of: what the others copy too is then the smaller operand.

Source: Goto and van de Geijn, 2008.
"""

from __future__ import annotations

from dataclasses import replace

from lamina.base.dims import Dim
from lamina.schedule.expr import INDEX, Expr
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.nests import describe
from lamina.schedule.tasks import MOST_TASKS
from lamina.schedule.tiles import Band, GoalInPlace, LeftCopied, RightCopied, tile_bound
from lamina.schedule.tiling import Tiling, round_up, share

# Tasks come in such multiples, and have no more columns than this.
EVEN_TASKS = 4
MOST_COLUMNS = 512
# Elements of C, and rows and columns, from which copies pay.
LEAST_ELEMENTS = 4 * 256 * 256
LEAST_ROWS = 128
# Steps of k in a part.
LEAST_STEPS, MOST_STEPS = 64, 512


def sums_over_batch(t: Tiling) -> bool:
    """Whether the product is one of these: k is open and long, C is of known size and no smaller than a task's part."""
    p = t.product
    m, n = p.size(p.m), p.size(p.n)
    if p.outer or p.line or len(p.levels) > 1 or not p.levels_in_place or not isinstance(p.depth, Dim):
        return False
    if not isinstance(m, int) or not isinstance(n, int) or min(m, n) < LEAST_ROWS or m * n < LEAST_ELEMENTS:
        return False
    return p.stride(p.left, p.m) == 1 and p.stride(p.right, p.n) == 1 and t.target.has_masks


def add_up_blocks(t: Tiling) -> Kernel:
    """The kernel: for each part of k, all that a task has of C."""
    b, p, zero = t.b, t.product, t.b.const(0, INDEX)
    m, n = int(p.size(p.m)), int(p.size(p.n))  # type: ignore[arg-type]
    task, tiles = b.variable(MOST_TASKS), t.tiles()
    shares = min(MOST_TASKS, round_up(-(-max(m, n) // MOST_COLUMNS), EVEN_TASKS))
    if n >= m:
        columns = round_up(-(-n // shares), t.width)
        tasks = b.const(-(-n // columns), INDEX)
        start = b.mul(task, b.const(columns, INDEX))
        end = b.min(b.add(start, b.const(columns, INDEX)), b.const(n, INDEX))
        first, last = zero, tiles
    else:
        columns, tasks = round_up(n, t.width), b.const(shares, INDEX)
        start, end = zero, b.const(n, INDEX)
        first, last = share(b, task, tasks, tiles)
    steps = t.target.caches[1] // 2 // (columns * t.size) // 8 * 8
    work = _Blocks(t, columns, max(LEAST_STEPS, min(MOST_STEPS, steps)))
    tile = b.variable(tile_bound(m, t.plan.rows))
    goal = GoalInPlace(b, p, t.sums())
    band = t.band([], tile, start, end)
    body: list[Statement] = [work.parts(band, tile, first, last, goal)]
    if not t.alone:
        body.append(Loop(tile, first, last, t.finish(band, goal)))
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


class _Blocks:
    """The copies of a task: `steps` of k by `columns` of B, and by a band of A."""

    def __init__(self, t: Tiling, columns: int, steps: int):
        self.t, self.steps = t, steps
        self.right = RightCopied(t.b, t.local("right", columns * steps), steps, t.width)
        self.left_width = round_up(t.plan.rows, t.lanes)
        self.left = t.local("left", self.left_width * steps)

    def parts(self, band: Band, tile: Expr, first: Expr, last: Expr, goal: GoalInPlace) -> Loop:
        """All parts of k, one after the other; an empty sum is one part too, so that C becomes zero."""
        b, depth = self.t.b, self.t.product.depth
        steps = b.const(self.steps, INDEX)
        k, part = b.dim(depth), b.variable(tile_bound(depth, self.steps))
        begin = b.mul(part, steps)
        band = replace(band, depth=[begin], counts=[b.min(steps, b.sub(k, begin))])
        count = b.max(b.floordiv(b.add(k, b.const(self.steps - 1, INDEX)), steps), b.const(1, INDEX))
        copied = LeftCopied(b, self.left, band.row, self.left_width, panels=True)
        again = b.ne(part, b.const(0, INDEX))
        multiply = self.t.calls.band(band, copied, self.right, goal, again)
        bands = Loop(tile, first, last, [self._copy_left(band), *multiply])
        return Loop(part, b.const(0, INDEX), count, [*self._copy_right(band), bands])

    def _copy_right(self, band: Band) -> list[Statement]:
        """Row after row, as they lie in memory, each into all panels: whole ones, then the last."""
        t, b, p, zero = self.t, self.t.b, self.t.product, self.t.b.const(0, INDEX)
        width = b.const(t.width, INDEX)
        item, panel, lane, rest = (b.variable(d) for d in (self.steps, p.size(p.n), t.width, t.width))
        extent = b.sub(band.end, band.start)
        whole = b.floordiv(extent, width)

        def copied(panel: Expr, lane: Expr) -> Store:
            column = b.add(b.add(band.start, b.mul(panel, width)), lane)
            source = p.place(b, p.right, band.outer, [b.add(band.depth[0], item)], n=column)
            place = b.add(b.mul(b.add(b.mul(panel, b.const(self.steps, INDEX)), item), width), lane)
            return Store(self.right.buffer, place, p.right.element(b, source))

        full = Loop(panel, zero, whole, [Loop(lane, zero, width, [copied(panel, lane)], vector=True)])
        left = b.sub(extent, b.mul(whole, width))
        last = Loop(rest, zero, left, [copied(whole, rest)], vector=True)
        return [Loop(item, zero, band.counts[0], [full, last] if left.op != "const" or left.attr else [full])]

    def _copy_left(self, band: Band) -> Statement:
        """A band of A, step after step of k."""
        t, b, p, zero = self.t, self.t.b, self.t.product, self.t.b.const(0, INDEX)
        if p.left.casts:
            return self._cast_left(band)
        source = Address(p.left.buffer, p.place(b, p.left, band.outer, band.depth, m=band.row))
        routine = Routine("pack_rows", t.dtype, self.left_width // t.lanes)
        stride = b.dim(p.stride(p.left, p.levels[0]))
        arguments: list[Address | Expr] = [source, stride, band.counts[0], band.height, Address(self.left, zero)]
        return Call(routine, arguments, [self.left])

    def _cast_left(self, band: Band) -> Loop:
        """The same, element by element."""
        b, p, zero = self.t.b, self.t.product, self.t.b.const(0, INDEX)
        item, line = b.variable(self.steps), b.variable(self.t.plan.rows)
        source = p.place(b, p.left, band.outer, [b.add(band.depth[0], item)], m=b.add(band.row, line))
        goal = b.add(b.mul(item, b.const(self.left_width, INDEX)), line)
        inner = Loop(line, zero, band.height, [Store(self.left, goal, p.left.element(b, source))], vector=True)
        return Loop(item, zero, band.counts[0], [inner])
