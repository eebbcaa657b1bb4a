"""The blocks of code that a kernel is written in, and what changes while they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.codegen.values import LLVM_TYPES, Value
from lamina.schedule.expr import Expr
from lamina.schedule.loops import Declare, Statement


@dataclass(eq=False)
class Scope:
    """A block of code that is being written.

    Attributes:
        defines: variables and accumulators that come to be here.
        volatile: what statements in this loop change, so that reads of it must stay inside.
        memo: values at hand.
    """

    defines: set[object]
    volatile: set[object]
    lines: list[str] = field(default_factory=list)
    memo: dict[object, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class VectorContext:
    """The vector loop that is being written: its variable, where it stands, and which lanes are alive.

    `streaming` says whether every position is a whole number of vectors, and the loop writes one buffer only.
    """

    variable: Expr
    position: Value
    lanes: int
    mask: Value | None
    copy: int
    streaming: bool


def lane_numbers(lanes: int, dtype: str) -> Value:
    type_ = LLVM_TYPES[dtype]
    return Value("<" + ", ".join(f"{type_} {k}" for k in range(lanes)) + ">", dtype, lanes)


def declared(body: Sequence[Statement]) -> set[object]:
    return {s.accumulator for s in body if isinstance(s, Declare)}


def is_multiple(e: Expr, number: int, ignored: Expr | None = None) -> bool:
    """Whether an index is surely a multiple of a number; `ignored` is known to be one."""
    if e is ignored:
        return True
    if e.op == "const":
        return e.attr % number == 0
    if e.op != "affine":
        return False
    coefficients, constant = e.attr
    factors = [constant, *(c for a, c in zip(e.args, coefficients) if a is not ignored)]
    return all(isinstance(f, int) and f % number == 0 for f in factors)
