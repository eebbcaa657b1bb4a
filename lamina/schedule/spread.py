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
    if not variables:
        task = b.variable(MOST_TASKS) if task is None else task
        body = [*before, *body]
        return Kernel(name, b.const(1, INDEX), task, body, list(scratch), label=label, flops=flops)
    position = b.variable(loop_extent(variables))
    places = unflatten(b, position, variables)
    memo: dict[Expr, Expr] = {}
    body = [rewrite(s, lambda e: b.substitute(e, places, memo)) for s in body]
    count = total(b, variables)
    return share_out(
        b, name, position, count, body, work, label, task=task, before=before, scratch=scratch, flops=flops
    )


def share_out(
    b: Builder,
    name: str,
    position: Expr,
    count: Expr,
    body: list[Statement],
    work: int,
    label: str,
    *,
    task: Expr | None = None,
    before: Sequence[Statement] = (),
    scratch: Sequence[Buffer] = (),
    flops: Dimension | None = None,
) -> Kernel:
    """A kernel that runs the body for `count` positions, cut into tasks; arguments as of `spread`."""
    task = b.variable(MOST_TASKS) if task is None else task
    tasks, size = cut(b, count, max(work, 1))
    loop = Loop(position, *task_range(b, task, size, count), body)
    return Kernel(name, tasks, task, [*before, loop], list(scratch), label=label, flops=flops)
