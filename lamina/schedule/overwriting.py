"""Whether a new value can be written into the memory of the old one."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.schedule.expr import Buffer, Expr, expressions
from lamina.schedule.loops import Call, Kernel, Loop, Statement, Store, accesses, operands, walk


def can_overwrite(kernels: Sequence[Kernel], old: Buffer, new: Buffer) -> bool:
    """Whether `new` can be written in the memory of `old` while these kernels run, one after the other.

    It can where the first kernel that writes `new` reads `old` only at the elements that the same pass of the same
    loop then writes, and none after it reads `old` at all. Kernels that only copy do not count. A kernel that does not
    read `new` writes no element twice.
    """
    written = copied = False
    for kernel in kernels:
        reads = old in kernel.read()
        if reads and (written or (copied and new in kernel.read())):
            return False
        if new in kernel.written():
            if not written and (reads or not copied) and not _overwrites(kernel.body, old, new):
                return False
            copy = only_copies(kernel, old, new)
            copied, written = copied or copy, written or not copy
    return True


def only_copies(kernel: Kernel, old: Buffer, new: Buffer) -> bool:
    """Whether all that a kernel does is to write each element of `old` to the same place in `new`."""
    stores = [s for s in walk(kernel.body) if not isinstance(s, Loop)]
    return all(
        isinstance(s, Store) and s.buffer is new and s.value.op == "load" and s.value.attr is old
        and s.value.args[0] is s.index
        for s in stores
    )  # fmt: skip


def _overwrites(body: list[Statement], old: Buffer, new: Buffer) -> bool:
    reads_here: set[Expr] = set()
    writes_here: set[Expr] = set()
    called = False
    for statement in body:
        if isinstance(statement, Loop):
            continue
        if isinstance(statement, Call):
            reads, writes = accesses(statement)
            if old in reads:
                return False
            called = called or new in writes
        places = {e.args[0] for e in _loads(statement, old)}
        if (places - reads_here) & writes_here:
            return False  # a value that this pass has replaced before it was read for the first time
        reads_here |= places
        if isinstance(statement, Store) and statement.buffer is new:
            writes_here.add(statement.index)
    inner = [s for s in body if isinstance(s, Loop)]
    touching = [s for s in inner if _touches(s, old) or _touches(s, new)]
    if called:
        return not reads_here and not any(_touches(s, old) for s in inner)
    if writes_here:
        return not touching and reads_here <= writes_here
    if len(touching) > 1 and any(_touches(s, old) for s in touching) and any(_touches(s, new) for s in touching):
        return False
    if reads_here and touching:
        return False
    return all(_overwrites(s.body, old, new) for s in touching)


def _loads(statement: Statement, buffer: Buffer) -> list[Expr]:
    roots = [e for e in operands(statement) if buffer in e.depends]
    return [e for e in expressions(roots) if e.op == "load" and e.attr is buffer]


def _touches(loop: Loop, buffer: Buffer) -> bool:
    for statement in walk([loop]):
        given = [a.buffer for a in statement.touched] if isinstance(statement, Call) else []
        if isinstance(statement, Store):
            given.append(statement.buffer)
        if buffer in given or any(buffer in e.depends for e in operands(statement)):
            return True
    return False
