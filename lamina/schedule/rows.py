"""Kernels of fused element-wise work and folds: outer loops over rows, stages of inner loops within a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lamina.base import dtypes
from lamina.base.dims import Dimension, element_count
from lamina.graph import Node
from lamina.schedule.collapse import merge, merge_plan, total, unflatten
from lamina.schedule.expr import INDEX, Buffer, Builder, Expr, expressions
from lamina.schedule.fusion import Group, Member
from lamina.schedule.loops import Collapse, Kernel, Loop, Statement, Store, Update, operands, walk
from lamina.schedule.lowering import Index, Lowering, widen
from lamina.schedule.nests import describe, loop_index, make_accumulator, nest, rewrite
from lamina.schedule.places import Places
from lamina.schedule.product import loop_extent
from lamina.schedule.tasks import MOST_TASKS, TYPICAL_EXTENT, cut, task_range

EXPENSIVE_OPS = {"exp": 12, "expm1": 14, "log": 14, "log1p": 16, "tanh": 16, "sin": 16, "cos": 16, "erf": 20,
                 "pow": 30, "arctan2": 20, "div": 4, "sqrt": 4, "rsqrt": 6, "rem": 8, "floordiv": 8}  # fmt: skip


@dataclass(eq=False)
class Stage:
    """Members that run in one nest of inner loops.

    Attributes:
        index: the place within a row; loops: the variables in it (axes of extent 1 need no loop).
        trailing: innermost loops that are folded within kept ones.
        body: statements of the innermost loop; before, after: statements around all the loops;
            middle_before, middle_after: around the trailing ones.
    """

    index: Index
    loops: list[Expr]
    trailing: int
    before: list[Statement] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    after: list[Statement] = field(default_factory=list)
    middle_before: list[Statement] = field(default_factory=list)
    middle_after: list[Statement] = field(default_factory=list)


class RowKernel:
    """Lowers one group. `kernels()` gives the kernel, and those that bring partial folds together.

    Args:
        group: members that share outer loops.
        memory: buffers of all nodes that have one; a member without stays within the kernel.
        name: makes names of buffers unique.
    """

    def __init__(self, group: Group, memory: Places, name: str):
        self.b = Builder()
        self.group = group
        self.memory = memory
        self.name = name
        self.depth = group.depth
        self.members = {m.node: m for m in group.members}
        self.outer = loop_index(self.b, group.outer())
        self.task = self.b.variable(MOST_TASKS)
        self.stages: dict[tuple[Any, ...], Stage] = {}
        self.number: dict[Node, int] = {}
        self.home: dict[Node, Stage] = {}
        self.values: dict[Node, Expr] = {}
        self.results: dict[Node, Callable[[Index], Expr]] = {}
        self.locals: list[Buffer] = []
        self.task_start: list[Statement] = []
        self.task_end: list[Statement] = []
        self.partials: list[tuple[Node, Buffer]] = []

    def kernels(self) -> list[Kernel]:
        for member in self.group.members:
            self._place(member)
            if member.node.kind == "reduce":
                self._fold(member)
            else:
                self._point(member)
        return [self._finish(), *self._combining()]

    # Which stage

    def _place(self, member: Member) -> None:
        """Puts a member into the earliest stage in which what it reads is ready."""
        number = 0
        inner = member.domain[self.depth :]
        trailing = self._trailing(member)
        for node in member.reads:
            if node not in self.members:
                continue
            producer = self.members[node]
            together = (
                node.kind != "reduce"
                and node in member.exact
                and producer.domain == member.domain
                and self.home[node].trailing == trailing == 0
            )
            number = max(number, self.number[node] + (0 if together else 1))
        key = (number, inner, trailing and member.node)
        if key not in self.stages:
            index = loop_index(self.b, inner)
            self.stages[key] = Stage(index, [v for v in index if v.op == "var"], trailing)
        self.number[member.node] = number
        self.home[member.node] = self.stages[key]

    def _trailing(self, member: Member) -> int:
        """The innermost loops that are folded within kept ones, where an accumulator per kept place is needed."""
        inner = [a for a in range(self.depth, len(member.domain)) if member.domain[a] != 1]
        kept = [a for a in inner if a not in member.reduced]
        return len(inner) - 1 - inner.index(kept[-1]) if kept and member.reduced else 0

    # Values

    def _index(self, member: Member) -> Index:
        return (*self.outer, *self.home[member.node].index)

    def _value(self, member: Member, node: Node) -> Expr:
        def resolve(operand: Node, index: Index) -> Expr | None:
            if operand is member.node and operand is node:
                return None
            if operand in self.members:
                return self._read_member(operand, index, member)
            return self.memory.read(self.b, operand, index)

        return widen(self.b, Lowering(self.b, resolve).value(node, self._index(member)))

    def _read_member(self, node: Node, index: Index, reader: Member) -> Expr:
        together = self.home[node] is self.home[reader.node] and index == self._index(reader)
        if node.kind != "reduce" and (together or not self.home[node].loops):
            return self.values[node]
        if node not in self.results:
            self._through_memory(node)
        return self.results[node](index)

    def _through_memory(self, node: Node) -> None:
        """Makes a pointwise member's value readable from later stages."""
        if node in self.memory:
            self.results[node] = lambda index: self.b.load(self.memory[node], self.memory.at(self.b, node, index))
            return
        stage, inner = self.home[node], node.shape[self.depth :]
        buffer = self._local(inner, dtypes.compute_dtype(node.dtype))
        stage.body.append(Store(buffer, self.b.linear(stage.index, inner), self.values[node]))
        self.results[node] = lambda index: self.b.load(buffer, self.b.linear(index[self.depth :], inner))

    def _local(self, shape: tuple[Dimension, ...], dtype: str) -> Buffer:
        buffer = Buffer(f"{self.name}_local{len(self.locals)}", shape, dtype, "local")
        self.locals.append(buffer)
        return buffer

    def _point(self, member: Member) -> None:
        node = member.node
        value = self.values[node] = self._value(member, node)
        if node in self.memory:
            self.home[node].body.append(self.memory.store(self.b, node, self._index(member), value))

    # Folds

    def _fold(self, member: Member) -> None:
        node, stage = member.node, self.home[member.node]
        dtype = dtypes.compute_dtype(node.dtype)
        value = self.b.cast(self._value(member, node.inputs[0]), dtype)
        kept = [a for a in range(self.depth, len(member.domain)) if a not in member.reduced and member.domain[a] != 1]
        kept_shape = tuple(member.domain[a] for a in kept)
        kept_index = tuple(stage.index[a - self.depth] for a in kept)
        across_rows = min(member.reduced) < self.depth
        if not kept:
            accumulator = self._accumulate(
                member, value, stage.body, *(self._task_level() if across_rows else (stage.before, stage.after))
            )
            if across_rows:
                partial = self._partial(member, ())
                self.task_end.append(Store(partial, self.task, accumulator))
            else:
                self._publish(member, accumulator)
            return
        if across_rows:
            target = self._partial(member, kept_shape)
            place = self.b.linear((self.task, *kept_index), (MOST_TASKS, *kept_shape))
            self.task_start.append(self._fill(member, target, kept_shape, self.task))
        else:
            target = self._local(kept_shape, dtype)
            place = self.b.linear(kept_index, kept_shape)
            stage.before.append(self._fill(member, target, kept_shape, None))
            self._publish_kept(member, target, kept_shape, stage)
        if stage.trailing:
            value = self._accumulate(member, value, stage.body, stage.middle_before, stage.middle_after)
        folded = node.primitive.lower(self.b, self.b.load(target, place), value)
        (stage.middle_after if stage.trailing else stage.body).append(Store(target, place, folded))

    def _task_level(self) -> tuple[list[Statement], list[Statement]]:
        return self.task_start, self.task_end

    def _accumulate(
        self, member: Member, value: Expr, body: list[Statement], before: list[Statement], after: list[Statement]
    ) -> Expr:
        accumulator, declaration = make_accumulator(self.b, member.node, f"{self.name}_{len(self.values)}")
        self.values[member.node] = accumulator
        before.append(declaration)
        body.append(Update(accumulator, member.node.primitive.lower(self.b, accumulator, value)))
        after.append(Collapse(accumulator))
        return accumulator

    def _publish(self, member: Member, accumulator: Expr) -> None:
        """A row's fold: read as the accumulator in later stages; stored where others need it."""
        node = member.node
        self.results[node] = lambda index: accumulator
        if node in self.memory:
            self.home[node].after.append(self.memory.store(self.b, node, self.outer, accumulator))

    def _publish_kept(self, member: Member, target: Buffer, kept_shape: tuple[Dimension, ...], stage: Stage) -> None:
        node = member.node
        kept = [k for k, d in enumerate(node.shape) if k >= self.depth and d != 1]
        self.results[node] = lambda index: self.b.load(target, self.b.linear(tuple(index[k] for k in kept), kept_shape))
        if node in self.memory:
            variables = [self.b.variable(d) for d in kept_shape]
            whole = [*self.outer, *(self.b.const(0, INDEX) for _ in node.shape[self.depth :])]
            for k, variable in zip(kept, variables):
                whole[k] = variable
            value = self.b.load(target, self.b.linear(tuple(variables), kept_shape))
            stage.after.append(nest(self.b, variables, [self.memory.store(self.b, node, tuple(whole), value)]))

    def _fill(self, member: Member, target: Buffer, shape: tuple[Dimension, ...], task: Expr | None) -> Statement:
        variable = self.b.variable(element_count(shape))
        base = self.b.const(0, INDEX)
        if task is not None:
            base = self.b.mul(task, self.b.dim(element_count(shape)))
        identity = self.b.const(member.node.primitive.identity(target.dtype), target.dtype)
        return nest(self.b, [variable], [Store(target, self.b.add(base, variable), identity)])

    def _partial(self, member: Member, kept_shape: tuple[Dimension, ...]) -> Buffer:
        dtype = dtypes.compute_dtype(member.node.dtype)
        buffer = Buffer(f"{self.name}_partial{len(self.partials)}", (MOST_TASKS, *kept_shape), dtype, "temporary")
        self.partials.append((member.node, buffer))
        return buffer

    # The whole kernel

    def _finish(self) -> Kernel:
        ordered = sorted(self.stages.items(), key=lambda item: item[0][0])
        inner = [s for _, stage in ordered for s in self._stage_statements(stage)]
        roots = [e for s in walk([*inner, *self.task_start, *self.task_end]) for e in operands(s)]
        variables = [v for v in self.outer if v.op == "var"]
        outer, mapping = merge(self.b, variables, merge_plan(roots, variables))
        flat = bool(outer) and all(not s.loops and not s.before and not s.after for s in self.stages.values())
        work = _work(inner)
        if flat and len(outer) == 1:
            return self._one_loop(outer[0], inner, mapping, work)
        if flat:
            position, outer = outer[-1], outer[:-1]
            extent = position.attr[1]
            inner = [Loop(position, self.b.const(0, INDEX), self.b.dim(extent), inner, vector=True)]
            work *= extent if isinstance(extent, int) else TYPICAL_EXTENT
        if not outer:
            return self._kernel(inner, mapping, self.b.const(1, INDEX))
        count = total(self.b, outer)
        tasks, size = cut(self.b, count, work)
        row = outer[0] if len(outer) == 1 else self.b.variable(loop_extent(outer))
        if len(outer) > 1:
            places = unflatten(self.b, row, outer)
            mapping = {v: self.b.substitute(e, places) for v, e in mapping.items()} | places
        begin, end = task_range(self.b, self.task, size, count)
        return self._kernel([Loop(row, begin, end, inner)], mapping, tasks)

    def _one_loop(self, position: Expr, body: list[Statement], mapping: dict[Expr, Expr], work: int) -> Kernel:
        """Everything at the same index of one long axis: a vector loop over a task's part of it."""
        extent = self.b.dim(position.attr[1])
        tasks, size = cut(self.b, extent, work, multiple=64)
        begin, end = task_range(self.b, self.task, size, extent)
        return self._kernel([Loop(position, begin, end, body, vector=True)], mapping, tasks)

    def _kernel(self, body: list[Statement], mapping: dict[Expr, Expr], tasks: Expr) -> Kernel:
        whole = [*self.task_start, *body, *self.task_end]
        if mapping:
            memo: dict[Expr, Expr] = {}
            whole = [rewrite(s, lambda e: self.b.substitute(e, mapping, memo)) for s in whole]
        self.tasks = tasks
        return Kernel(self.name, tasks, self.task, whole, self.locals, label=describe(self.group.nodes))

    def _stage_statements(self, stage: Stage) -> list[Statement]:
        loops = stage.loops
        if not loops:
            return [*stage.before, *stage.body, *stage.after]
        if stage.trailing:
            middle = [*stage.middle_before, nest(self.b, loops[-stage.trailing :], stage.body), *stage.middle_after]
            nested: Statement = nest(self.b, loops[: -stage.trailing], middle, vector=False)
            return [*stage.before, nested, *stage.after]
        roots = [e for s in stage.body for e in operands(s)]
        merged, mapping = merge(self.b, loops, merge_plan(roots, loops))
        memo: dict[Expr, Expr] = {}
        body = [rewrite(s, lambda e: self.b.substitute(e, mapping, memo)) for s in stage.body]
        return [*stage.before, nest(self.b, merged, body), *stage.after]

    def _combining(self) -> list[Kernel]:
        """The kernel that brings the partial folds of all tasks together."""
        if not self.partials:
            return []
        body = [
            s
            for k, (node, buffer) in enumerate(self.partials)
            for s in combine_partials(node, buffer, self.memory[node], self.tasks, self.b, f"{self.name}_sum{k}")
        ]
        label = describe([node for node, _ in self.partials])
        return [Kernel(f"{self.name}_sum", self.b.const(1, INDEX), self.b.variable(1), body, label=label)]


def combine_partials(
    node: Node, partial: Buffer, target: Buffer, tasks: Expr, b: Builder, name: str
) -> list[Statement]:
    """Folds the partial results of all tasks, in their order."""
    fold, zero = node.primitive.lower, b.const(0, INDEX)
    number = b.variable(MOST_TASKS)
    if target.shape == ():
        accumulator, declaration = make_accumulator(b, node, f"{name}_all")
        update = Update(accumulator, fold(b, accumulator, b.load(partial, number)))
        over_tasks = Loop(number, zero, tasks, [update], vector=True)
        store = Store(target, zero, b.cast(accumulator, node.dtype))
        return [declaration, over_tasks, Collapse(accumulator), store]
    count = element_count(target.shape)
    place, copied = b.variable(count), b.variable(count)
    there = b.add(b.mul(number, b.dim(count)), place)
    folded = fold(b, b.load(partial, place), b.load(partial, there))
    add = Loop(place, zero, b.dim(count), [Store(partial, place, folded)], vector=True)
    final = Store(target, copied, b.cast(b.load(partial, copied), node.dtype))
    return [
        Loop(number, b.const(1, INDEX), tasks, [add]),
        Loop(copied, zero, b.dim(count), [final], vector=True),
    ]


def _work(body: list[Statement]) -> int:
    """Operations of a body, an estimate; loops count with their extents."""
    result = 0
    for statement in body:
        if isinstance(statement, Loop):
            extent = statement.variable.attr[1]
            result += _work(statement.body) * (extent if isinstance(extent, int) else TYPICAL_EXTENT)
        else:
            result += sum(EXPENSIVE_OPS.get(e.op, 1) for e in expressions(operands(statement)) if e.op != "const")
    return max(result, 1)
