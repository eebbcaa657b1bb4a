"""What a kernel has to do at least: its arithmetic, and the memory that it must read and write.

Found by walking the loops with the numbers that sizes have when the program runs. Loops are not run: only where an
inner bound depends on an outer variable (the last, narrower tile of a product) are the outer iterations listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import evaluate
from lamina.schedule.evaluate import evaluate_size
from lamina.schedule.expr import Buffer, Expr, expressions
from lamina.schedule.loops import (
    Call,
    Kernel,
    Loop,
    Statement,
    Store,
    changed,
    operands,
    walk,
)

# Floating-point operations of an expression. A function such as exp counts as one, whatever its polynomial takes.
_FLOPS = dict.fromkeys(
    ["add", "sub", "mul", "div", "min", "max", "rem", "pow", "arctan2", "sqrt", "rsqrt", "exp", "expm1", "log",
     "log1p", "tanh", "sin", "cos", "erf", "floor", "ceil", "round", "trunc"], 1
) | {"fma": 2}  # fmt: skip
# More iterations than this are not listed one by one; the middle one stands for all.
_MOST_LISTED = 1 << 18

_NUMBERS: dict[str, Callable[..., Any]] = {
    "min": np.minimum, "max": np.maximum, "mul": np.multiply, "floordiv": np.floor_divide, "rem": np.mod,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "bit_and": np.bitwise_and, "bit_or": np.bitwise_or, "select": np.where,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """The work of one run of a kernel.

    Attributes:
        flops: floating-point operations; a multiply-add counts as two, a function such as exp as one. Integer
            arithmetic, comparisons and conversions count nothing.
        read, written: bytes of memory, each place of each buffer once, however often it is touched.
    """

    flops: int
    read: int
    written: int


def kernel_cost(kernel: Kernel, symbols: Mapping[str, int]) -> Cost:
    """The work of a kernel when the symbols of its sizes have these values."""
    if evaluate_size(kernel.tasks, symbols) == 0:
        return Cost(0, 0, 0)
    return _Counter(kernel, symbols).count()


@dataclass
class _Block:
    """A loop's body, or the kernel's.

    Attributes:
        changes: variables, accumulators and buffers that differ from one iteration to the next.
        times: how often it is run in all.
        known: expressions whose value it has already.
    """

    changes: set[object]
    times: int
    known: set[Expr] = field(default_factory=set)


@dataclass
class _Runs:
    """The iterations of the loops around a statement, as far as they need telling apart.

    Attributes:
        values: loop variables in each of them.
        weights: for how many iterations each of them stands.
    """

    values: dict[Expr, np.ndarray]
    weights: np.ndarray


class _Counter:
    """Walks one kernel."""

    def __init__(self, kernel: Kernel, symbols: Mapping[str, int]):
        self.kernel = kernel
        self.symbols = symbols
        self.flops = 0
        self.loaded: dict[Buffer, float] = defaultdict(float)
        self.stored: dict[Buffer, float] = defaultdict(float)
        self.blocks: list[_Block] = []

    def count(self) -> Cost:
        tasks = evaluate_size(self.kernel.tasks, self.symbols)
        runs = _Runs({self.kernel.task: np.arange(tasks)}, np.ones(tasks, np.int64))
        self._block(self.kernel.task, self.kernel.body, runs)
        if self.kernel.flops is not None and any(r.kind == "multiply" for r in self.kernel.routines()):
            self.flops += evaluate(self.kernel.flops, self.symbols)
        # What it has written itself need not come from memory, unless it is state that is changed in place.
        read = {b: n for b, n in self.loaded.items() if b not in self.stored or b.role == "state"}
        return Cost(self.flops, self._bytes(read), self._bytes(self.stored))

    def _bytes(self, elements: Mapping[Buffer, float]) -> int:
        """Bytes of so many elements of the buffers, but of none more than there is of it."""
        total = 0
        for buffer, count in elements.items():
            if buffer.role != "local":
                total += int(min(count * dtypes.size(buffer.dtype), evaluate(buffer.size(), self.symbols)))
        return total

    def _block(self, variable: Expr, body: Sequence[Statement], runs: _Runs) -> None:
        self.blocks.append(_Block({variable, *changed(body)}, int(runs.weights.sum())))
        for statement in body:
            self._expressions(operands(statement))
            if isinstance(statement, Loop):
                self._loop(statement, runs)
            elif isinstance(statement, Store):
                self.stored[statement.buffer] += self.blocks[-1].times
            elif isinstance(statement, Call):
                self._call(statement)
        self.blocks.pop()

    def _expressions(self, roots: Sequence[Expr]) -> None:
        """Counts what is computed for these values, each expression as often as what it depends on changes."""
        for e in expressions(roots):
            block = self._home(e)
            if e in block.known:
                continue
            block.known.add(e)
            if e.op == "load":
                self.loaded[e.attr] += block.times
            elif e.op in _FLOPS and dtypes.is_float(e.dtype):
                self.flops += _FLOPS[e.op] * block.times

    def _home(self, e: Expr) -> _Block:
        """The innermost block around in which the value changes."""
        for block in reversed(self.blocks):
            if not block.changes.isdisjoint(e.depends):
                return block
        return self.blocks[0]

    def _loop(self, loop: Loop, runs: _Runs) -> None:
        begin, end = (self._numbers(e, runs) for e in (loop.begin, loop.end))
        if begin is None or end is None:
            # The bounds come from data; the loop is taken to be as long as it may be.
            begin = np.zeros_like(runs.weights)
            end = begin + evaluate(loop.variable.attr[1], self.symbols)
        trips = np.maximum(end - begin, 0)
        if _decides_bounds(loop.variable, loop.body) and trips.sum() <= _MOST_LISTED:
            source = np.repeat(np.arange(len(trips)), trips)
            first = np.repeat(np.cumsum(trips) - trips, trips)
            values = {v: x[source] for v, x in runs.values.items()}
            values[loop.variable] = begin[source] + np.arange(len(source)) - first
            inside = _Runs(values, runs.weights[source])
        else:
            inside = _Runs({**runs.values, loop.variable: begin + trips // 2}, runs.weights * trips)
        self._block(loop.variable, loop.body, inside)

    def _numbers(self, root: Expr, runs: _Runs) -> np.ndarray | None:
        """The values of an index in all runs; None where it depends on data."""
        found: dict[Expr, Any] = {}
        for e in expressions([root]):
            if e.op == "var" and e in runs.values:
                found[e] = runs.values[e]
            elif e.op in ("const", "dim"):
                found[e] = evaluate(e.attr, self.symbols)
            elif e.op == "affine":
                terms = (found[a] * evaluate(c, self.symbols) for a, c in zip(e.args, e.attr[0]))
                found[e] = sum(terms) + evaluate(e.attr[1], self.symbols)
            elif e.op == "cast":
                found[e] = found[e.args[0]] * 1
            elif e.op in _NUMBERS:
                found[e] = _NUMBERS[e.op](*(found[a] for a in e.args))
            else:
                return None
        return np.broadcast_to(np.asarray(found[root], np.int64), runs.weights.shape)

    def _call(self, call: Call) -> None:
        """A routine touches all that it is given, in the course of the kernel. `Kernel.flops` says what it computes."""
        for place in call.touched:
            touched = self.stored if place.buffer in call.writes else self.loaded
            touched[place.buffer] = float("inf")


def _decides_bounds(variable: Expr, body: Sequence[Statement]) -> bool:
    """Whether the length of a loop inside depends on the variable."""
    return any(variable in bound.depends for s in walk(body) if isinstance(s, Loop) for bound in (s.begin, s.end))
