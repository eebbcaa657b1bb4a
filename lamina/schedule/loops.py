"""The loop IR: what a kernel does, as statements over scalar expressions.

A kernel runs as a number of independent tasks, which threads share out among themselves. The number of tasks
depends on sizes alone, never on the number of threads, so results do not either.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Union

from lamina.base.dims import Dimension
from lamina.schedule.expr import Buffer, Expr, expressions


@dataclass
class Store:
    """`buffer[index] = value`."""

    buffer: Buffer
    index: Expr
    value: Expr


@dataclass
class Declare:
    """Makes an accumulator that holds `initial`.

    With `merge`, an expression of the accumulator and `other`, it may be kept as many partial folds, one a
    vector lane: `initial` is then an identity of the fold, and `Collapse` brings the parts together.
    """

    accumulator: Expr
    initial: Expr
    other: Expr | None = None
    merge: Expr | None = None


@dataclass
class Update:
    """`accumulator = value`, where the value reads the accumulator."""

    accumulator: Expr
    value: Expr


@dataclass
class Collapse:
    """Folds the parts of an accumulator into one value; reads of the accumulator follow."""

    accumulator: Expr


@dataclass
class Loop:
    """`for variable in [begin, end): body`. A vector loop has no nested loops and runs many iterations at once."""

    variable: Expr
    begin: Expr
    end: Expr
    body: list[Statement]
    vector: bool = False


@dataclass
class Address:
    """The place of an element, as an argument of a call."""

    buffer: Buffer
    index: Expr


@dataclass(frozen=True)
class Routine:
    """A hand-made routine of the code generator, by what it does.

    Attributes:
        kind: `multiply` (a tile of a matrix product), `pack_rows` or `pack_transposed` (copies into panels), or
            `fetch_rows` (asks for memory ahead of its use, and changes nothing).
        dtype: of the elements; vectors: width of the tile or panel, in vectors.
        rows, mode, masked: of a product: height of the tile, how A lies, whether the last vector is partial.
        levels: nested loops that make up k; block: where the rows of A lie in mode `blocks`.
        ahead: whether the call names the memory that will be written after the product, to have it near by then.
    """

    kind: str
    dtype: str
    vectors: int
    rows: int = 0
    mode: str = ""
    masked: bool = False
    levels: int = 1
    block: tuple[int, int, int] = (0, 0, 0)
    ahead: bool = False

    def __str__(self) -> str:
        if self.kind != "multiply":
            return f"{self.kind}<{self.dtype} {self.vectors}>"
        words = [self.dtype, f"{self.rows}x{self.vectors}", self.mode]
        words += [str(self.block)] if self.mode == "blocks" else []
        words += ["masked"] if self.masked else []
        words += [f"{self.levels} levels"] if self.levels > 1 else []
        return f"multiply<{' '.join(words)}>"


@dataclass
class Call:
    """Calls a routine of the code generator."""

    function: Routine
    arguments: list[Address | Expr]
    writes: list[Buffer] = field(default_factory=list)

    @property
    def touched(self) -> list[Address]:
        """Where it reads and writes; what it asks for ahead is neither."""
        places = [a for a in self.arguments if isinstance(a, Address)]
        return places[:-1] if self.function.ahead else places


Statement = Union[Store, Declare, Update, Collapse, Loop, Call]


@dataclass(eq=False)
class Kernel:
    """One function of the native program. It does not change once it is made.

    Attributes:
        name: for people; label: the user's line and layers that it serves.
        tasks: number of independent tasks; task: the variable that holds the number of the present one.
        body: what one task does.
        locals: scratch buffers, private to a thread.
        flops: operations of a contraction, a multiply-add counted as two; None where the loops tell.
    """

    name: str
    tasks: Expr
    task: Expr
    body: list[Statement]
    locals: list[Buffer] = field(default_factory=list)
    label: str = ""
    flops: Dimension | None = None

    def buffers(self) -> list[Buffer]:
        """Buffers that are not local, in the order in which they are first met."""
        return self._buffers

    @functools.cached_property
    def _accesses(self) -> list[tuple[list[Buffer], list[Buffer]]]:
        """Of every statement, but for reads that an earlier one has too."""
        seen: set[Expr] = set()
        return [accesses(s, seen) for s in walk(self.body)]

    @functools.cached_property
    def _buffers(self) -> list[Buffer]:
        found = dict.fromkeys(b for reads, writes in self._accesses for b in (*reads, *writes))
        return [b for b in found if b.role != "local"]

    def routines(self) -> list[Routine]:
        return list(dict.fromkeys(s.function for s in walk(self.body) if isinstance(s, Call)))

    def written(self) -> set[Buffer]:
        return {b for _, writes in self._accesses for b in writes}

    def read(self) -> set[Buffer]:
        return {b for reads, _ in self._accesses for b in reads}


def walk(body: Sequence[Statement]) -> Iterator[Statement]:
    """Every statement, a loop before what is in it."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop):
            yield from walk(statement.body)


def operands(statement: Statement) -> list[Expr]:
    """The expressions that a statement itself evaluates."""
    if isinstance(statement, Store):
        return [statement.index, statement.value]
    if isinstance(statement, Declare):
        return [statement.initial]
    if isinstance(statement, Update):
        return [statement.value]
    if isinstance(statement, Loop):
        return [statement.begin, statement.end]
    if isinstance(statement, Call):
        return [a.index if isinstance(a, Address) else a for a in statement.arguments]
    return []


def accesses(statement: Statement, seen: set[Expr] | None = None) -> tuple[list[Buffer], list[Buffer]]:
    """Buffers that a statement itself reads and writes.

    Args:
        seen: expressions that are known already; their reads are left out, and those of the statement are added.
    """
    seen = set() if seen is None else seen
    found = expressions(operands(statement), seen.__contains__)
    reads = [e.attr for e in found if e.op == "load" and e not in seen]
    seen.update(found)
    if isinstance(statement, Store):
        return reads, [statement.buffer]
    if isinstance(statement, Call):
        given = [a.buffer for a in statement.touched]
        return reads + [b for b in given if b not in statement.writes], list(statement.writes)
    return reads, []


def changed(body: Sequence[Statement]) -> set[object]:
    """Accumulators and buffers that statements change."""
    changed: set[object] = set()
    for s in walk(body):
        if isinstance(s, Store):
            changed.add(s.buffer)
        elif isinstance(s, (Update, Declare, Collapse)):
            changed.add(s.accumulator)
        elif isinstance(s, Call):
            changed.update(s.writes)
    return changed
