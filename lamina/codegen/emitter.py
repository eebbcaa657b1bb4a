"""A kernel of the loop IR as an LLVM function.

    void kernel(ptr buffer0, ..., ptr symbols, ptr scratch, ptr report, i64 thread, i64 threads)

Every expression is computed as far out as its operands allow. In a vector loop the body is written for a whole
vector, and once more under a mask (or for single elements, where the target has no masks) for what remains.
Within one pass of a body all values are computed before any is stored, so a kernel may overwrite its operand.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from lamina.base.dims import Dim, Dimension
from lamina.codegen.accumulators import Accumulators
from lamina.codegen.memory import MemoryAccess
from lamina.codegen.routines import routine_name
from lamina.codegen.scopes import Scope, VectorContext, declared, lane_numbers
from lamina.codegen.values import Value, Values
from lamina.codegen.vector_loop import VectorLoop
from lamina.schedule.expr import INDEX, Expr
from lamina.schedule.loops import Address, Call, Collapse, Declare, Kernel, Loop, Statement, Store, Update, changed
from lamina.schedule.target import Target


class KernelEmitter:
    """Writes one kernel for one target."""

    def __init__(self, kernel: Kernel, name: str, symbols: Sequence[str], target: Target):
        self.kernel = kernel
        self.name = name
        self.target = target
        self.ops = Values(target)
        self.symbols = {symbol: k for k, symbol in enumerate(symbols)}
        self.pointers = {b: f"%b{k}" for k, b in enumerate(kernel.buffers())}
        self.scopes: list[Scope] = []
        self.vector: VectorContext | None = None
        self.memory = MemoryAccess(self)
        self.accumulators = Accumulators(self)
        self.allocas: list[str] = []
        self._labels = 0

    def emit(self) -> str:
        """The function's text."""
        kernel = self.kernel
        parameters = [f"ptr {p}" for p in self.pointers.values()]
        entry = self.open(set(), set())
        self._local_pointers()
        body = self._task_loop()
        entry.lines += body
        self.scopes.pop()
        parameters += ["ptr %symbols", "ptr %scratch", "ptr %report", "i64 %thread", "i64 %threads"]
        head = f"define internal void @{self.name}({', '.join(parameters)}) noinline {self.target.attributes} {{"
        unreported = "  %unreported = alloca i64"
        start = [f"; {kernel.name}", head, "entry:", unreported]
        return "\n".join([*start, *self.allocas, *entry.lines, "  ret void", "}"])

    # Blocks

    def open(self, defines: set[object], volatile: set[object]) -> Scope:
        scope = Scope(defines, volatile)
        self.scopes.append(scope)
        self.ops.lines = scope.lines
        return scope

    def close(self) -> Scope:
        scope = self.scopes.pop()
        self.ops.lines = self.scopes[-1].lines
        return scope

    def label(self, word: str) -> str:
        self._labels += 1
        return f"{word}{self._labels}"

    def _local_pointers(self) -> None:
        """Places of the scratch buffers, one behind the other, each on a cache line of its own."""
        offset = Value("0", INDEX)
        for buffer in self.kernel.locals:
            name = self.ops.emit(f"getelementptr i8, ptr %scratch, i64 {offset.text}")
            self.pointers[buffer] = name
            size = self.dimension(buffer.size())
            rounded = self.ops.add(size, self.ops.const(127, INDEX))
            rounded = self.ops.bit_and(rounded, self.ops.const(-64, INDEX))
            offset = self.ops.add(offset, rounded)

    def _task_loop(self) -> list[str]:
        loop = Loop(self.kernel.task, self.kernel.tasks, self.kernel.tasks, self.kernel.body)
        first, last = self._share()
        return self._loop_text(loop, first, last)

    def _share(self) -> tuple[Value, Value]:
        """The tasks of this thread: neighbouring ones, and a single task always on the first thread."""
        ops, tasks = self.ops, self.value(self.kernel.tasks)
        thread, threads = Value("%thread", INDEX), Value("%threads", INDEX)
        one, zero = ops.const(1, INDEX), ops.const(0, INDEX)
        if tasks.text == "1":
            return zero, ops.select(ops.eq(thread, zero), one, zero)
        bounds = []
        for number in (thread, ops.add(thread, one)):
            scaled = ops.add(ops.mul(number, tasks), ops.sub(threads, one))
            bounds.append(Value(ops.emit(f"udiv i64 {scaled.text}, {threads.text}"), INDEX))
        return bounds[0], bounds[1]

    def _loop_text(self, loop: Loop, begin: Value, end: Value) -> list[str]:
        """A plain loop over single iterations."""
        head, body, done = self.label("head"), self.label("body"), self.label("done")
        slot = self.alloca("i64")
        counter = Value(self.ops.fresh(), INDEX)
        scope = self.open({loop.variable, *declared(loop.body)}, changed(loop.body))
        scope.memo[loop.variable] = counter
        self.block(loop.body)
        self.close()
        following, within = self.ops.fresh(), self.ops.fresh()
        return [
            f"  store i64 {begin.text}, ptr {slot}",
            f"  br label %{head}",
            f"{head}:",
            f"  {counter.text} = load i64, ptr {slot}",
            f"  {within} = icmp slt i64 {counter.text}, {end.text}",
            f"  br i1 {within}, label %{body}, label %{done}",
            f"{body}:",
            *scope.lines,
            f"  {following} = add nsw i64 {counter.text}, 1",
            f"  store i64 {following}, ptr {slot}",
            f"  br label %{head}",
            f"{done}:",
        ]

    def alloca(self, type_: str) -> str:
        name = self.ops.fresh()
        self.allocas.append(f"  {name} = alloca {type_}")
        return name

    # Statements

    def block(self, body: Sequence[Statement]) -> None:
        """Writes statements; stores that follow one another wait until all of their values are there."""
        waiting: list[tuple[Store | Update, Value]] = []
        for statement in body:
            if isinstance(statement, (Store, Update)):
                waiting.append((statement, self.value(statement.value)))
                if isinstance(statement, Store):
                    self._prepare_address(statement.index)
                continue
            self._flush(waiting)
            self._statement(statement)
        self._flush(waiting)

    def _prepare_address(self, index: Expr) -> None:
        if self.vector is None:
            self.value(index)

    def _flush(self, waiting: list[tuple[Store | Update, Value]]) -> None:
        for statement, value in waiting:
            if isinstance(statement, Store):
                self.memory.store(statement, value)
            else:
                self.accumulators.update(statement, value)
        if waiting:
            self.forget({s.buffer if isinstance(s, Store) else s.accumulator for s, _ in waiting})
        waiting.clear()

    def forget(self, changed: set[object]) -> None:
        """Drops remembered values that read what has just changed."""
        for scope in self.scopes:
            stale = [k for k in scope.memo if isinstance(k, Expr) and k.depends & changed]
            for key in stale:
                del scope.memo[key]

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement, Loop):
            if statement.vector:
                VectorLoop(self, statement).write()
            else:
                begin, end = self.value(statement.begin), self.value(statement.end)
                self.scopes[-1].lines += self._loop_text(statement, begin, end)
            self.forget(changed(statement.body))
        elif isinstance(statement, Declare):
            self.accumulators.declare(statement)
        elif isinstance(statement, Collapse):
            self.accumulators.collapse(statement)
        elif isinstance(statement, Call):
            self._call(statement)
            self.forget(set(statement.writes))

    def _call(self, statement: Call) -> None:
        arguments = []
        for argument in statement.arguments:
            if isinstance(argument, Address):
                arguments.append(f"ptr {self.memory.pointer(argument.buffer, self.value(argument.index))}")
            else:
                arguments.append(self.value(argument).typed)
        name = routine_name(statement.function, self.target)
        self.scopes[-1].lines.append(f"  call void @{name}({', '.join(arguments)})")

    # Values

    def value(self, root: Expr) -> Value:
        """The value of an expression; each part is written in the outermost block that can hold it."""
        found = self._find(root)
        if found is not None:
            return found
        stack: list[tuple[Expr, bool]] = [(root, False)]
        while stack:
            e, ready = stack.pop()
            if self._find(e) is not None:
                continue
            if ready:
                self._write(e)
            else:
                stack.append((e, True))
                stack.extend((a, False) for a in self._needed(e))
        found = self._find(root)
        assert found is not None
        return found

    def _needed(self, e: Expr) -> Sequence[Expr]:
        if e.op == "load" and self.memory.contiguous(e.args[0]):
            return ()
        return e.args

    def _find(self, e: Expr) -> Value | None:
        level = self.level(e)
        for scope in self.scopes[level:]:
            if e in scope.memo:
                return scope.memo[e]
        return None

    def level(self, e: Expr) -> int:
        for level in range(len(self.scopes) - 1, 0, -1):
            scope = self.scopes[level]
            if not scope.defines.isdisjoint(e.depends) or not scope.volatile.isdisjoint(e.depends):
                return level
        return 0

    def _write(self, e: Expr) -> None:
        scope = self.scopes[self.level(e)]
        lines, self.ops.lines = self.ops.lines, scope.lines
        vector = self.vector
        if scope is not self.scopes[-1]:
            self.vector = None
        scope.memo[e] = self._instruction(e)
        self.ops.lines, self.vector = lines, vector

    def _instruction(self, e: Expr) -> Value:
        if e.op == "const":
            return self.ops.const(e.attr, e.dtype)
        if e.op == "dim":
            return self.dimension(e.attr)
        if e.op == "var":
            assert self.vector is not None
            lanes = self.vector.lanes
            return self.ops.add(self.ops.splat(self.vector.position, lanes), lane_numbers(lanes, INDEX))
        if e.op == "accumulator":
            return self.accumulators.read(e)
        if e.op == "affine":
            return self._affine(e)
        if e.op == "load":
            return self.memory.load(e)
        if e.op == "check_index":
            return self._check(self.value(e.args[0]), self.value(e.args[1]))
        return self.operation(e, [self.value(a) for a in e.args])

    def operation(self, e: Expr, args: list[Value]) -> Value:
        if e.op in ("cast", "bitcast"):
            return getattr(self.ops, e.op)(args[0], e.dtype)
        return getattr(self.ops, e.op)(*args)

    def dimension(self, dimension: Dimension) -> Value:
        if not isinstance(dimension, Dim):
            return self.ops.const(dimension, INDEX)
        key = ("dimension", dimension)
        scope = self.scopes[0]
        if key not in scope.memo:
            lines, self.ops.lines = self.ops.lines, scope.lines
            result = self.ops.const(dimension.constant, INDEX)
            for name, coefficient in dimension.terms:
                number = functools.reduce(self.ops.mul, map(self._symbol, name.split("*")))
                term = number if coefficient == 1 else self.ops.mul(number, self.ops.const(coefficient, INDEX))
                result = term if result.text == "0" else self.ops.add(result, term)
            scope.memo[key] = result
            self.ops.lines = lines
        return scope.memo[key]

    def _symbol(self, symbol: str) -> Value:
        place = self.ops.emit(f"getelementptr i64, ptr %symbols, i64 {self.symbols[symbol]}")
        return Value(self.ops.emit(f"load i64, ptr {place}"), INDEX)

    def _affine(self, e: Expr) -> Value:
        coefficients, constant = e.attr
        result: Value | None = None
        for atom, coefficient in zip(e.args, coefficients):
            term = self.value(atom)
            if coefficient != 1:
                term = self.ops.mul(term, self.dimension(coefficient))
            result = term if result is None else self.ops.add(result, term)
        assert result is not None
        return result if constant == 0 else self.ops.add(result, self.dimension(constant))

    def _check(self, index: Value, size: Value) -> Value:
        """Reports an index outside of [0, size) and goes on with a valid one."""
        inside = Value(self.ops.two("icmp ult", index, size, "bool").text, "bool", index.lanes)
        if inside.lanes == 1:
            place = self.ops.emit(f"select i1 {inside.text}, ptr %unreported, ptr %report")
        else:
            outside = self.ops.bit_not(inside)
            if self.vector is not None and self.vector.mask is not None:
                outside = self.ops.bit_and(outside, self.vector.mask)
            some = self.ops.intrinsic(f"llvm.vector.reduce.or.v{inside.lanes}i1", "i1", [outside.typed])
            place = self.ops.emit(f"select i1 {some}, ptr %report, ptr %unreported")
        self.ops.lines.append(f"  store volatile i64 1, ptr {place}")
        return self.ops.select(inside, index, self.ops.const(0, INDEX))

    def hoisted(self, op: str, x: Value, y: Value, source: Expr) -> Value:
        """Integer arithmetic on values that do not change in the loop, written where the slower of them is."""
        depends = source.depends - {self.vector.variable} if self.vector is not None else source.depends
        probe = Expr("probe", (), INDEX, None, depends)
        scope = self.scopes[self.level(probe)]
        key = (op, x.text, y.text)
        if key not in scope.memo:
            lines, self.ops.lines = self.ops.lines, scope.lines
            scope.memo[key] = getattr(self.ops, op)(x, y)
            self.ops.lines = lines
        return scope.memo[key]
