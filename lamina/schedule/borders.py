"""What is left to write of a node whose parts are computed in place: the zeros around one."""

from __future__ import annotations

import math

from lamina.graph import Node
from lamina.primitives import PAD
from lamina.schedule.expr import INDEX, Builder, Expr
from lamina.schedule.loops import Kernel, Loop, Statement, Store
from lamina.schedule.nests import describe
from lamina.schedule.places import Places
from lamina.schedule.tasks import MOST_TASKS, cut, task_range
from lamina.schedule.tiling import known


def border_kernels(whole: Node, memory: Places, name: str) -> list[Kernel]:
    """The kernel that clears what lies before and after the middle; none where the parts are all there is."""
    return [_border(whole, memory, name)] if whole.primitive is PAD else []


def _border(pad: Node, memory: Places, name: str) -> Kernel:
    """Along each padded axis in turn."""
    b, buffer = Builder(), memory[pad]
    zero, one, task = b.const(0, INDEX), b.const(1, INDEX), b.variable(MOST_TASKS)
    variables = [b.variable(d) for d in pad.shape]
    ranges = [(zero, b.dim(d)) for d in pad.shape]
    clear: Statement = Store(buffer, memory.at(b, pad, tuple(variables)), b.const(0, pad.dtype))
    axes = [k for k in range(pad.rank) if pad.attrs["low"][k] != 0 or pad.attrs["high"][k] != 0]
    first = axes[0]
    body: list[Statement] = []
    for axis in axes:
        begin, end = b.dim(pad.attrs["low"][axis]), b.sub(b.dim(pad.shape[axis]), b.dim(pad.attrs["high"][axis]))
        for side in ((zero, begin), (end, b.dim(pad.shape[axis]))):
            body.append(_nest(variables[first:], [*ranges[first:axis], side, *ranges[axis + 1 :]], clear))
        ranges[axis] = (begin, end)
    if first == 0:
        return Kernel(name, one, task, body, label=describe([pad]))
    count = b.dim(pad.shape[0])
    tasks, size = cut(b, count, _elements(pad))
    for variable in reversed(variables[1:first]):
        body = [Loop(variable, zero, b.dim(variable.attr[1]), body)]
    loop = Loop(variables[0], *task_range(b, task, size, count), body)
    return Kernel(name, tasks, task, [loop], label=describe([pad]))


def _elements(pad: Node) -> int:
    """Elements around the middle, for each place on the first axis."""
    sizes = [known(d) for d in pad.shape[1:]]
    widths = [known(low) + known(high) for low, high in zip(pad.attrs["low"][1:], pad.attrs["high"][1:])]
    return max(1, math.prod(sizes) - math.prod(size - width for size, width in zip(sizes, widths)))


def _nest(variables: list[Expr], ranges: list[tuple[Expr, Expr]], body: Statement) -> Statement:
    """Loops over ranges, the last one a vector loop."""
    for depth, (variable, (begin, end)) in enumerate(reversed(list(zip(variables, ranges, strict=True)))):
        body = Loop(variable, begin, end, [body], vector=depth == 0)
    return body
