"""The loop IR: what a kernel does, as statements over scalar expressions; and how it prints.

A kernel runs as a number of independent tasks, which threads share out among themselves. The number of tasks
depends on sizes alone, never on the number of threads, so results do not either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Union

from lamina.base.dims import format_shape
from lamina.schedule.expr import INDEX, Buffer, Expr, expressions


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
        kind: `multiply` (a tile of a matrix product), `pack_rows` or `pack_transposed` (copies into panels).
        dtype: of the elements; vectors: width of the tile or panel, in vectors.
        rows, mode, masked: of a product: height of the tile, how A lies, whether the last vector is partial.
    """

    kind: str
    dtype: str
    vectors: int
    rows: int = 0
    mode: str = ""
    masked: bool = False

    def __str__(self) -> str:
        if self.kind != "multiply":
            return f"{self.kind}<{self.dtype} {self.vectors}>"
        return f"multiply<{self.dtype} {self.rows}x{self.vectors} {self.mode}{' masked' if self.masked else ''}>"


@dataclass
class Call:
    """Calls a routine of the code generator."""

    function: Routine
    arguments: list[Address | Expr]
    writes: list[Buffer] = field(default_factory=list)


Statement = Union[Store, Declare, Update, Collapse, Loop, Call]


@dataclass
class Kernel:
    """One function of the native program.

    Attributes:
        name: for people; label: the user's line and layers that it serves.
        tasks: number of independent tasks; task: the variable that holds the number of the present one.
        body: what one task does.
        locals: scratch buffers, private to a thread.
    """

    name: str
    tasks: Expr
    task: Expr
    body: list[Statement]
    locals: list[Buffer] = field(default_factory=list)
    label: str = ""

    def buffers(self) -> list[Buffer]:
        """Buffers that are not local, in the order in which they are first met."""
        found: dict[Buffer, None] = {}
        for reads, writes in map(accesses, walk(self.body)):
            for buffer in [*reads, *writes]:
                if buffer.role != "local":
                    found.setdefault(buffer)
        return list(found)

    def routines(self) -> list[Routine]:
        return list(dict.fromkeys(s.function for s in walk(self.body) if isinstance(s, Call)))

    def written(self) -> set[Buffer]:
        return {b for s in walk(self.body) for b in accesses(s)[1]}

    def read(self) -> set[Buffer]:
        return {b for s in walk(self.body) for b in accesses(s)[0]}


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


def accesses(statement: Statement) -> tuple[list[Buffer], list[Buffer]]:
    """Buffers that a statement itself reads and writes."""
    reads = [e.attr for e in expressions(operands(statement)) if e.op == "load"]
    if isinstance(statement, Store):
        return reads, [statement.buffer]
    if isinstance(statement, Call):
        given = [a.buffer for a in statement.arguments if isinstance(a, Address)]
        return reads + [b for b in given if b not in statement.writes], list(statement.writes)
    return reads, []


def format_kernel(kernel: Kernel) -> str:
    """A kernel as text. Buffers and variables are named by order, so equal kernels print equally but for line one."""
    names: dict[Buffer, str] = {}
    for buffer in kernel.buffers():
        names[buffer] = f"b{len(names)}"
    for number, buffer in enumerate(kernel.locals):
        names[buffer] = f"s{number}"
    printer = _Printer(names)
    lines = [f"kernel {kernel.name}" + (f"    # {kernel.label}" if kernel.label else "")]
    for buffer, name in names.items():
        lines.append(f"  {name}: {buffer.dtype}{format_shape(buffer.shape)}" + (" local" if name[0] == "s" else ""))
    lines.append(f"  for {printer.text(kernel.task)} in tasks {printer.text(kernel.tasks)}:")
    lines += printer.block(kernel.body, "    ")
    return "\n".join(lines)


class _Printer:
    def __init__(self, names: dict[Buffer, str]):
        self.names = names
        self.variables: dict[str, str] = {}

    def variable(self, name: str) -> str:
        return self.variables.setdefault(name, f"v{len(self.variables)}")

    def text(self, root: Expr) -> str:
        done: dict[Expr, str] = {}
        for e in expressions([root]):
            done[e] = self._one(e, [done[a] for a in e.args])
        return done[root]

    def _one(self, e: Expr, args: list[str]) -> str:
        if e.op == "const":
            return f"{e.attr!r}" if e.dtype in (INDEX, "float32", "bool") else f"{e.attr!r}:{e.dtype}"
        if e.op == "var":
            return self.variable(e.attr[0])
        if e.op == "accumulator":
            return self.variable(e.attr)
        if e.op == "dim":
            return str(e.attr)
        if e.op == "affine":
            parts = [a if c == 1 else f"{a}*({c})" for a, c in zip(args, e.attr[0])]
            return "(" + " + ".join([*parts, *([str(e.attr[1])] if e.attr[1] != 0 else [])]) + ")"
        if e.op == "load":
            return f"{self.names[e.attr]}[{args[0]}]"
        suffix = f":{e.dtype}" if e.op in ("cast", "bitcast") else ""
        return f"{e.op}{suffix}({', '.join(args)})"

    def block(self, body: Sequence[Statement], indent: str) -> list[str]:
        lines: list[str] = []
        for statement in body:
            lines.append(indent + self._statement(statement))
            if isinstance(statement, Loop):
                lines += self.block(statement.body, indent + "  ")
        return lines

    def _statement(self, s: Statement) -> str:
        if isinstance(s, Store):
            return f"{self.names[s.buffer]}[{self.text(s.index)}] = {self.text(s.value)}"
        if isinstance(s, Declare):
            merge = f"  merge {self.text(s.merge)}" if s.merge is not None else ""
            return f"var {self.text(s.accumulator)}:{s.accumulator.dtype} = {self.text(s.initial)}{merge}"
        if isinstance(s, Update):
            return f"{self.text(s.accumulator)} = {self.text(s.value)}"
        if isinstance(s, Collapse):
            return f"collapse {self.text(s.accumulator)}"
        if isinstance(s, Loop):
            word = "vector" if s.vector else "for"
            return f"{word} {self.text(s.variable)} in [{self.text(s.begin)}, {self.text(s.end)}):"
        arguments = [
            f"&{self.names[a.buffer]}[{self.text(a.index)}]" if isinstance(a, Address) else self.text(a)
            for a in s.arguments
        ]
        return f"call {s.function}({', '.join(arguments)})"
