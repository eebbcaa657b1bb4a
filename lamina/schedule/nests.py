"""Small pieces that kernels are put together from: loop nests, accumulators, changed statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lamina.base import dtypes
from lamina.base.dims import Dimension
from lamina.graph import Node
from lamina.schedule.expr import INDEX, Builder, Expr
from lamina.schedule.loops import Address, Call, Declare, Loop, Statement, Store, Update
from lamina.schedule.lowering import Index


def loop_index(b: Builder, extents: Iterable[Dimension]) -> Index:
    """A loop variable for every axis; an axis of extent 1 is always at 0."""
    return tuple(b.const(0, INDEX) if d == 1 else b.variable(d) for d in extents)


def make_accumulator(b: Builder, node: Node, name: str) -> tuple[Expr, Declare]:
    """An accumulator for the fold of a reduce node, and its declaration."""
    dtype = dtypes.compute_dtype(node.dtype)
    accumulator, other = b.accumulator(name, dtype), b.accumulator(f"{name}_other", dtype)
    merged = node.primitive.lower(b, accumulator, other)
    initial = b.const(node.primitive.identity(dtype), dtype)
    return accumulator, Declare(accumulator, initial, other, merged)


def nest(b: Builder, variables: list[Expr], body: list[Statement], vector: bool = True) -> Statement:
    """Loops over whole extents, the last one a vector loop."""
    zero = b.const(0, INDEX)
    result = body
    for depth, variable in enumerate(reversed(variables)):
        innermost = depth == 0 and vector
        result = [Loop(variable, zero, b.dim(variable.attr[1]), result, vector=innermost)]
    return result[0]


def rewrite(statement: Statement, change: Callable[[Expr], Expr]) -> Statement:
    """A statement with its expressions changed; loop variables stay what they are."""
    if isinstance(statement, Store):
        return Store(statement.buffer, change(statement.index), change(statement.value))
    if isinstance(statement, Update):
        return Update(statement.accumulator, change(statement.value))
    if isinstance(statement, Loop):
        body = [rewrite(s, change) for s in statement.body]
        return Loop(statement.variable, change(statement.begin), change(statement.end), body, statement.vector)
    if isinstance(statement, Call):
        arguments = [
            Address(a.buffer, change(a.index)) if isinstance(a, Address) else change(a) for a in statement.arguments
        ]
        return Call(statement.function, arguments, statement.writes)
    return statement


def describe(nodes: list[Node]) -> str:
    """Which of the user's lines and layers a kernel serves, for people."""
    places = dict.fromkeys(str(n.source) for n in nodes)
    return "; ".join([*places][:3])
