"""What running a program takes beside its machine code: buffers, their lives, and sizes. Kept in the cache with it.

It is made of the schedule, and written as JSON with the constants' bytes behind, so that a program that was compiled
before runs without being scheduled anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, evaluate, evaluate_shape
from lamina.schedule.evaluate import evaluate_size
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr, expressions
from lamina.schedule.memory import Lifetime

if TYPE_CHECKING:
    from lamina.codegen.driver import Stage

# Constants that are larger than this together are not copied into the cache.
MOST_CONSTANT_BYTES = 16 << 20
_SCRATCH_ALIGNMENT = 128


@dataclass(frozen=True)
class StagePlan:
    """One stage of a program.

    Attributes:
        inputs, outputs: the numbers of the buffers of its graph's inputs and outputs, in order.
        lifetimes: of its temporary buffers in the arena.
        kept: the numbers of buffers that keep what was made of weights; steady: those of the weights.
    """

    name: str
    inputs: list[int]
    outputs: list[int]
    lifetimes: list[Lifetime]
    kept: list[int]
    steady: list[int]


@dataclass(frozen=True)
class ProgramPlan:
    """A whole program.

    Attributes:
        symbols: in the order in which native code finds their numbers; buffers: likewise.
        tasks: the numbers of tasks of its kernels, each once.
        scratch: the sizes of the scratch buffers of its kernels, each list once.
    """

    symbols: list[str]
    buffers: list[Buffer]
    stages: list[StagePlan]
    tasks: list[Expr]
    scratch: list[list[Dimension]]

    @staticmethod
    def of(stages: Sequence[Stage], symbols: Sequence[str]) -> ProgramPlan:
        """What the schedules say."""
        from lamina.codegen.driver import buffer_table

        buffers = buffer_table(stages)
        number = {b: k for k, b in enumerate(buffers)}
        plans = []
        for stage in stages:
            plan = stage.schedule
            inputs, outputs = [number[b] for b in plan.inputs.values()], [number[b] for b in plan.outputs]
            kept = [number[b] for b in plan.kept_buffers()]
            steady = sorted(number[b] for b in stage.steady) if kept else []
            plans.append(StagePlan(stage.name, inputs, outputs, plan.lifetimes(), kept, steady))
        kernels = [k for stage in stages for k in stage.schedule.kernels]
        tasks = {json.dumps(_size_to_plain(k.tasks)): k.tasks for k in kernels}
        scratch = {tuple(b.size() for b in k.locals): None for k in kernels if k.locals}
        return ProgramPlan(list(symbols), buffers, plans, list(tasks.values()), [list(s) for s in scratch])

    def most_tasks(self, symbols: Mapping[str, int]) -> int:
        """Tasks of the widest kernel."""
        return max([1, *(evaluate_size(e, symbols) for e in self.tasks)])

    def scratch_bytes(self, symbols: Mapping[str, int]) -> int:
        """Scratch memory of one thread, for the hungriest kernel; no two threads share a cache line of it."""
        most = 64
        for sizes in self.scratch:
            most = max(most, sum((evaluate(size, symbols) + 127) // 64 * 64 for size in sizes) + 64)
        return -(-most // _SCRATCH_ALIGNMENT) * _SCRATCH_ALIGNMENT

    def to_pieces(self) -> list[bytes] | None:
        """The plan as bytes; None where its constants are too large to be kept twice."""
        constants = [np.ascontiguousarray(b.value) for b in self.buffers if b.role == "constant"]
        if sum(c.nbytes for c in constants) > MOST_CONSTANT_BYTES:
            return None
        number = {b: k for k, b in enumerate(self.buffers)}
        plain = {
            "symbols": self.symbols,
            "buffers": [[b.name, [_to_plain(d) for d in b.shape], b.dtype, b.role] for b in self.buffers],
            "stages": [
                [
                    s.name,
                    s.inputs,
                    s.outputs,
                    [[number[item.buffer], item.first, item.last] for item in s.lifetimes],
                    s.kept,
                    s.steady,
                ]
                for s in self.stages
            ],
            "tasks": [_size_to_plain(e) for e in self.tasks],
            "scratch": [[_to_plain(d) for d in sizes] for sizes in self.scratch],
        }
        return [json.dumps(plain).encode(), *(c.tobytes() for c in constants)]

    @staticmethod
    def from_pieces(pieces: Sequence[bytes]) -> ProgramPlan:
        """What `to_pieces` made bytes of."""
        plain, constants = json.loads(pieces[0]), iter(pieces[1:])
        buffers = [_buffer(row, constants) for row in plain["buffers"]]
        stages = [
            StagePlan(name, inputs, outputs, [Lifetime(buffers[k], *life) for k, *life in lives], kept, steady)
            for name, inputs, outputs, lives, kept, steady in plain["stages"]
        ]
        b = Builder()
        tasks = [_size_from_plain(b, rows) for rows in plain["tasks"]]
        scratch = [[_from_plain(d) for d in sizes] for sizes in plain["scratch"]]
        return ProgramPlan(plain["symbols"], buffers, stages, tasks, scratch)


def _buffer(row: Sequence[Any], constants: Iterator[bytes]) -> Buffer:
    name, shape, dtype, role = row
    dims = tuple(_from_plain(d) for d in shape)
    value = None
    if role == "constant":
        value = np.frombuffer(next(constants), dtypes.to_numpy(dtype)).reshape(evaluate_shape(dims, {}))
    return Buffer(name, dims, dtype, role, value)


def _to_plain(dimension: Dimension) -> Any:
    return dimension if isinstance(dimension, int) else [dimension.constant, dict(dimension.terms)]


def _from_plain(plain: Any) -> Dimension:
    return plain if isinstance(plain, int) else Dim.make(plain[1], plain[0])


def _size_to_plain(root: Expr) -> list[Any]:
    """The expressions below, operands first; each with the places of its operands."""
    order = expressions([root])
    place = {e: k for k, e in enumerate(order)}
    rows = []
    for e in order:
        attr: Any = None
        if e.op in ("const", "dim"):
            attr = _to_plain(e.attr)
        elif e.op == "affine":
            attr = [[_to_plain(c) for c in e.attr[0]], _to_plain(e.attr[1])]
        rows.append([e.op, [place[a] for a in e.args], attr])
    return rows


def _size_from_plain(b: Builder, rows: Sequence[Any]) -> Expr:
    made: list[Expr] = []
    for op, places, plain in rows:
        attr: Any = None
        if op in ("const", "dim"):
            attr = _from_plain(plain)
        elif op == "affine":
            attr = (tuple(_from_plain(c) for c in plain[0]), _from_plain(plain[1]))
        made.append(b.make(op, tuple(made[k] for k in places), INDEX, attr))
    return made[-1]
