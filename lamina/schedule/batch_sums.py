"""Products that sum over the steps of a batch, for a result of known size, as of a layer's weights.

The sum goes in parts, which C takes in one after the other. Of each part a task copies its columns of B and its rows
of A together, so that neither long strides nor their powers of two cost what the caches hold. A part may end anywhere,
also where k is several nested loops.
Tasks own columns or rows of C, whichever there are more of: what the others copy too is then the smaller operand.

Source: Goto and van de Geijn, 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lamina.base.dims import Dim
from lamina.schedule.expr import INDEX, Buffer, Expr
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.nests import describe
from lamina.schedule.operands import Strided
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
# Rows that are asked for before they are copied: they begin far apart, where the processor does not look ahead.
ROWS_AHEAD = 4


def sums_over_batch(t: Tiling) -> bool:
    """Whether the product is one of these: k is open and long, C is of known size and no smaller than a task's part."""
    p = t.product
    m, n = p.size(p.m), p.size(p.n)
    if p.outer or p.line or not p.levels_in_place or not isinstance(p.depth, Dim):
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
    rows, columns = round_up(m, t.plan.rows), round_up(n, t.width)
    start, end, first, last = zero, b.const(n, INDEX), zero, tiles
    if n >= m:
        panels, width = columns // t.width, b.const(t.width, INDEX)
        tasks = b.const(min(shares, panels), INDEX)
        low, high = share(b, task, tasks, b.const(panels, INDEX))
        start, end = b.mul(low, width), b.min(b.mul(high, width), b.const(n, INDEX))
        columns = round_up(columns, tasks.attr * t.width) // tasks.attr
    else:
        tasks = b.const(shares, INDEX)
        first, last = share(b, task, tasks, tiles)
        rows = round_up(rows, shares * t.plan.rows) // shares
    steps = t.target.caches[1] * 5 // 8 // ((rows + columns) * t.size) // 8 * 8
    work = _Blocks(t, rows, columns, max(LEAST_STEPS, min(MOST_STEPS, steps)))
    tile = b.variable(tile_bound(m, t.plan.rows))
    goal = GoalInPlace(b, p, t.sums())
    band = t.band([], tile, start, end)
    body: list[Statement] = [work.parts(band, tile, first, last, goal)]
    if not t.alone:
        body.append(Loop(tile, first, last, t.finish(band, goal)))
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


@dataclass
class _Run:
    """A stretch of a part of k along the innermost level, where neighbours lie a stride apart in A and in B.

    Attributes:
        depth: where it begins, on each level.
        count: how many steps it has.
        done: how many steps of the part come before it.
    """

    depth: list[Expr]
    count: Expr
    done: Expr


@dataclass
class _Side:
    """An operand of which a part is copied: from `start` to `end` on its axis of C, into panels of `width`.

    Attributes:
        axis: `m` or `n`; steps: of k in a panel of the copy.
    """

    layout: Strided
    axis: str
    goal: Buffer
    width: int
    steps: Expr
    start: Expr
    end: Expr


class _Blocks:
    """The copies of a task: `steps` of k by so many columns of B, and by so many rows of C, which A has as columns."""

    def __init__(self, t: Tiling, rows: int, columns: int, steps: int):
        self.t, self.steps = t, steps
        self.right = RightCopied(t.b, t.local("right", columns * steps), steps, t.width)
        self.left = t.local("left", rows * steps)

    def parts(self, band: Band, tile: Expr, first: Expr, last: Expr, goal: GoalInPlace) -> Loop:
        """All parts of k, one after the other; an empty sum is one part too, so that C becomes zero."""
        b, depth = self.t.b, self.t.product.depth
        steps = b.const(self.steps, INDEX)
        k, part = b.dim(depth), b.variable(tile_bound(depth, self.steps))
        begin = b.mul(part, steps)
        size = b.min(steps, b.sub(k, begin))
        band = replace(band, depth=[begin], counts=[size])
        count = b.max(b.floordiv(b.add(k, b.const(self.steps - 1, INDEX)), steps), b.const(1, INDEX))
        rows = b.const(self.t.plan.rows, INDEX)
        copied = LeftCopied(b, self.left, b.mul(first, rows), self.t.plan.rows, panels=True)
        again = b.ne(part, b.const(0, INDEX))
        bands = Loop(tile, first, last, self.t.calls.band(band, copied, self.right, goal, again))
        p = self.t.product
        low, high = b.mul(first, rows), b.min(b.mul(last, rows), b.dim(p.size(p.m)))

        def copy(run: _Run) -> list[Statement]:
            return [self._copy(self._right_of(band), run), self._copy(self._left_of(low, high, size), run)]

        return Loop(part, b.const(0, INDEX), count, [*self._along(begin, size, copy), bands])

    def _along(self, begin: Expr, size: Expr, body: Callable[[_Run], list[Statement]]) -> list[Statement]:
        """The body for each run of the part that begins there and has this size."""
        b, p, zero = self.t.b, self.t.product, self.t.b.const(0, INDEX)
        *around, last = p.levels
        if not around:
            return body(_Run([begin], size, zero))
        length = b.max(b.dim(p.size(last)), b.const(1, INDEX))
        number = b.variable(p.size("".join(around)))
        low = b.max(b.sub(begin, b.mul(number, length)), zero)
        high = b.min(b.sub(b.add(begin, size), b.mul(number, length)), length)
        depth, rest = [low], number
        for level in reversed(around[1:]):
            extent = b.dim(p.size(level))
            depth.insert(0, b.rem(rest, extent))
            rest = b.floordiv(rest, extent)
        done = b.sub(b.add(b.mul(number, length), low), begin)
        end = b.floordiv(b.add(b.add(begin, size), b.sub(length, b.const(1, INDEX))), length)
        return [Loop(number, b.floordiv(begin, length), end, body(_Run([rest, *depth], b.sub(high, low), done)))]

    def _right_of(self, band: Band) -> _Side:
        p, steps = self.t.product, self.t.b.const(self.steps, INDEX)
        return _Side(p.right, "n", self.right.buffer, self.t.width, steps, band.start, band.end)

    def _left_of(self, low: Expr, high: Expr, steps: Expr) -> _Side:
        return _Side(self.t.product.left, "m", self.left, self.t.plan.rows, steps, low, high)

    def _copy(self, side: _Side, run: _Run) -> Loop:
        """Row after row, as they lie in memory, each into all panels: whole ones, then the last."""
        t, b, p, zero = self.t, self.t.b, self.t.product, self.t.b.const(0, INDEX)
        width = b.const(side.width, INDEX)
        extent = b.sub(side.end, side.start)
        item, lane, rest = (b.variable(d) for d in (self.steps, side.width, side.width))
        panel = b.variable(tile_bound(p.size(getattr(p, side.axis)), side.width))
        whole = b.floordiv(extent, width)
        line = b.add(run.done, item)

        def source(steps: Expr, across: Expr) -> Expr:
            depth = [*run.depth[:-1], b.add(run.depth[-1], steps)]
            return p.place(b, side.layout, {}, depth, **{side.axis: b.add(side.start, across)})

        def copied(panel: Expr, lane: Expr) -> Store:
            place = b.add(b.mul(b.add(b.mul(panel, side.steps), line), width), lane)
            value = side.layout.element(b, source(item, b.add(b.mul(panel, width), lane)))
            return Store(side.goal, place, value)

        body: list[Statement] = []
        if not side.layout.casts:
            place = Address(side.layout.buffer, source(b.add(item, b.const(ROWS_AHEAD, INDEX)), zero))
            along = b.dim(p.stride(side.layout, p.levels[-1]))
            body.append(Call(Routine("fetch_rows", t.dtype, 0), [place, along, b.const(1, INDEX), extent]))
        body.append(Loop(panel, zero, whole, [Loop(lane, zero, width, [copied(panel, lane)], vector=True)]))
        left = b.sub(extent, b.mul(whole, width))
        if left.op != "const" or left.attr:
            body.append(Loop(rest, zero, left, [copied(whole, rest)], vector=True))
        return Loop(item, zero, run.count, body)
