"""Contractions whose last axis is one of both operands and of the result, as in a depthwise convolution.

There is no matrix in them: each channel is on its own, so vectors run over channels. A few neighbours along the line
are computed together, so that what they share is loaded once, and their sums stay in registers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lamina.base import dtypes
from lamina.base.dims import Dimension, element_count
from lamina.graph import Node
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.fusion import Group
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.lowering import Index, Lowering, widen
from lamina.schedule.nests import describe, nest
from lamina.schedule.places import Places
from lamina.schedule.spread import spread
from lamina.schedule.tasks import MOST_TASKS
from lamina.schedule.tiling import known

# Elements of a window up to which its loops are written out.
MOST_TAPS = 64
# Products in the body of the innermost loop.
MOST_PRODUCTS = 80
MOST_NEIGHBOURS = 8


def lanewise_kernels(group: Group, memory: Places, name: str) -> list[Kernel] | None:
    """The kernels of such a contraction and what follows it, None where it is not one."""
    left, right, out = group.members[0].node.attrs["labels"]
    if not out or not left.endswith(out[-1]) or not right.endswith(out[-1]):
        return None
    work = _Lanewise(Builder(), group, memory, name)
    if work.is_window(work.summed):
        return [work.sums_of_windows()]
    if work.is_window(work.lonely) and len(work.summed) > 0:
        return work.sums_over_windows()
    return None


@dataclass
class _Lanewise:
    b: Builder
    group: Group
    memory: Places
    name: str

    def __post_init__(self) -> None:
        self.node = node = self.group.members[0].node
        self.left, self.right, self.out = node.attrs["labels"]
        self.extents: dict[str, Dimension] = dict(zip(self.left, node.inputs[0].shape))
        self.extents |= dict(zip(self.right, node.inputs[1].shape))
        self.summed = [x for x in self.left if x not in self.out]
        self.lonely = [x for x in self.out if (x in self.left) != (x in self.right)]
        self.dtype = dtypes.compute_dtype(node.dtype)
        self.lowering = Lowering(self.b, self._resolve)
        self.channel = self.b.variable(self.extents[self.out[-1]])
        self.zero = self.b.const(0, INDEX)

    def is_window(self, labels: list[str]) -> bool:
        size = element_count(self.extents[x] for x in labels)
        return isinstance(size, int) and 0 < size <= MOST_TAPS

    def _resolve(self, node: Node, index: Index) -> Expr | None:
        return self.memory.read(self.b, node, index)

    def _factor(self, side: int, place: Mapping[str, Expr]) -> Expr:
        labels = (self.left, self.right)[side]
        value = self.lowering.value(self.node.inputs[side], tuple(place[x] for x in labels))
        return self.b.cast(widen(self.b, value), self.dtype)

    def _sum(self, start: Expr, places: Iterable[Mapping[str, Expr]]) -> Expr:
        b = self.b
        for place in places:
            factors = self._factor(0, place), self._factor(1, place)
            start = b.fma(*factors, start) if dtypes.is_float(self.dtype) else b.add(start, b.mul(*factors))
        return start

    def _taps(self, labels: list[str]) -> list[dict[str, Expr]]:
        """Every place in a window."""
        sizes = [range(int(self.extents[x])) for x in labels]  # type: ignore[arg-type]
        return [dict(zip(labels, (self.b.const(i, INDEX) for i in tap))) for tap in itertools.product(*sizes)]

    def _over_channels(self, body: list[Statement]) -> Statement:
        return Loop(self.channel, self.zero, self.b.dim(self.channel.attr[1]), body, vector=True)

    # Few summed elements: a window of the one operand, for every place of the result

    def sums_of_windows(self) -> Kernel:
        b = self.b
        taps = self._taps(self.summed)
        around = [b.variable(self.extents[x]) for x in self.out[:-1]]
        line = around[-1] if around else None
        neighbours = self._neighbours(len(taps), line.attr[1]) if line is not None else 1
        if line is None:
            body = [self._over_channels(self._stores((), 1, taps))]
        else:
            body = self._along(line.attr[1], neighbours, lambda x, n: self._stores((*around[:-1], x), n, taps))
        per_line = known(line.attr[1]) if line is not None else 1
        work = len(taps) * known(self.channel.attr[1]) * per_line // 4
        return self._shared(self.name, around[:-1], body, work)

    def _along(
        self, extent: Dimension, neighbours: int, body: Callable[[Expr, int], list[Statement]]
    ) -> list[Statement]:
        """A body for every place on a line: for so many neighbours at once, then for each of those that are left."""
        b = self.b
        start, last, size = b.variable(extent), b.variable(extent), b.const(neighbours, INDEX)
        whole = b.floordiv(b.dim(extent), size)
        together = self._over_channels(body(b.mul(start, size), neighbours))
        loops: list[Statement] = [Loop(start, self.zero, whole, [together])]
        if neighbours > 1:
            loops.append(Loop(last, b.mul(whole, size), b.dim(extent), [self._over_channels(body(last, 1))]))
        return loops

    def _neighbours(self, taps: int, extent: Dimension) -> int:
        most = max(1, min(MOST_PRODUCTS // taps, MOST_NEIGHBOURS))
        if not isinstance(extent, int):
            return min(most, 4)
        parts = -(-extent // most)
        return next((n for n in range(most, most // 2, -1) if extent % n == 0), -(-extent // parts))

    def _stores(self, around: Index, neighbours: int, taps: list[dict[str, Expr]]) -> list[Statement]:
        """The finished elements of some neighbours on a line."""
        b = self.b
        result: list[Statement] = []
        for step in range(neighbours):
            index = (*around[:-1], b.add(around[-1], b.const(step, INDEX)), self.channel) if around else (self.channel,)
            place = dict(zip(self.out, index))
            value = self._sum(b.const(0, self.dtype), ({**place, **tap} for tap in taps))
            result += epilogue(b, self.group, self.memory, value, index)
        return result

    # A result of few elements for each channel: sums over all places of a batch

    def sums_over_windows(self) -> list[Kernel]:
        """Each task keeps sums of its own; a second kernel brings them together."""
        b = self.b
        taps = self._taps(self.lonely)
        shape = tuple(self.extents[x] for x in self.out)
        partial = Buffer(f"{self.name}_partial", (MOST_TASKS, *shape), self.dtype, "temporary")
        task = b.variable(MOST_TASKS)
        *rest, label = self.summed
        line = self.extents[label]
        neighbours = self._neighbours(len(taps), line)
        around = [b.variable(self.extents[x]) for x in rest]
        place = dict(zip(rest, around))
        body = self._along(line, neighbours, lambda x, n: self._grow(partial, task, {**place, label: x}, n, taps))
        item = b.variable(element_count(shape))
        at = b.add(b.mul(task, b.dim(element_count(shape))), item)
        clear = nest(b, [item], [Store(partial, at, b.const(0, self.dtype))])
        work = len(taps) * known(self.channel.attr[1]) * known(line) // 4
        kernel = self._shared(f"{self.name}_parts", around, body, work, task, [clear])
        return [kernel, self._together(partial, kernel.tasks, shape)]

    def _grow(
        self, partial: Buffer, task: Expr, place: Mapping[str, Expr], neighbours: int, taps: list[dict[str, Expr]]
    ) -> list[Statement]:
        """Adds the products at some neighbours on a line to the sums of a task."""
        b, label = self.b, self.summed[-1]
        result: list[Statement] = []
        steps = [{**place, label: b.add(place[label], b.const(step, INDEX))} for step in range(neighbours)]
        for tap in taps:
            kept = {**tap, self.out[-1]: self.channel}
            at = b.linear((task, *(kept.get(x, self.zero) for x in self.out)), partial.shape)
            value = self._sum(b.load(partial, at), ({**step, **kept} for step in steps))
            result.append(Store(partial, at, value))
        return result

    def _together(self, partial: Buffer, tasks: Expr, shape: tuple[Dimension, ...]) -> Kernel:
        b = self.b
        size = b.dim(element_count(shape))
        number, item = b.variable(MOST_TASKS), b.variable(element_count(shape))
        other = b.load(partial, b.add(b.mul(number, size), item))
        add = Loop(item, self.zero, size, [Store(partial, item, b.add(b.load(partial, item), other))], vector=True)
        index = tuple(b.variable(d) for d in shape)
        stores = epilogue(b, self.group, self.memory, b.load(partial, b.linear(index, shape)), index)
        body: list[Statement] = [Loop(number, b.const(1, INDEX), tasks, [add]), nest(b, list(index), stores)]
        return Kernel(self.name, b.const(1, INDEX), b.variable(1), body, label=describe(self.group.nodes))

    def _shared(
        self,
        name: str,
        around: list[Expr],
        body: list[Statement],
        work: int,
        task: Expr | None = None,
        before: list[Statement] | None = None,
    ) -> Kernel:
        """Runs the body for every place of some loops, which tasks share out."""
        flops = 2 * element_count(self.extents.values())
        label = describe(self.group.nodes)
        return spread(self.b, name, around, body, work, label, task=task, before=before or (), flops=flops)
