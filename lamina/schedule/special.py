"""Kernels of primitives whose order of work matters: running folds, scattered additions, permutations."""

from __future__ import annotations

from collections.abc import Callable

from lamina import primitives
from lamina.base import dtypes
from lamina.graph import Node
from lamina.primitives.declare import surely_not_negative
from lamina.schedule.collapse import total
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Declare, Kernel, Loop, Statement, Store, Update
from lamina.schedule.lowering import Index, Lowering, widen
from lamina.schedule.nests import describe, nest
from lamina.schedule.places import Places
from lamina.schedule.spread import spread
from lamina.schedule.tasks import MOST_TASKS, cut, task_range
from lamina.schedule.tiling import known

# Elements of a row that a task of scattered additions has at least, a multiple of a cache line, and such tasks at most:
# every one of them reads all indices.
STRETCH = 32
MOST_STRETCHES = 8


class SpecialKernels:
    """The kernels of one node; which ones depends on its kind or, where the kind says too little, its primitive."""

    def __init__(self, group: Group, memory: Places, name: str):
        self.b = Builder()
        self.node = group.members[0].node
        self.memory = memory
        self.name = name
        self.lowering = Lowering(self.b, self._resolve)

    def kernels(self) -> list[Kernel]:
        lowering = _BY_KIND.get(self.node.kind) or _BY_PRIMITIVE[self.node.primitive]
        return lowering(self)

    def _resolve(self, node: Node, index: Index) -> Expr | None:
        return None if node is self.node else self.memory.read(self.b, node, index)

    def read(self, operand: int, index: Index) -> Expr:
        return widen(self.b, self.lowering.value(self.node.inputs[operand], index))

    def kernel(self, body: list[Statement], suffix: str = "", scratch: list[Buffer] | None = None) -> Kernel:
        """One task: these are kernels in which every step may depend on the one before."""
        one = self.b.const(1, INDEX)
        label = describe([self.node])
        return Kernel(self.name + suffix, one, self.b.variable(1), body, scratch or [], label=label)

    @property
    def out(self) -> Buffer:
        return self.memory[self.node]


def _cumulative(s: SpecialKernels) -> list[Kernel]:
    b, node = s.b, s.node
    axis, extent = node.attrs["axis"], node.shape[node.attrs["axis"]]
    variables = [b.variable(d) for d in node.shape]
    along = variables[axis]
    place = b.sub(b.dim(extent - 1), along) if node.attrs["reverse"] else along
    index = (*variables[:axis], place, *variables[axis + 1 :])
    dtype = dtypes.compute_dtype(node.dtype)
    accumulator = b.accumulator(f"{s.name}_running", dtype)
    identity = b.const(node.primitive.identity(dtype), dtype)
    folded = node.primitive.lower(b, accumulator, b.cast(s.read(0, index), dtype))
    shown = accumulator if node.attrs["exclusive"] else folded
    step: list[Statement] = [
        Store(s.out, b.linear(index, node.shape), b.cast(shown, node.dtype)),
        Update(accumulator, folded),
    ]
    run = nest(b, [along], step, vector=False)
    body: list[Statement] = [Declare(accumulator, identity), run]
    others = [v for v in variables if v is not along]
    return [s.kernel([nest(b, others, body, vector=False)] if others else body)]


def _copy_operand(s: SpecialKernels) -> Kernel:
    """The node's first operand, copied to where its result will be."""
    b, name, label = s.b, f"{s.name}_copy", describe([s.node])
    variables = [b.variable(d) for d in s.node.shape]
    place = b.linear(tuple(variables), s.node.shape)
    store = Store(s.out, place, b.cast(s.read(0, tuple(variables)), s.node.dtype))
    if not variables:
        return s.kernel([store], "_copy")
    *rows, column = variables
    return spread(b, name, rows, [nest(b, [column], [store])], known(column.attr[1]), label)


def _scatter_add(s: SpecialKernels) -> list[Kernel]:
    b, node = s.b, s.node
    axis = node.attrs["axis"]
    indices, updates = node.inputs[1], node.inputs[2]
    variables = [b.variable(d) for d in updates.shape]
    after = axis + indices.rank
    where = s.read(1, tuple(variables[axis:after]))
    place = b.check_index(b.cast(where, INDEX), b.dim(node.shape[axis]))
    target = b.linear((*variables[:axis], place, *variables[after:]), node.shape)
    add = _add_at(s, target, s.read(2, tuple(variables)))
    return [_copy_operand(s), _shared(s, variables, range(axis, after), add)]


def _scatter_add_along_axis(s: SpecialKernels) -> list[Kernel]:
    b, node = s.b, s.node
    axis, updates = node.attrs["axis"], node.inputs[2]
    variables = [b.variable(d) for d in updates.shape]
    place = b.check_index(b.cast(s.read(1, tuple(variables)), INDEX), b.dim(node.shape[axis]))
    target = b.linear((*variables[:axis], place, *variables[axis + 1 :]), node.shape)
    add = _add_at(s, target, s.read(2, tuple(variables)))
    return [_copy_operand(s), _shared(s, variables, range(axis, axis + 1), add)]


def _shared(s: SpecialKernels, variables: list[Expr], axes: range, add: Store) -> Kernel:
    """All updates, shared out so that those of one place come to one task, in their order.

    Tasks own places on the axes before those of the indices or, where there are none, stretches of the last axis
    after them. Vectors are formed only of updates whose places are distinct for sure.
    """
    b = s.b
    before, along, after = variables[: axes.start], variables[axes.start : axes.stop], variables[axes.stop :]
    work = 1
    for variable in (*along, *after):
        work *= known(variable.attr[1])
    if before:
        inner = [nest(b, [*along, *after], [add], vector=bool(after))]
        return spread(b, s.name, before, inner, work, describe([s.node]))
    if not after:
        return s.kernel([nest(b, along, [add], vector=False) if along else add])
    *rows, column = after
    count = b.dim(column.attr[1])
    tasks, size = cut(b, count, work // max(known(column.attr[1]), 1), STRETCH, MOST_STRETCHES)
    task = b.variable(MOST_TASKS)
    body: list[Statement] = [Loop(column, *task_range(b, task, size, count), [add], vector=True)]
    if along or rows:
        body = [nest(b, [*along, *rows], body, vector=False)]
    return Kernel(s.name, tasks, task, body, label=describe([s.node]))


def _add_at(s: SpecialKernels, target: Expr, update: Expr) -> Store:
    dtype = dtypes.compute_dtype(s.node.dtype)
    total = s.b.add(s.b.cast(s.b.load(s.out, target), dtype), s.b.cast(update, dtype))
    return Store(s.out, target, s.b.cast(total, s.node.dtype))


def _update_slice(s: SpecialKernels) -> list[Kernel]:
    """The operand, and then the block into it; a copy from a place to itself is left out later."""
    b, node = s.b, s.node
    x, updates = node.inputs[:2]
    variables = [b.variable(d) for d in updates.shape]
    place = list(variables)
    for operand, axis in enumerate(node.attrs["axes"], 2):
        room = b.sub(b.dim(x.shape[axis]), b.dim(updates.shape[axis]))
        start = b.max(b.min(b.cast(s.read(operand, ()), INDEX), room), b.const(0, INDEX))
        place[axis] = b.add(variables[axis], start)
    value = s.read(1, tuple(variables))
    body: list[Statement] = [Store(s.out, b.linear(tuple(place), node.shape), b.cast(value, node.dtype))]
    work = 1
    # Where nobody knows which of the two is larger, nothing is written beyond the end.
    inner = [v for v, n in zip(variables, x.shape) if v is variables[-1] or not surely_not_negative(n - v.attr[1])]
    for v in reversed(inner):
        end = b.min(b.dim(v.attr[1]), b.dim(x.shape[variables.index(v)]))
        body = [Loop(v, b.const(0, INDEX), end, body, vector=v is variables[-1])]
        work *= known(v.attr[1])
    rows = [v for v in variables if v not in inner]
    return [_copy_operand(s), spread(b, s.name, rows, body, work, describe([node]))]


def _first_places(s: SpecialKernels) -> list[Kernel]:
    """From the last index to the first, each writes its place where its number says; the first one's stays there."""
    b, node = s.b, s.node
    # A place takes half of the cache that an int64 would; nobody has more than 2^32 indices at once.
    marks = Buffer(f"{s.name}_marks", (node.attrs["size"],), "uint32", "local")
    back, on = ([b.variable(d) for d in node.shape] for _ in range(2))
    index = tuple(b.sub(b.dim(d - 1), v) for v, d in zip(back, node.shape))
    place = b.linear(index, node.shape)
    number = b.check_index(b.cast(s.read(0, index), INDEX), b.dim(node.attrs["size"]))
    mark = Store(marks, number, b.cast(place, marks.dtype))
    if not back:
        return [s.kernel([Store(s.out, place, place), mark], scratch=[marks])]
    own = b.linear(tuple(on), node.shape)
    look = Store(s.out, own, b.cast(b.load(marks, b.load(s.out, own)), INDEX))
    body = [nest(b, back, [Store(s.out, place, number), mark], vector=False), nest(b, on, [look])]
    return [s.kernel(body, scratch=[marks])]


def _first_uses(s: SpecialKernels) -> list[Kernel]:
    """None for each number; then as for first places, with the result in place of the marks."""
    b, node = s.b, s.node
    number, variables = b.variable(node.shape[0]), [b.variable(d) for d in node.inputs[0].shape]
    index = tuple(b.sub(b.dim(d - 1), v) for v, d in zip(variables, node.inputs[0].shape))
    none = Store(s.out, number, b.cast(total(b, variables), node.dtype))
    count, task = b.dim(node.shape[0]), b.variable(MOST_TASKS)
    tasks, size = cut(b, count, 1, STRETCH)
    loop = Loop(number, *task_range(b, task, size, count), [none], vector=True)
    clear = Kernel(f"{s.name}_none", tasks, task, [loop], label=describe([node]))
    target = b.check_index(b.cast(s.read(0, index), INDEX), b.dim(node.shape[0]))
    mark = Store(s.out, target, b.linear(index, node.inputs[0].shape))
    return [clear, s.kernel([nest(b, variables, [mark], vector=False) if variables else mark])]


def _sum_at_first(s: SpecialKernels) -> list[Kernel]:
    """Tasks own stretches of the last axis. A row that is its own first begins there, others go to theirs."""
    b, node = s.b, s.node
    dtype, shape = dtypes.compute_dtype(node.dtype), node.inputs[0].shape
    *along, begun = [b.variable(d) for d in shape]
    cleared, added, spare = (b.variable(shape[-1]) for _ in range(3))
    count = b.dim(shape[-1])
    first = b.cast(s.read(1, tuple(along)), INDEX)
    value = b.add(b.const(0, dtype), b.cast(s.read(0, (*along, begun)), dtype))
    begin_with = Store(s.out, b.linear((*along, begun), shape), b.cast(value, node.dtype))
    clear = Store(s.out, b.linear((*along, cleared), shape), b.const(0, node.dtype))
    add = _add_at(s, b.add(b.mul(first, count), added), s.read(0, (*along, added)))
    work = 1
    for variable in along:
        work *= known(variable.attr[1])
    tasks, size = cut(b, count, work, STRETCH, MOST_STRETCHES)
    task = b.variable(MOST_TASKS)
    begin, end = task_range(b, task, size, count)
    own = b.eq(first, b.linear(tuple(along), shape[:-1]))
    body: list[Statement] = [Loop(begun, begin, b.select(own, end, begin), [begin_with], vector=True)]
    for variable, store in ((cleared, clear), (added, add)):
        body.append(Loop(variable, begin, b.select(own, begin, end), [store], vector=True))
    if along:
        body = [nest(b, along, body, vector=False)]
    if node.attrs["spare"]:
        last = Store(s.out, b.add(b.mul(total(b, along), count), spare), b.const(0, node.dtype))
        body.append(Loop(spare, begin, end, [last], vector=True))
    return [Kernel(s.name, tasks, task, body, label=describe([node]))]


def _replace_rows(s: SpecialKernels) -> list[Kernel]:
    """The operand, and then each row from its first place; a copy from a place to itself is left out later."""
    b, node = s.b, s.node
    indices, rows = node.inputs[1], node.inputs[3]
    *along, column = [b.variable(d) for d in rows.shape]
    row = b.check_index(b.cast(s.read(1, tuple(along)), INDEX), b.dim(node.shape[0]))
    own = b.eq(b.cast(s.read(2, tuple(along)), INDEX), b.linear(tuple(along), indices.shape))
    store = Store(s.out, b.linear((row, column), node.shape), b.cast(s.read(3, (*along, column)), node.dtype))
    zero = b.const(0, INDEX)
    line = Loop(column, zero, b.select(own, b.dim(column.attr[1]), zero), [store], vector=True)
    work = known(column.attr[1])
    return [_copy_operand(s), spread(b, s.name, along, [line], work, describe([node]))]


DIGIT_BITS = 8


def _random_permutation(s: SpecialKernels) -> list[Kernel]:
    """Sorts the positions by their random bits: a stable radix sort, a byte at a time."""
    b, node = s.b, s.node
    length = node.shape[0]
    bits = primitives.random_bits(node.inputs[0], (length,))
    keys = [Buffer(f"{s.name}_keys{k}", (length,), "uint32", "local") for k in range(2)]
    places = [Buffer(f"{s.name}_places", (length,), INDEX, "local"), s.out]
    counts = Buffer(f"{s.name}_counts", (1 << DIGIT_BITS,), INDEX, "local")
    position = b.variable(length)
    value = s.lowering.value(bits, (position,))
    body: list[Statement] = [
        nest(b, [position], [Store(keys[0], position, value), Store(places[0], position, position)])
    ]
    passes = 32 // DIGIT_BITS
    source, target = 0, 1
    for number in range(passes):
        body += _radix_pass(b, keys, places, counts, source, target, number * DIGIT_BITS)
        source, target = target, source
    if places[source] is not s.out:
        copied = b.variable(length)
        body.append(nest(b, [copied], [Store(s.out, copied, b.load(places[source], copied))]))
    return [s.kernel(body, scratch=[*keys, places[0], counts])]


def _radix_pass(
    b: Builder, keys: list[Buffer], places: list[Buffer], counts: Buffer, source: int, target: int, shift: int
) -> list[Statement]:
    """Counts the digits, turns counts into first positions, and moves every item to its digit's next one."""
    length, size = keys[0].shape[0], counts.shape[0]

    def digit(item: Expr) -> Expr:
        shifted = b.shift_right(b.load(keys[source], item), b.const(shift, "uint32"))
        return b.cast(b.bit_and(shifted, b.const(int(size) - 1, "uint32")), INDEX)  # type: ignore[arg-type]

    one = b.const(1, INDEX)
    cleared, item, bucket, moved = (b.variable(n) for n in (size, length, size, length))
    accumulator = b.accumulator(f"first{shift}_{keys[0].name}", INDEX)
    found = b.load(counts, bucket)
    place = b.load(counts, digit(moved))
    move: list[Statement] = [
        Store(keys[target], place, b.load(keys[source], moved)),
        Store(places[target], place, b.load(places[source], moved)),
        Store(counts, digit(moved), b.add(place, one)),
    ]
    first: list[Statement] = [Store(counts, bucket, accumulator), Update(accumulator, b.add(accumulator, found))]
    return [
        nest(b, [cleared], [Store(counts, cleared, b.const(0, INDEX))]),
        nest(b, [item], [Store(counts, digit(item), b.add(b.load(counts, digit(item)), one))], vector=False),
        Declare(accumulator, b.const(0, INDEX)),
        nest(b, [bucket], first, vector=False),
        nest(b, [moved], move, vector=False),
    ]  # fmt: skip


_BY_KIND: dict[str, Callable[[SpecialKernels], list[Kernel]]] = {"cumulative": _cumulative}
_BY_PRIMITIVE: dict[object, Callable[[SpecialKernels], list[Kernel]]] = {
    primitives.SCATTER_ADD: _scatter_add,
    primitives.SCATTER_ADD_ALONG_AXIS: _scatter_add_along_axis,
    primitives.RANDOM_PERMUTATION: _random_permutation,
    primitives.UPDATE_SLICE: _update_slice,
    primitives.FIRST_PLACES: _first_places,
    primitives.FIRST_USES: _first_uses,
    primitives.SUM_AT_FIRST: _sum_at_first,
    primitives.REPLACE_ROWS: _replace_rows,
}


def has_lowering(node: Node) -> bool:
    return node.kind in _BY_KIND or node.primitive in _BY_PRIMITIVE
