"""Products whose sums are too long for one pass: k goes in parts, and what C holds grows with each."""

from __future__ import annotations

from dataclasses import replace

from lamina.base.dims import Dimension
from lamina.schedule.expr import INDEX, Expr
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.nests import describe, rewrite
from lamina.schedule.tasks import MOST_TASKS, cut
from lamina.schedule.tiles import Band, GoalInPlace, LeftCopied, LeftInPlace, tile_bound
from lamina.schedule.tiling import Tiling, known, round_up, share

# Large products are cut into a multiple of this many tasks, which few threads can share out evenly.
EVEN_TASKS = 4
# Every task of a sum over pixels reads all of them: so many operations a byte pay for it.
LEAST_INTENSITY = 24
MOST_SHARES = 16
# Stretches of k that are written out one by one; more are a loop.
MOST_STRETCHES = 4


def multiply_blocks(t: Tiling) -> Kernel:
    """Blocks of rows by blocks of k, for known sizes; A's block is copied together where that pays."""
    b, p = t.b, t.product
    task, tiles = b.variable(MOST_TASKS), t.tiles()
    tasks, _ = cut(b, tiles, t.plan.rows * known(p.size(p.n)) * known(p.depth) // 4)
    if tiles.op == "const":
        blocks = -(-tiles.attr // max(1, t.plan.mc // t.plan.rows))
        tasks = b.const(min(round_up(blocks, EVEN_TASKS), tiles.attr, MOST_TASKS), INDEX)
    first, last = share(b, task, tasks, tiles)
    most = max(1, t.plan.mc // t.plan.rows)
    group = b.variable(MOST_TASKS * MOST_TASKS)
    low = b.add(first, b.mul(group, b.const(most, INDEX)))
    high = b.min(b.add(low, b.const(most, INDEX)), last)
    groups = b.floordiv(b.add(b.sub(last, first), b.const(most - 1, INDEX)), b.const(most, INDEX))
    body: list[Statement] = [Loop(group, b.const(0, INDEX), groups, _blocks(t, low, high, most))]
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


def _blocks(t: Tiling, low: Expr, high: Expr, most: int) -> list[Statement]:
    """All of k for the bands from `low` to `high`."""
    b, p, plan = t.b, t.product, t.plan
    n, k = b.dim(p.size(p.n)), int(p.depth)  # type: ignore[arg-type]
    goal = GoalInPlace(b, p, t.sums())
    copied = None
    if plan.pack_a != "none":
        buffer = t.local("block", most * plan.rows * plan.kc)
        copied = LeftCopied(b, buffer, b.mul(low, b.const(plan.rows, INDEX)), plan.rows, plan.pack_a == "panels")

    def stretch(begin: Expr, count: Expr, again: Expr | bool) -> list[Statement]:
        tile = b.variable(tile_bound(p.size(p.m), plan.rows))
        band = replace(t.band([], tile, b.const(0, INDEX), n), depth=[begin], counts=[count])
        copying = [] if copied is None else [Loop(tile, low, high, [_copy_left(t, band, copied)])]
        return [*copying, Loop(tile, low, high, t.multiply(band, copied or LeftInPlace(b, p), goal, again))]

    body: list[Statement] = []
    if k > MOST_STRETCHES * plan.kc:
        part, kc = b.variable(-(-k // plan.kc)), b.const(plan.kc, INDEX)
        begin = b.mul(part, kc)
        inside = stretch(begin, b.min(kc, b.sub(b.const(k, INDEX), begin)), b.ne(part, b.const(0, INDEX)))
        body.append(Loop(part, b.const(0, INDEX), b.const(-(-k // plan.kc), INDEX), inside))
    else:
        for start in range(0, k, plan.kc):
            body += stretch(b.const(start, INDEX), b.const(min(plan.kc, k - start), INDEX), start > 0)
    if not t.alone:
        tile = b.variable(tile_bound(p.size(p.m), plan.rows))
        body.append(Loop(tile, low, high, t.finish(t.band([], tile, b.const(0, INDEX), n), goal)))
    return body


def _copy_left(t: Tiling, band: Band, copied: LeftCopied) -> Statement:
    """Copies one band of A, along whichever axis is contiguous."""
    b, p, plan = t.b, t.product, t.plan
    line, item, zero = b.variable(plan.rows), b.variable(plan.kc), b.const(0, INDEX)
    source = p.place(b, p.left, band.outer, [b.add(band.depth[0], item)], m=b.add(band.row, line))
    block = b.mul(b.sub(band.row, copied.first_row), band.counts[0])
    value = b.load(p.left.buffer, source)
    if copied.panels:
        goal = b.add(block, b.add(b.mul(item, b.const(plan.rows, INDEX)), line))
        inner = Loop(line, zero, band.height, [Store(copied.buffer, goal, value)], vector=True)
        return Loop(item, zero, band.counts[0], [inner])
    goal = b.add(block, b.add(b.mul(line, band.counts[0]), item))
    inner = Loop(item, zero, band.counts[0], [Store(copied.buffer, goal, value)], vector=True)
    return Loop(line, zero, band.height, [inner])


def add_up(t: Tiling) -> Kernel:
    """Sums over a batch, or the pixels of one: parts of k that stay in the level-2 cache while all of C is passed.

    Tasks own columns, or bands where there are few columns, and each passes over all of k.
    """
    b, p = t.b, t.product
    task = b.variable(MOST_TASKS)
    count, outer, tile = t.places()
    n, zero = p.size(p.n), b.const(0, INDEX)
    wanted = _shares(t)
    panels = tile_bound(n, t.width)
    if isinstance(panels, int) and panels >= wanted:
        each = -(-panels // wanted) * t.width
        tasks = b.const(-(-int(n) // each), INDEX)  # type: ignore[arg-type]
        start = b.mul(task, b.const(each, INDEX))
        end = b.min(b.add(start, b.const(each, INDEX)), b.dim(n))
        first, last = zero, count
    else:
        tasks = b.min(b.max(count, b.const(1, INDEX)), b.const(wanted, INDEX))
        start, end = zero, b.dim(n)
        first, last = share(b, task, tasks, count)
    goal = GoalInPlace(b, p, t.sums())
    body = _parts(t, goal, first, last, (outer, tile, start, end))
    if not t.alone:
        finishing = t.finish(t.band(outer, tile, start, end), goal)
        body.append(_over_bands(t, outer, tile, first, last, finishing))
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


def _parts(
    t: Tiling, goal: GoalInPlace, first: Expr, last: Expr, where: tuple[list[Expr], Expr, Expr, Expr]
) -> list[Statement]:
    """Loops over the parts of k; within each, over the bands."""
    b, p, zero = t.b, t.product, t.b.const(0, INDEX)
    outer, tile, start, end = where
    cut_at, length = _part(t)
    one = b.const(1, INDEX)
    loops = [b.variable(p.size(level)) for level in p.levels[:cut_at]]
    extent = b.dim(p.size(p.levels[cut_at]))
    # An empty sum is passed over once too, so that C becomes zero.
    parts = b.max(one, b.floordiv(b.add(extent, b.const(length - 1, INDEX)), b.const(length, INDEX)))
    part = b.variable(tile_bound(p.size(p.levels[cut_at]), length))
    begin = b.mul(part, b.const(length, INDEX))
    size = b.min(b.const(length, INDEX), b.sub(extent, begin))
    whole = p.levels[cut_at + 1 :]
    depth = [*loops, begin, *(zero for _ in whole)]
    counts = [*(b.min(one, b.dim(v.attr[1])) for v in loops), size, *(b.dim(p.size(level)) for level in whole)]
    band = replace(t.band(outer, tile, start, end), depth=depth, counts=counts)
    again = b.const(False, "bool")
    for variable in [*loops, part]:
        again = b.bit_or(again, b.ne(variable, zero))
    calls = t.multiply(band, LeftInPlace(b, p), goal, again)
    body: Statement = Loop(part, zero, parts, [_over_bands(t, outer, tile, first, last, calls)])
    for variable in reversed(loops):
        body = Loop(variable, zero, b.max(one, b.dim(variable.attr[1])), [body])
    return [body]


def _over_bands(t: Tiling, outer: list[Expr], tile: Expr, first: Expr, last: Expr, body: list[Statement]) -> Statement:
    b = t.b
    position = t.position(outer, tile)
    memo: dict[Expr, Expr] = {}
    places = t.decode(position, outer, tile)
    return Loop(position, first, last, [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body])


def _part(t: Tiling) -> tuple[int, int]:
    """The level of k that is cut, and how much of it is a part: what the level-2 cache holds of A and B."""
    p = t.product
    row = known(p.size(p.m)) + min(known(p.size(p.n)), 4 * t.width)
    steps = max(64, t.target.caches[1] // 2 // (row * t.size))
    within: Dimension = 1
    for level in reversed(range(len(p.levels))):
        extent = p.size(p.levels[level])
        whole = within * extent
        if level == 0 or not isinstance(whole, int) or whole > steps:
            return level, max(1, steps // known(within))
        within = whole
    raise AssertionError("k has at least one level")


def _shares(t: Tiling) -> int:
    """Tasks that C is divided among."""
    p = t.product
    operations = 2 * known(p.size(p.m)) * known(p.size(p.outer)) * known(p.size(p.n))
    bytes_read = (known(p.size(p.m)) + known(p.size(p.n))) * t.size
    wanted = operations // (bytes_read * LEAST_INTENSITY)
    return max(EVEN_TASKS, min(MOST_SHARES, wanted // EVEN_TASKS * EVEN_TASKS))
