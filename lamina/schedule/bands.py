"""Products whose sums are formed at once: C is finished band by band, each while it is in the nearest cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lamina.schedule.expr import INDEX, Expr
from lamina.schedule.long_sums import copy_left
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement
from lamina.schedule.nests import describe, rewrite
from lamina.schedule.tasks import MOST_TASKS, cut
from lamina.schedule.tiles import Band, Goal, GoalInPlace, GoalScratch, Left, LeftCopied, LeftInPlace, tile_bound
from lamina.schedule.tiling import Tiling, known, round_up, rows_collide, share
from lamina.schedule.triangles import Triangle

# Columns of C that are finished together: a scratch band of them stays in the level-1 cache.
SCRATCH_COLUMNS = 512
# Blocks of columns come in such multiples, which few threads can share out evenly.
EVEN_BLOCKS = 2
# Tiles of B that pass by a band of A from which a copy of the band pays.
WORTH_COPYING = 8


def multiply_bands(t: Tiling, columns: int | None, half: Triangle | None = None) -> Kernel:
    """The kernel whose tasks own bands of C.

    Args:
        half: the products that count, None where all do.
        columns: tasks own blocks of so many columns before they own bands; None where a band is as wide as C.
    """
    b, p = t.b, t.product
    task = b.variable(MOST_TASKS)
    count, outer, tile = t.places()
    n = p.size(p.n)
    work = t.plan.rows * known(n) * known(p.depth) // 4
    if columns is None or not isinstance(n, int):
        tasks, _ = cut(b, count, work)
        first, last = share(b, task, tasks, count)
        start, end, most = b.const(0, INDEX), b.dim(n), n if isinstance(n, int) else None
    else:
        blocks, most = -(-n // columns), columns
        shares, _ = cut(b, count, work // blocks, most=max(1, MOST_TASKS // blocks))
        tasks = b.mul(shares, b.const(blocks, INDEX))
        start = b.mul(b.floordiv(task, shares), b.const(columns, INDEX))
        end = b.min(b.add(start, b.const(columns, INDEX)), b.const(n, INDEX))
        first, last = share(b, b.rem(task, shares), shares, count)
    position = t.position(outer, tile)
    band = t.band(outer, tile, start, end)
    body = [*_fetch_next(t, band), *_band(t, band if half is None else half.depth(t, band), most, half)]
    memo: dict[Expr, Expr] = {}
    places = t.decode(position, outer, tile)
    body = [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body]
    loop = Loop(position, first, last, body)
    return Kernel(t.name, tasks, task, [loop], t.locals, label=describe(t.group.nodes))


def _fetch_next(t: Tiling, band: Band) -> list[Statement]:
    """Asks for the rows of A of the next band but one, where they lie one after the other and come from far away."""
    b, p = t.b, t.product
    size = known(p.size(p.m)) * known(p.size(p.outer)) * known(p.depth) * t.size
    depth, stride = p.depth, p.stride(p.left, p.m)
    if size <= t.target.caches[1] or len(p.levels) != 1 or not isinstance(depth, int) or stride != depth:
        return []
    if copies_left(t):
        return []  # rows are copied first, in the order in which they lie
    rows = b.const(t.plan.rows, INDEX)
    next_row = p.place(b, p.left, band.outer, [b.const(0, INDEX)], m=b.add(band.row, b.const(2 * t.plan.rows, INDEX)))
    return [
        Call(Routine("fetch_rows", t.dtype, 0), [Address(p.left.buffer, next_row), b.dim(stride), rows, b.dim(depth)])
    ]


def _stored_last(t: Tiling) -> GoalInPlace | None:
    """Where the last member behind the product lies, if it lies as the product would."""
    kept = [m.node for m in t.group.members if m.node in t.memory]
    if not kept or kept[-1] in t.memory.parts or kept[-1].shape != t.node.shape or kept[-1].dtype != t.dtype:
        return None
    return GoalInPlace(t.b, t.product, replace(t.product.out, buffer=t.memory[kept[-1]]))


def column_block(t: Tiling, few_rows: bool, most_blocks: int) -> int | None:
    """Columns that tasks should own before they own rows, None where rows alone are shared out.

    Where m is a batch, B is a weight; it is then split along the same axis when it is read and when it is updated,
    so that a core finds its own part in its own cache. Where B does not fit the level-2 cache, a part of it that
    does is kept there while all rows of A pass by.
    """
    p = t.product
    n, depth = p.size(p.n), p.depth
    if not isinstance(n, int) or n <= t.width or not isinstance(depth, int):
        return None
    panels = -(-n // t.width)
    if few_rows:
        return -(-panels // most_blocks) * t.width
    room = max(1, t.target.caches[1] // 2 // (depth * t.width * t.size))
    if room >= panels:
        return None
    blocks = round_up(-(-panels // room), EVEN_BLOCKS)  # of much the same width, so that threads have as much to do
    return -(-panels // blocks) * t.width


def _band(t: Tiling, band: Band, most: int | None, half: Triangle | None) -> Sequence[Statement]:
    """Computes one band and what follows it.

    Args:
        most: columns that it may have; None where that is open.
        half: as of `multiply_bands`.
    """

    def multiply(band: Band, goal: Goal) -> list[Statement]:
        return t.multiply(band if half is None else half.columns(t, band), left, goal)

    b, p = t.b, t.product
    left: Left = LeftInPlace(b, p)
    copying: list[Statement] = []
    if copies_left(t):
        adjacent = p.stride(p.left, p.m) == 1 and p.stride(p.left, p.levels[0]) != 1
        rows = t.local("rows", t.plan.rows * int(p.depth))  # type: ignore[arg-type]
        left = LeftCopied(b, rows, band.row, t.plan.rows, adjacent)
        copying = [copy_left(t, band, left)]
    if t.alone and t.target.has_masks:
        return [*copying, *multiply(band, GoalInPlace(b, p, p.out))]
    block = round_up(min(most or SCRATCH_COLUMNS, SCRATCH_COLUMNS), t.width)
    goal = GoalScratch(b, t.local("tile", t.plan.rows * block), block, _stored_last(t))
    if most is not None and most <= block:
        return [*copying, *multiply(band, goal), *t.finish(band, goal)]
    part = b.variable(tile_bound(p.size(p.n), block))
    low = b.add(band.start, b.mul(part, b.const(block, INDEX)))
    narrow = replace(band, start=low, end=b.min(b.add(low, b.const(block, INDEX)), band.end))
    body = [*multiply(narrow, goal), *t.finish(narrow, goal)]
    extent = b.sub(band.end, band.start)
    parts = b.floordiv(b.add(extent, b.const(block - 1, INDEX)), b.const(block, INDEX))
    return [*copying, Loop(part, b.const(0, INDEX), parts, body)]


def copies_left(t: Tiling) -> bool:
    """Whether a band of A is copied before it is multiplied: to cast it, or since its rows collide where they lie."""
    p = t.product
    if p.left.casts:
        return True
    wide = known(p.size(p.n)) >= WORTH_COPYING * t.width
    return wide and copies_rows(t) and rows_collide(p, t.size)


def copies_rows(t: Tiling) -> bool:
    """Whether rows of A can be copied a band at a time."""
    p = t.product
    if not isinstance(p.depth, int) or len(p.levels) > 1 or p.line:
        return False
    return p.depth * t.plan.rows * t.size <= t.target.caches[1] // 2
