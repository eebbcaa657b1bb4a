"""A body for every place of some loops, shared out among tasks."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.base.dims import Dimension
from lamina.schedule.collapse import total, unflatten
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr
from lamina.schedule.loops import Kernel, Loop, Statement
from lamina.schedule.nests import rewrite
from lamina.schedule.product import loop_extent
from lamina.schedule.tasks import MOST_TASKS, cut, task_range


def spread(
    b: Builder,
    name: str,
    variables: list[Expr],
    body: list[Statement],
    work: int,
    label: str,
    *,
    task: Expr | None = None,
    before: Sequence[Statement] = (),
    scratch: Sequence[Buffer] = (),
    flops: Dimension | None = None,
) -> Kernel:
    """A kernel that runs the body for all values of the variables, as one loop cut into tasks.

    Args:
        work: operations of the body, an estimate.
        task: the variable that holds the number of a task; a new one when None.
        before: what each task does first.
    """
    task = b.variable(MOST_TASKS) if task is None else task
    start = list(before)
    if not variables:
        return Kernel(name, b.const(1, INDEX), task, [*start, *body], list(scratch), label=label, flops=flops)
    count = total(b, variables)
    tasks, size = cut(b, count, max(work, 1))
    position = b.variable(loop_extent(variables))
    places = unflatten(b, position, variables)
    memo: dict[Expr, Expr] = {}
    body = [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body]
    loop = Loop(position, *task_range(b, task, size, count), body)
    return Kernel(name, tasks, task, [*start, loop], list(scratch), label=label, flops=flops)
