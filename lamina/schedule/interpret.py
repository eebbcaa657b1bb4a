"""Runs the loop IR in Python, one element at a time: what kernels mean, with every access checked.

It is the oracle between the graph interpreter and machine code: it tells a wrong schedule from a wrong code
generator. Each element of memory remembers whether it was written, and by which tasks it was touched in the present
phase, so that reads of garbage and tasks that get in each other's way are errors here where machine code would
give a wrong number now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dimension, element_count, evaluate
from lamina.base.errors import IndexRangeError, VerificationError
from lamina.graph.interpreter import bind_symbols
from lamina.schedule.cells import NOBODY, Cells, Memory, empty_cells
from lamina.schedule.expr import INDEX, Buffer, Expr, expressions
from lamina.schedule.independent import has_rows
from lamina.schedule.loops import Address, Call, Collapse, Declare, Kernel, Loop, Routine, Statement, Store, Update
from lamina.schedule.regions import Item, Region, kernels_of
from lamina.schedule.scalars import OPERATIONS, cast, number
from lamina.schedule.schedule import Schedule
from lamina.schedule.target import Target

# Partial folds that an accumulator is kept as; an odd number, as no machine has, shows folds that depend on it.
FOLD_PARTS = 3


def interpret_schedule(
    plan: Schedule,
    arrays: Sequence[np.ndarray],
    target: Target,
    symbols: Mapping[str, int] | None = None,
    *,
    check_races: bool = True,
) -> list[np.ndarray]:
    """Runs a schedule on arrays in the order of its graph's inputs; state arrays are replaced in place.

    Args:
        target: the machine that the schedule is for, which decides the width of panels.
        symbols: numbers of symbolic dimensions; taken from the arrays' shapes by default.
        check_races: whether it is an error that two tasks of one phase touch the same element, one of them writing.

    Returns:
        The outputs.

    Raises:
        VerificationError: if the schedule is wrong: an access out of bounds, a read of what was never written, tasks
            or vector lanes that depend on one another, a variable beyond its extent.
        IndexRangeError: if an index of `take` and its like is out of range.
    """
    if symbols is None:
        symbols = bind_symbols((n.shape, a.shape) for n, a in zip(plan.graph.inputs, arrays))
    memory = Memory(symbols, check_races)
    for node, array in zip(plan.graph.inputs, arrays):
        memory.give(plan.inputs[node], array)
    with np.errstate(all="ignore"):
        _Runner(plan, memory, symbols, target).run(plan.items)
    for node, array in zip(plan.graph.inputs, arrays):
        array[...] = memory.array(plan.inputs[node])
    return [memory.array(plan.resolved(b)).copy() for b in plan.outputs]


class _Runner:
    """Runs the kernels of a schedule, and the loops and branches around them."""

    def __init__(self, plan: Schedule, memory: Memory, symbols: Mapping[str, int], target: Target):
        self._plan, self._memory, self._symbols, self._target = plan, memory, symbols, target
        self._positions = {id(kernel): k for k, kernel in enumerate(plan.kernels)}
        self._phase = 0
        # Where threads have rows of their own: the symbol of their number, the first one, and how many there are.
        self.rows: tuple[str, int, int] | None = None

    def run(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Region):
                self._memory.new_phase()
                if item.rows is None:
                    self._region(item)
                else:
                    self._shares(item, item.rows)
                self._memory.new_phase()
                self._phase = item.last + 1
            else:
                self._kernel(item)

    def _kernel(self, kernel: Kernel) -> None:
        position = self._positions[id(kernel)]
        # What has rows of its own is run by one thread, a kernel after the other.
        if self._plan.phases[position] != self._phase or self.rows is not None:
            self._memory.new_phase()
            self._phase = self._plan.phases[position]
        cells = {b: self._memory.cells(self._plan.resolved(b)) for b in kernel.buffers()}
        _run_kernel(kernel, cells, position, self._symbols, self._target)

    def _shares(self, region: Region, symbol: str) -> None:
        """Runs a loop for two shares of the rows, the last one first; neither sees anything of the other."""
        count, plan = self._symbols[symbol], self._plan
        used = dict.fromkeys(plan.resolved(b) for k in kernels_of(region.items) for b in k.buffers())
        whole = {b: self._memory.cells(b) for b in used if b not in region.slices}
        for part in region.slices.values():
            self._memory.cells(plan.resolved(part.whole))
        for begin, end in ((count // 2, count), (0, count // 2)):
            if begin == end:
                continue
            symbols = {**self._symbols, symbol: end - begin}
            memory = self._memory.share(symbols)
            for buffer, cells in whole.items():
                if has_rows(buffer.shape, symbol):
                    of_row = cells.values.size // count
                    memory.point(buffer, cells, begin * of_row, (end - begin) * of_row)
            share = _Runner(plan, memory, symbols, self._target)
            share.rows = (symbol, begin, count)
            share._region(region)

    def _region(self, region: Region) -> None:
        if region.kind == "cond":
            if self._flag(region) == region.wanted:
                self.run(region.body)
            return
        length = None if region.length is None else evaluate(region.length, self._symbols)
        done = 0
        while length is None or done < length:
            self.run(region.test)
            if region.kind == "while" and not self._flag(region):
                return
            step = length - 1 - done if region.reverse and length is not None else done
            for buffer, part in region.slices.items():
                whole = self._memory.cells(self._plan.resolved(part.whole))
                self._memory.point(buffer, whole, *self._part(buffer, step, part.shift))
            self.run(region.body)
            self._memory.new_phase()
            done += 1

    def _part(self, buffer: Buffer, step: int, shift: Dimension) -> tuple[int, int]:
        """Where a step's entry of a stack begins, or the share's rows of it, and its elements."""
        size = evaluate(element_count(buffer.shape), self._symbols)
        if self.rows is None or not has_rows(buffer.shape, self.rows[0]):
            return (step + evaluate(shift, self._symbols)) * size, size
        symbol, begin, count = self.rows
        of_row = size // self._symbols[symbol]
        entry = step + evaluate(shift, {**self._symbols, symbol: count})
        return (entry * count + begin) * of_row, size

    def _flag(self, region: Region) -> bool:
        assert region.flag is not None
        return bool(self._memory.cells(self._plan.resolved(region.flag)).read(0, NOBODY))


def _run_kernel(
    kernel: Kernel, cells: Mapping[Buffer, Cells], position: int, symbols: Mapping[str, int], target: Target
) -> None:
    """Runs the tasks of a kernel, the last one first: their order must not matter."""
    tasks = int(_Task(kernel, {}, 0, symbols, target).value(kernel.tasks))
    for task in reversed(range(tasks)):
        # A single task runs on the first thread, where all single tasks run one after the other.
        actor = 0 if tasks == 1 else (position + 1) * 1000 + task
        own = {b: empty_cells(b, symbols, shared=False) for b in kernel.locals}
        run = _Task(kernel, {**cells, **own}, actor, symbols, target)
        run.set(kernel.task, task)
        run.block(kernel.body)


class _Task:
    """One task of a kernel while it runs.

    Attributes:
        variables: values of loop variables and of accumulators that are in one piece.
        parts: accumulators that are kept as partial folds, until they are collapsed; part: which of them is folded
            into now; folding: the accumulator of the update that is being evaluated.
        lanes: in a vector loop (in which there are no others), which iteration wrote an element.
    """

    def __init__(
        self, kernel: Kernel, cells: Mapping[Buffer, Cells], actor: int, symbols: Mapping[str, int], target: Target
    ):
        self.kernel = kernel
        self.cells = cells
        self.actor = actor
        self.symbols = symbols
        self.target = target
        self.variables: dict[Expr, Any] = {}
        self.parts: dict[Expr, list[Any]] = {}
        self.declared: dict[Expr, Declare] = {}
        self.lanes: dict[tuple[Cells, int], int] | None = None
        self.iteration = 0
        self.part = 0
        self.folding: Expr | None = None
        self._orders: dict[Expr, list[Expr]] = {}

    # Values

    def value(self, root: Expr) -> Any:
        """The value of an expression, as a NumPy scalar of its dtype."""
        if root not in self._orders:
            self._orders[root] = expressions([root])
        values: dict[Expr, Any] = {}
        for e in self._orders[root]:
            values[e] = self._operation(e, [values[a] for a in e.args])
        return values[root]

    def _operation(self, e: Expr, args: list[Any]) -> Any:
        if e.op in ("var", "accumulator"):
            return self._variable(e)
        if e.op in ("const", "dim"):
            return number(evaluate(e.attr, self.symbols) if e.op == "dim" else e.attr, e.dtype)
        if e.op == "affine":
            coefficients, constant = e.attr
            terms = (int(a) * evaluate(c, self.symbols) for a, c in zip(args, coefficients))
            return number(evaluate(constant, self.symbols) + sum(terms), INDEX)
        if e.op == "load":
            return self._read(e.attr, int(args[0]))
        if e.op == "check_index":
            if not 0 <= args[0] < args[1]:
                raise IndexRangeError(f"Index {args[0]} lies outside of an axis of size {args[1]}.")
            return args[0]
        if e.op == "cast":
            return cast(args[0], e.dtype)
        if e.op == "bitcast":
            return args[0].view(dtypes.to_numpy(e.dtype))
        return cast(OPERATIONS[e.op](*args), e.dtype)

    def _variable(self, e: Expr) -> Any:
        if e in self.parts:
            if e is not self.folding:
                raise VerificationError(f"Accumulator {e.attr} is read before its parts are brought together.")
            return self.parts[e][self.part]
        if e not in self.variables:
            raise VerificationError(f"{e.op} {e.attr} is read outside of where it is defined.")
        return self.variables[e]

    def set(self, variable: Expr, value: int) -> None:
        """Gives a loop variable its value; simplification has relied on its extent."""
        name, extent = variable.attr
        if not 0 <= value < evaluate(extent, self.symbols):
            raise VerificationError(f"Loop variable {name} becomes {value}, beyond its extent {extent}.")
        self.variables[variable] = number(value, INDEX)

    # Memory

    def _read(self, buffer: Buffer, index: int) -> Any:
        self._check_lanes(buffer, index, "read")
        return self.cells[buffer].read(index, self.actor)

    def _write(self, buffer: Buffer, index: int, value: Any) -> None:
        self._check_lanes(buffer, index, "written")
        if self.lanes is not None:
            self.lanes[self.cells[buffer], index] = self.iteration
        self.cells[buffer].write(index, value, self.actor)

    def _check_lanes(self, buffer: Buffer, index: int, verb: str) -> None:
        if self.lanes is None:
            return
        if self.lanes.get((self.cells[buffer], index), self.iteration) != self.iteration:
            raise VerificationError(
                f"{buffer.name}[{index}] is written by one iteration of a vector loop and {verb} by a later one."
            )

    # Statements

    def block(self, body: Sequence[Statement]) -> None:
        """Runs statements; stores and updates that follow one another happen at once, with all values computed."""
        waiting: list[Callable[[], None]] = []
        for statement in body:
            if isinstance(statement, Store):
                waiting.append(self._store(statement))
                continue
            if isinstance(statement, Update):
                waiting.append(self._update(statement))
                continue
            _run_all(waiting)
            self._statement(statement)
        _run_all(waiting)

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement, Loop):
            self._loop(statement)
        elif isinstance(statement, Declare):
            self._declare(statement)
        elif isinstance(statement, Collapse):
            self._collapse(statement.accumulator)
        elif isinstance(statement, Call):
            self._call(statement)

    def _store(self, statement: Store) -> Callable[[], None]:
        index, value = int(self.value(statement.index)), self.value(statement.value)
        expected = dtypes.to_numpy(statement.buffer.dtype)
        if value.dtype != expected:
            raise VerificationError(f"{statement.buffer.name} of {expected} is given a {value.dtype}.")
        return lambda: self._write(statement.buffer, index, value)

    def _update(self, statement: Update) -> Callable[[], None]:
        accumulator, part = statement.accumulator, self.part
        self.folding = accumulator
        value = self.value(statement.value)
        self.folding = None

        def commit() -> None:
            if accumulator in self.parts:
                self.parts[accumulator][part] = value
            else:
                self.variables[accumulator] = value

        return commit

    def _loop(self, loop: Loop) -> None:
        begin, end = int(self.value(loop.begin)), int(self.value(loop.end))
        self.lanes = {} if loop.vector else None
        for iteration in range(begin, end):
            if loop.vector:
                self.iteration, self.part = iteration, iteration % FOLD_PARTS
            self.set(loop.variable, iteration)
            self.block(loop.body)
        self.variables.pop(loop.variable, None)
        self.lanes, self.part = None, 0

    def _declare(self, statement: Declare) -> None:
        initial = self.value(statement.initial)
        self.declared[statement.accumulator] = statement
        self.variables.pop(statement.accumulator, None)
        self.parts.pop(statement.accumulator, None)
        if statement.merge is None:
            self.variables[statement.accumulator] = initial
        else:
            self.parts[statement.accumulator] = [initial] * FOLD_PARTS

    def _collapse(self, accumulator: Expr) -> None:
        declaration = self.declared[accumulator]
        assert declaration.merge is not None and declaration.other is not None
        total, *others = self.parts.pop(accumulator)
        for other in others:
            self.variables |= {accumulator: total, declaration.other: other}
            total = self.value(declaration.merge)
        self.variables[accumulator] = total

    # Routines

    def _call(self, call: Call) -> None:
        if call.function.kind == "fetch_rows":
            return
        given = [
            (a.buffer, int(self.value(a.index))) if isinstance(a, Address) else int(self.value(a))
            for a in call.arguments
        ]
        width = call.function.vectors * self.target.lanes(call.function.dtype)
        if call.function.kind == "multiply":
            self._multiply(call.function, width, given)
        else:
            self._pack(call.function.kind == "pack_transposed", width, given)

    def _multiply(self, routine: Routine, width: int, given: list[Any]) -> None:
        """A tile of a product; a whole tile reads B and writes C in all of its columns."""
        (a, a_start), a_row, a_k, (b, b_start), b_k, count, (c, c_start), c_row, again, *more = given
        more = more[2:] if routine.ahead else more
        width = more.pop(0) if routine.masked else width
        levels = [(count, a_k, b_k), *zip(*[iter(more)] * 3, strict=True)]
        run, near, far = routine.block if routine.mode == "blocks" else (routine.rows, a_row, 0)
        near = 1 if routine.mode == "adjacent" else near
        steps = [(0, 0)]
        for extent, a_step, b_step in levels:
            steps = [(x + i * a_step, y + i * b_step) for i in range(extent) for x, y in steps]
        for i in range(routine.rows):
            row = a_start + i % run * near + i // run * far
            for j in range(width):
                place = c_start + i * c_row + j
                total = self._read(c, place) if again else number(0, c.dtype)
                for a_step, b_step in steps:
                    total = total + self._read(a, row + a_step) * self._read(b, b_start + b_step + j)
                self._write(c, place, total)

    def _pack(self, transposed: bool, width: int, given: list[Any]) -> None:
        """A panel of B; columns that the matrix does not have are zeros."""
        (source, start), stride, count, columns, (goal, first) = given
        for k in range(count):
            for j in range(width):
                place = start + (j * stride + k if transposed else k * stride + j)
                value = self._read(source, place) if j < columns else number(0, goal.dtype)
                self._write(goal, first + k * width + j, value)


def _run_all(waiting: list[Callable[[], None]]) -> None:
    for commit in waiting:
        commit()
    waiting.clear()
