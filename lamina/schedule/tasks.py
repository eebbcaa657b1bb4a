"""How the iterations of a kernel are cut into tasks, the same way at any number of threads."""

from __future__ import annotations

from lamina.schedule.expr import INDEX, Builder, Expr

MOST_TASKS = 64
# Operations that make a task worth waking a thread for, by the cost of a barrier (half a microsecond).
LEAST_WORK = 16384
# A guess for loops whose length is a symbol, used only to size tasks.
TYPICAL_EXTENT = 64


def cut(b: Builder, count: Expr, work: int, multiple: int = 1, most: int = MOST_TASKS) -> tuple[Expr, Expr]:
    """The number of tasks (at least one) and the iterations of a task.

    Args:
        count: iterations in all; work: operations in one iteration.
        most: tasks that there may be.
        multiple: the iterations of a task are a multiple of this, to keep vectors and cache lines whole.
    """
    least = -(-LEAST_WORK // max(work, 1))
    least = -(-least // multiple) * multiple
    share = round_up(b, ceil_div(b, count, most), multiple)
    if share.op == "const":
        size = b.const(max(share.attr, least), INDEX)
    else:
        size = b.max(share, b.const(least, INDEX))
    if count.op == "const" and size.op == "const":
        return b.const(max(1, -(-count.attr // size.attr)), INDEX), size
    one = b.const(1, INDEX)
    tasks = b.floordiv(b.add(count, b.sub(size, one)), size)
    return b.max(tasks, one), size


def ceil_div(b: Builder, e: Expr, divisor: int) -> Expr:
    if e.op == "const":
        return b.const(-(-e.attr // divisor), INDEX)
    return b.floordiv(b.add(e, b.const(divisor - 1, INDEX)), b.const(divisor, INDEX))


def round_up(b: Builder, e: Expr, multiple: int) -> Expr:
    if multiple == 1:
        return e
    return b.mul(ceil_div(b, e, multiple), b.const(multiple, INDEX))


def task_range(b: Builder, task: Expr, size: Expr, count: Expr) -> tuple[Expr, Expr]:
    """The iterations of one task, where each has `size` of them and all have `count`."""
    begin = b.mul(task, size)
    return begin, b.min(b.add(begin, size), count)
