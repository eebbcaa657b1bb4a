"""Whether a new value can be written into the memory of the old one."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.schedule.expr import Buffer, Expr, expressions
from lamina.schedule.loops import Call, Kernel, Loop, Statement, Store, accesses, operands, walk


def can_overwrite(kernels: Sequence[Kernel], old: Buffer, new: Buffer) -> bool:
    """Whether `new` can be written in the memory of `old` while these kernels run, one after the other.

    It can where the first kernel that writes `new` reads `old` only at the elements that the same pass of the same
    loop then writes, and none after it reads `old` at all. Copies from one to the other before it do nothing then. No
    kernel writes an element twice, unless it reads `new`.
    """
    copied = written = False
    for kernel in kernels:
        if old in kernel.read() and (written or (copied and new in kernel.read())):
            return False
        if new in kernel.written():
            if only_copies(kernel, old, new):
                copied = True
            elif not written and not _overwrites(kernel.body, old, new):
                return False
            else:
                written = True
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
    if reads_here and touching:
        return False
    if len(touching) > 1 and any(_touches(s, old) for s in touching) and any(_touches(s, new) for s in touching):
        return _pass_over_the_same(touching, old, new)
    return all(_overwrites(s.body, old, new) for s in touching)


def _pass_over_the_same(loops: list[Loop], old: Buffer, new: Buffer) -> bool:
    """Whether these loops, one after the other, run over the same elements, and only the last of them writes any."""
    *earlier, last = loops
    if any(_touches(s, new) for s in earlier) or any(isinstance(s, (Loop, Call)) for loop in loops for s in loop.body):
        return False
    written = {s.index for s in last.body if isinstance(s, Store) and s.buffer is new}
    if len(written) != 1 or not _overwrites(last.body, old, new):
        return False
    (goal,) = written
    return all(
        loop.begin is last.begin and loop.end is last.end
        and all(_alike(e.args[0], goal, loop.variable, last.variable) for s in loop.body for e in _loads(s, old))
        for loop in earlier
    )  # fmt: skip


def _alike(first: Expr, second: Expr, this: Expr, that: Expr) -> bool:
    """Whether two indices are the same but for a loop variable: `this` in the one, `that` in the other."""
    if first is second:
        return this not in first.depends
    if first is this:
        return second is that
    if first.op != second.op or len(first.args) != len(second.args):
        return False
    if first.op == "affine":
        ours, theirs = (dict(zip(e.args, e.attr[0])) for e in (first, second))
        renamed = {that if atom is this else atom: factor for atom, factor in ours.items()}
        plain = all(atom is this or this not in atom.depends for atom in ours)
        return plain and renamed == theirs and first.attr[1] == second.attr[1]
    return (
        bool(first.args) and first.attr == second.attr
        and all(_alike(a, b, this, that) for a, b in zip(first.args, second.args))
    )  # fmt: skip


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
