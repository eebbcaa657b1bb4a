"""The kernel that copies B into panels as wide as a tile, in the order in which microkernels read them."""

from __future__ import annotations

from lamina.schedule.expr import INDEX, Buffer, Expr
from lamina.schedule.loops import Address, Call, Kernel, Loop, Routine, Statement, Store
from lamina.schedule.nests import describe
from lamina.schedule.operands import place, runs
from lamina.schedule.spread import spread
from lamina.schedule.tiles import RightPacked, tile_bound
from lamina.schedule.tiling import Tiling, known


def pack_right(t: Tiling) -> Kernel:
    """Makes `t.right` zero-padded panels, for every place of the outer labels that B has."""
    b, p = t.b, t.product
    outer = [x for x in p.outer if p.right.strides.get(x, 0) != 0]
    shape = (*(p.extents[x] for x in outer), tile_bound(p.size(p.n), t.width), p.depth, t.width)
    packed = Buffer(f"{t.name}_panels", shape, t.dtype, "temporary")
    t.right = RightPacked(b, packed, p, outer, t.width)
    variables = [b.variable(d) for d in shape[:-2]]
    body = _panel(t, packed, outer, variables)
    return spread(b, f"{t.name}_pack", variables, body, t.width * known(p.depth), describe([t.node]))


def _panel(t: Tiling, packed: Buffer, outer: list[str], variables: list[Expr]) -> list[Statement]:
    """Copies one panel: a routine for every run of k that is one axis of B."""
    b, p, zero = t.b, t.product, t.b.const(0, INDEX)
    labels = "".join(p.levels)
    *around, run = runs(labels, p.extents, [p.right.strides]) or [""]
    loops = {x: b.variable(p.extents[x]) for x in "".join(around)}
    first = b.mul(variables[-1], b.const(t.width, INDEX))
    columns = b.min(b.max(b.sub(b.dim(p.size(p.n)), first), zero), b.const(t.width, INDEX))
    at = {**dict(zip(outer, variables)), **loops}
    start = b.add(place(b, p.right, at), b.mul(first, b.dim(p.stride(p.right, p.n))))
    depth = b.linear((*(loops.get(x, zero) for x in labels),), tuple(p.extents[x] for x in labels)) if labels else zero
    goal = b.linear((*variables, depth, zero), packed.shape)
    across, along = p.stride(p.right, p.n), p.stride(p.right, run)
    if not p.right.casts and (across == 1 or along in (0, 1)):
        transposed = across != 1
        routine = Routine("pack_transposed" if transposed else "pack_rows", t.dtype, t.plan.vectors)
        stride = b.dim(across if transposed else along)
        arguments: list[Address | Expr] = [
            Address(p.right.buffer, start),
            stride,
            b.dim(p.size(run)),
            columns,
            Address(packed, goal),
        ]
        body: list[Statement] = [Call(routine, arguments, [packed])]
    else:
        body = _element_by_element(t, packed, start, goal, columns, run)
    for variable in reversed(list(loops.values())):
        body = [Loop(variable, zero, b.dim(variable.attr[1]), body)]
    return body


def _element_by_element(t: Tiling, packed: Buffer, start: Expr, goal: Expr, columns: Expr, run: str) -> list[Statement]:
    """B is contiguous along neither axis, or in another dtype."""
    b, p, zero = t.b, t.product, t.b.const(0, INDEX)
    width = b.const(t.width, INDEX)
    k, j, rest = b.variable(p.size(run)), b.variable(t.width), b.variable(t.width)
    row = b.add(goal, b.mul(k, width))
    steps = [b.mul(x, b.dim(p.stride(p.right, labels))) for x, labels in ((k, run), (j, p.n))]
    value = p.right.element(b, b.add(start, b.add(*steps)))
    copy = Loop(j, zero, columns, [Store(packed, b.add(row, j), value)], vector=True)
    clear = Loop(rest, columns, width, [Store(packed, b.add(row, rest), b.const(0, t.dtype))], vector=True)
    return [Loop(k, zero, b.dim(p.size(run)), [copy, clear])]
