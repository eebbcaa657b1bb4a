"""Products whose sums are too long for one pass: k goes in parts, and what C holds grows with each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lamina.base.dims import Dimension, element_count
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Expr
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.nests import describe, nest, rewrite
from lamina.schedule.operands import Strided
from lamina.schedule.product import contiguous
from lamina.schedule.spread import spread
from lamina.schedule.tasks import MOST_TASKS, cut
from lamina.schedule.tiles import Band, GoalInPlace, LeftCopied, LeftInPlace, tile_bound
from lamina.schedule.tiling import Tiling, known, round_up, rows_collide, share

# Large products are cut into a multiple of this many tasks, which few threads can share out evenly.
EVEN_TASKS = 4
# Every task of a sum over pixels reads all of them: so many operations a byte pay for it.
LEAST_INTENSITY = 24
MOST_SHARES = 16
# Tasks that share a sum over pixels among themselves, and the length from which they do.
K_SHARES = 8
SPLIT_SUM = 4096
# Steps of k in a part, beyond which a longer one gains nothing.
MOST_STEPS = 512
# Stretches of k that are written out one by one; more are a loop.
MOST_STRETCHES = 4


def multiply_blocks(t: Tiling, columns: int | None) -> Kernel:
    """Blocks of rows by blocks of k; A's block is copied together where that pays.

    Args:
        columns: tasks own blocks of so many columns before they own rows; None where rows alone are shared out.
    """
    b, p = t.b, t.product
    task, tiles, n = b.variable(MOST_TASKS), t.tiles(), b.dim(p.size(p.n))
    work = t.plan.rows * known(p.size(p.n)) * known(p.depth) // 4
    blocks = 1 if columns is None else -(-int(p.size(p.n)) // columns)  # type: ignore[arg-type]
    shares, _ = cut(b, tiles, work // blocks, most=max(1, MOST_TASKS // blocks))
    if tiles.op == "const":
        whole = -(-tiles.attr // max(1, t.plan.mc // t.plan.rows))
        shares = b.const(min(round_up(whole, EVEN_TASKS), tiles.attr, MOST_TASKS // blocks), INDEX)
    tasks, row_task, span = shares, task, (b.const(0, INDEX), n)
    if columns is not None:
        tasks, row_task = b.mul(shares, b.const(blocks, INDEX)), b.rem(task, shares)
        start = b.mul(b.floordiv(task, shares), b.const(columns, INDEX))
        span = start, b.min(b.add(start, b.const(columns, INDEX)), n)
    first, last = share(b, row_task, shares, tiles)
    most = max(1, t.plan.mc // t.plan.rows)
    group = b.variable(MOST_TASKS * MOST_TASKS)
    low = b.add(first, b.mul(group, b.const(most, INDEX)))
    high = b.min(b.add(low, b.const(most, INDEX)), last)
    groups = b.floordiv(b.add(b.sub(last, first), b.const(most - 1, INDEX)), b.const(most, INDEX))
    body: list[Statement] = [Loop(group, b.const(0, INDEX), groups, _blocks(t, low, high, most, span))]
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


def _blocks(t: Tiling, low: Expr, high: Expr, most: int, span: tuple[Expr, Expr]) -> list[Statement]:
    """All of k for the bands from `low` to `high`, and the columns of the span."""
    b, p, plan = t.b, t.product, t.plan
    k = int(p.depth)  # type: ignore[arg-type]
    goal = GoalInPlace(b, p, t.sums())
    copied = None
    if plan.pack_a != "none" or p.left.casts or rows_collide(p, t.size):
        buffer = t.local("block", most * plan.rows * plan.kc)
        copied = LeftCopied(b, buffer, b.mul(low, b.const(plan.rows, INDEX)), plan.rows, plan.pack_a == "panels")

    def stretch(begin: Expr, count: Expr, again: Expr | bool) -> list[Statement]:
        tile = b.variable(tile_bound(p.size(p.m), plan.rows))
        band = replace(t.band([], tile, *span), depth=[begin], counts=[count])
        copying = [] if copied is None else [Loop(tile, low, high, [copy_left(t, band, copied)])]
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
        body.append(Loop(tile, low, high, t.finish(t.band([], tile, *span), goal)))
    return body


def copy_left(t: Tiling, band: Band, copied: LeftCopied) -> Statement:
    """Copies one band of A, along whichever axis is contiguous."""
    b, p, plan = t.b, t.product, t.plan
    line, item, zero = b.variable(plan.rows), b.variable(p.depth), b.const(0, INDEX)
    source = p.place(b, p.left, band.outer, [b.add(band.depth[0], item)], m=b.add(band.row, line))
    block = b.mul(b.sub(band.row, copied.first_row), band.counts[0])
    value = p.left.element(b, source)
    if copied.panels:
        goal = b.add(block, b.add(b.mul(item, b.const(plan.rows, INDEX)), line))
        inner = Loop(line, zero, band.height, [Store(copied.buffer, goal, value)], vector=True)
        return Loop(item, zero, band.counts[0], [inner])
    goal = b.add(block, b.add(b.mul(line, band.counts[0]), item))
    inner = Loop(item, zero, band.counts[0], [Store(copied.buffer, goal, value)], vector=True)
    return Loop(line, zero, band.height, [inner])


def add_up(t: Tiling) -> list[Kernel]:
    """Sums over a batch, or the pixels of one: parts of k that stay in the level-2 cache while all of C is passed.

    Where C is small, tasks own stretches of k, so that A and B are read once; their sums come together after. Else
    tasks own columns, or bands where there are few columns, and each passes over all of k.
    """
    p = t.product
    c_bytes = known(p.size(p.outer + p.m)) * known(p.size(p.n)) * t.size
    if c_bytes <= t.target.caches[1] and known(p.depth) >= SPLIT_SUM:
        return _shares_of_k(t)
    return [_shares_of_c(t)]


def _shares_of_c(t: Tiling) -> Kernel:
    b, p = t.b, t.product
    task = b.variable(MOST_TASKS)
    count, outer, tile = t.places()
    n, zero = p.size(p.n), b.const(0, INDEX)
    wanted = _wanted_shares(t)
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
    stretch = (zero, b.dim(p.size(p.levels[0])))
    bands = _Bands(t, outer, tile, first, last, start, end)
    body = _parts(t, goal, stretch, bands)
    if not t.alone:
        body.append(bands.loop(t.finish(t.band(outer, tile, start, end), goal)))
    return Kernel(t.name, tasks, task, body, t.locals, label=describe(t.group.nodes))


def _shares_of_k(t: Tiling) -> list[Kernel]:
    b, p = t.b, t.product
    task, tasks = b.variable(MOST_TASKS), b.const(K_SHARES, INDEX)
    count, outer, tile = t.places()
    shape, zero = t.node.shape, b.const(0, INDEX)
    partial = Buffer(f"{t.name}_partial", (K_SHARES, *shape), t.dtype, "temporary")
    layout = contiguous(partial, t.node.attrs["labels"][2], shape)
    goal = GoalInPlace(b, p, layout, b.mul(task, b.dim(element_count(shape))))
    stretch = share(b, task, tasks, b.dim(p.size(p.levels[0])))
    body = _parts(t, goal, stretch, _Bands(t, outer, tile, zero, count, zero, b.dim(p.size(p.n))))
    label = describe(t.group.nodes)
    return [Kernel(t.name, tasks, task, body, t.locals, label=label), _together(t, partial, label)]


def _together(t: Tiling, partial: Buffer, label: str) -> Kernel:
    """Adds up what the tasks have, in their order, and finishes it."""
    b, shape = t.b, t.node.shape
    index = tuple(b.variable(d) for d in shape)
    place = b.linear(index, shape)
    size = b.dim(element_count(shape))
    value = b.load(partial, place)
    for number in range(1, K_SHARES):
        value = b.add(value, b.load(partial, b.add(b.mul(b.const(number, INDEX), size), place)))
    row = nest(b, [index[-1]], epilogue(b, t.group, t.memory, value, index))
    return spread(b, f"{t.name}_sum", list(index[:-1]), [row], 2 * K_SHARES * known(shape[-1]), label)


@dataclass
class _Bands:
    """The part of C that a task has: bands from `first` to `last`, columns from `start` to `end`."""

    t: Tiling
    outer: list[Expr]
    tile: Expr
    first: Expr
    last: Expr
    start: Expr
    end: Expr

    def loop(self, body: list[Statement], meanwhile: Callable[[Expr, Expr], list[Statement]] | None = None) -> Loop:
        """The body for every band; before it, what is given for the number of the band and how many there are."""
        t, b = self.t, self.t.b
        position = t.position(self.outer, self.tile)
        memo: dict[Expr, Expr] = {}
        places = t.decode(position, self.outer, self.tile)
        body = [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body]
        ahead = meanwhile(b.sub(position, self.first), b.sub(self.last, self.first)) if meanwhile else []
        return Loop(position, self.first, self.last, [*ahead, *body])


def _parts(t: Tiling, goal: GoalInPlace, stretch: tuple[Expr, Expr], bands: _Bands) -> list[Statement]:
    """Loops over the parts of a stretch of the outermost level of k; within each, over the bands."""
    b, p, zero = t.b, t.product, t.b.const(0, INDEX)
    cut_at, length = _part(t)
    one = b.const(1, INDEX)
    ranges = [stretch, *((zero, b.dim(p.size(level))) for level in p.levels[1:])]
    loops = [b.variable(p.size(level)) for level in p.levels[:cut_at]]
    low, high = ranges[cut_at]
    # An empty sum is passed over once too, so that C becomes zero.
    extent = b.sub(high, low)
    parts = b.max(one, b.floordiv(b.add(extent, b.const(length - 1, INDEX)), b.const(length, INDEX)))
    part = b.variable(tile_bound(p.size(p.levels[cut_at]), length))
    begin = b.add(low, b.mul(part, b.const(length, INDEX)))
    size = b.min(b.const(length, INDEX), b.sub(high, begin))
    whole = p.levels[cut_at + 1 :]
    depth = [*loops, begin, *(zero for _ in whole)]
    counts = [*(b.min(one, b.sub(end, first)) for first, end in ranges[:cut_at]), size]
    counts += [b.dim(p.size(level)) for level in whole]
    band = replace(t.band(bands.outer, bands.tile, bands.start, bands.end), depth=depth, counts=counts)
    again = b.ne(part, zero)
    for variable, (first, _) in zip(loops, ranges):
        again = b.bit_or(again, b.ne(variable, first))
    calls = t.multiply(band, LeftInPlace(b, p), goal, again)

    def ahead(number: Expr, count: Expr) -> list[Statement]:
        """Asks for the next part, for each band a share of it: it begins where this one ends."""
        return [
            *_fetch(t, p.left, (depth, cut_at, length), number, count, zero, b.dim(p.size(p.m))),
            *_fetch(t, p.right, (depth, cut_at, length), number, count, bands.start, b.sub(bands.end, bands.start)),
        ]

    body: Statement = Loop(part, zero, parts, [bands.loop(calls, ahead)])
    for variable, (first, end) in reversed(list(zip(loops, ranges))):
        body = Loop(variable, first, b.max(b.add(first, one), end), [body])
    return [body]


def _fetch(
    t: Tiling,
    layout: Strided,
    part: tuple[list[Expr], int, int],
    number: Expr,
    count: Expr,
    column: Expr,
    columns: Expr,
) -> list[Statement]:
    """Asks for one of `count` shares of an operand's rows that come after a part of k."""
    b, p = t.b, t.product
    depth, cut_at, length = part
    far, near = p.stride(layout, p.levels[cut_at]), p.stride(layout, p.levels[-1])
    if not isinstance(far, int) or not isinstance(near, int) or near <= 0:
        return []
    rows = b.floordiv(b.add(b.const(length * far // near - 1, INDEX), count), b.max(count, b.const(1, INDEX)))
    start = b.add(b.add(p.place(b, layout, {}, depth), b.const(length * far, INDEX)), column)
    index = b.add(start, b.mul(b.mul(number, rows), b.const(near, INDEX)))
    routine = Routine("fetch_rows", t.dtype, 0)
    width = b.min(columns, b.const(near, INDEX))  # windows overlap: what is beyond comes with the next row
    return [Call(routine, [Address(layout.buffer, index), b.const(near, INDEX), rows, width])]


def _part(t: Tiling) -> tuple[int, int]:
    """The level of k that is cut, and how much of it is a part: what the level-2 cache holds of A and B."""
    p = t.product
    row = known(p.size(p.m)) + min(known(p.size(p.n)), 8 * t.width)
    # The next part comes in while this one is worked on.
    steps = min(MOST_STEPS, max(64, t.target.caches[1] // 4 // (row * t.size)))
    within: Dimension = 1
    for level in reversed(range(len(p.levels))):
        extent = p.size(p.levels[level])
        whole = within * extent
        if level == 0 or not isinstance(whole, int) or whole > steps:
            return level, max(1, steps // known(within))
        within = whole
    raise AssertionError("k has at least one level")


def _wanted_shares(t: Tiling) -> int:
    """Tasks that C is divided among."""
    p = t.product
    operations = 2 * known(p.size(p.m)) * known(p.size(p.outer)) * known(p.size(p.n))
    bytes_read = (known(p.size(p.m)) + known(p.size(p.n))) * t.size
    wanted = operations // (bytes_read * LEAST_INTENSITY)
    return max(EVEN_TASKS, min(MOST_SHARES, wanted // EVEN_TASKS * EVEN_TASKS))
