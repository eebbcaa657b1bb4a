"""A kernel of the loop IR as an LLVM function.

    void kernel(ptr buffer0, ..., ptr symbols, ptr scratch, ptr report, i64 thread, i64 threads)

Every expression is computed as far out as its operands allow. In a vector loop the body is written for a whole
vector, and once more under a mask (or for single elements, where the target has no masks) for what remains.
Within one pass of a body all values are computed before any is stored, so a kernel may overwrite its operand.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension
from lamina.schedule.target import Target
from lamina.codegen.routines import routine_name
from lamina.codegen.values import LLVM_TYPES, Value, Values, vector_type
from lamina.schedule.expr import INDEX, Buffer, Expr, expressions
from lamina.schedule.loops import Address, Call, Collapse, Declare, Kernel, Loop, Statement, Store, Update, walk

# Independent partial folds, enough to hide the latency of a fused multiply-add on two units.
FOLD_UNROLL = 4


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
    """The vector loop that is being written: its variable, where it stands, and which lanes are alive."""

    variable: Expr
    position: Value
    lanes: int
    mask: Value | None
    copy: int


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
        self.places: dict[Expr, list[str]] = {}
        self.widths: dict[Expr, int] = {}
        self.parts: dict[Expr, Declare] = {}
        self.collapsed: dict[Expr, str] = {}
        self.allocas: list[str] = []
        self._labels = 0

    def emit(self) -> str:
        """The function's text."""
        kernel = self.kernel
        parameters = [f"ptr {p}" for p in self.pointers.values()]
        entry = self._open(set(), set())
        self._local_pointers()
        body = self._task_loop()
        entry.lines += body
        self.scopes.pop()
        parameters += ["ptr %symbols", "ptr %scratch", "ptr %report", "i64 %thread", "i64 %threads"]
        head = f"define internal void @{self.name}({', '.join(parameters)}) noinline {self.target.attributes} {{"
        unreported = "  %unreported = alloca i64"
        return "\n".join([f"; {kernel.name}", head, "entry:", unreported, *self.allocas, *entry.lines, "  ret void", "}"])

    # Blocks

    def _open(self, defines: set[object], volatile: set[object]) -> Scope:
        scope = Scope(defines, volatile)
        self.scopes.append(scope)
        self.ops.lines = scope.lines
        return scope

    def _close(self) -> Scope:
        scope = self.scopes.pop()
        self.ops.lines = self.scopes[-1].lines
        return scope

    def _label(self, word: str) -> str:
        self._labels += 1
        return f"{word}{self._labels}"

    def _local_pointers(self) -> None:
        """Places of the scratch buffers, one behind the other, each on a cache line of its own."""
        offset = Value("0", INDEX)
        for buffer in self.kernel.locals:
            name = self.ops.emit(f"getelementptr i8, ptr %scratch, i64 {offset.text}")
            self.pointers[buffer] = name
            size = self._dimension(buffer.size())
            rounded = self.ops.add(size, self.ops.const(127, INDEX))
            rounded = self.ops.bit_and(rounded, self.ops.const(-64, INDEX))
            offset = self.ops.add(offset, rounded)

    def _task_loop(self) -> list[str]:
        loop = Loop(self.kernel.task, self.kernel.tasks, self.kernel.tasks, self.kernel.body)
        first, last = self._share()
        return self._loop_text(loop, first, last)

    def _share(self) -> tuple[Value, Value]:
        """The tasks of this thread: neighbouring ones, and a single task always on the first thread."""
        ops, tasks = self.ops, self._value(self.kernel.tasks)
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
        head, body, done = self._label("head"), self._label("body"), self._label("done")
        slot = self._alloca("i64")
        counter = Value(self.ops.fresh(), INDEX)
        scope = self._open({loop.variable, *_declared(loop.body)}, _changed(loop.body))
        scope.memo[loop.variable] = counter
        self._block(loop.body)
        self._close()
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

    def _alloca(self, type_: str) -> str:
        name = self.ops.fresh()
        self.allocas.append(f"  {name} = alloca {type_}")
        return name

    # Statements

    def _block(self, body: Sequence[Statement]) -> None:
        """Writes statements; stores that follow one another wait until all of their values are there."""
        waiting: list[tuple[Store | Update, Value]] = []
        for statement in body:
            if isinstance(statement, (Store, Update)):
                waiting.append((statement, self._value(statement.value)))
                if isinstance(statement, Store):
                    self._prepare_address(statement.index)
                continue
            self._flush(waiting)
            self._statement(statement)
        self._flush(waiting)

    def _prepare_address(self, index: Expr) -> None:
        if self.vector is None:
            self._value(index)

    def _flush(self, waiting: list[tuple[Store | Update, Value]]) -> None:
        for statement, value in waiting:
            if isinstance(statement, Store):
                self._store(statement, value)
            else:
                self._update(statement, value)
        if waiting:
            self._forget({s.buffer if isinstance(s, Store) else s.accumulator for s, _ in waiting})
        waiting.clear()

    def _forget(self, changed: set[object]) -> None:
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
                begin, end = self._value(statement.begin), self._value(statement.end)
                self.scopes[-1].lines += self._loop_text(statement, begin, end)
            self._forget(_changed(statement.body))
        elif isinstance(statement, Declare):
            self._declare(statement)
        elif isinstance(statement, Collapse):
            self._collapse(statement)
        elif isinstance(statement, Call):
            self._call(statement)
            self._forget(set(statement.writes))

    def _call(self, statement: Call) -> None:
        arguments = []
        for argument in statement.arguments:
            if isinstance(argument, Address):
                arguments.append(f"ptr {self._pointer(argument.buffer, self._value(argument.index))}")
            else:
                arguments.append(self._value(argument).typed)
        self.scopes[-1].lines.append(f"  call void @{routine_name(statement.function, self.target)}({', '.join(arguments)})")

    # Accumulators

    def _declare(self, statement: Declare) -> None:
        """Room for an accumulator: one scalar, or several vectors where a vector loop will fold into it."""
        accumulator = statement.accumulator
        width, copies = self._fold_width(accumulator)
        initial = self.ops.splat(self._value(statement.initial), width)
        self.places[accumulator] = [self._alloca(vector_type(accumulator.dtype, width)) for _ in range(copies)]
        self.widths[accumulator] = width
        self.parts[accumulator] = statement
        self.collapsed.pop(accumulator, None)
        for place in self.places[accumulator]:
            self.scopes[-1].lines.append(f"  store {initial.typed}, ptr {place}")

    def _fold_width(self, accumulator: Expr) -> tuple[int, int]:
        for statement in walk(self.kernel.body):
            if isinstance(statement, Loop) and statement.vector:
                updates = [s for s in statement.body if isinstance(s, Update) and s.accumulator is accumulator]
                if updates:
                    plan = LoopPlan(self, statement)
                    return plan.lanes, plan.copies
        return 1, 1

    def _update(self, statement: Update, value: Value) -> None:
        accumulator = statement.accumulator
        width = self.widths[accumulator]
        copy = self.vector.copy if self.vector is not None else 0
        place = self.places[accumulator][min(copy, len(self.places[accumulator]) - 1)]
        if self.vector is not None and self.vector.mask is not None:
            old = self._read_accumulator(accumulator)
            value = self.ops.select(self.vector.mask, value, old)
        if value.lanes == 1 and width > 1 and (self.vector is None or self.vector.lanes == 1):
            whole = self.ops.emit(f"load {vector_type(value.dtype, width)}, ptr {place}")
            text = self.ops.emit(f"insertelement {vector_type(value.dtype, width)} {whole}, {value.typed}, i64 0")
            value = Value(text, value.dtype, width)
        value = self.ops.splat(value, width)
        self.scopes[-1].lines.append(f"  store {value.typed}, ptr {place}")

    def _read_accumulator(self, accumulator: Expr) -> Value:
        if accumulator in self.collapsed:
            return Value(self.ops.emit(f"load {LLVM_TYPES[accumulator.dtype]}, ptr {self.collapsed[accumulator]}"),
                         accumulator.dtype)  # fmt: skip
        width = self.widths[accumulator]
        copy = self.vector.copy if self.vector is not None else 0
        place = self.places[accumulator][min(copy, len(self.places[accumulator]) - 1)]
        whole = Value(self.ops.emit(f"load {vector_type(accumulator.dtype, width)}, ptr {place}"), accumulator.dtype, width)
        if width > 1 and (self.vector is None or self.vector.lanes == 1):
            return Value(self.ops.emit(f"extractelement {whole.typed}, i64 0"), accumulator.dtype)
        return whole

    def _collapse(self, statement: Collapse) -> None:
        """Folds the copies, then halves the vector until one element is left."""
        accumulator = statement.accumulator
        width, dtype = self.widths[accumulator], accumulator.dtype
        values = [
            Value(self.ops.emit(f"load {vector_type(dtype, width)}, ptr {place}"), dtype, width)
            for place in self.places[accumulator]
        ]
        while len(values) > 1:
            values = [self._merge(accumulator, a, b) for a, b in zip(values[::2], values[1::2])]
        value = values[0]
        while value.lanes > 1:
            half = value.lanes // 2
            value = self._merge(accumulator, self._lanes(value, 0, half), self._lanes(value, half, half))
        slot = self._alloca(LLVM_TYPES[dtype])
        self.scopes[-1].lines.append(f"  store {value.typed}, ptr {slot}")
        self.collapsed[accumulator] = slot
        self._forget({accumulator})

    def _lanes(self, value: Value, start: int, count: int) -> Value:
        if count == 1:
            return Value(self.ops.emit(f"extractelement {value.typed}, i64 {start}"), value.dtype)
        picks = ", ".join(f"i32 {k}" for k in range(start, start + count))
        text = f"shufflevector {value.typed}, {value.type} poison, <{count} x i32> <{picks}>"
        return Value(self.ops.emit(text), value.dtype, count)

    def _merge(self, accumulator: Expr, a: Value, b: Value) -> Value:
        declaration = self.parts[accumulator]
        assert declaration.merge is not None and declaration.other is not None
        known = {accumulator: a, declaration.other: b}
        for e in expressions([declaration.merge]):
            if e not in known:
                given = [known[x] for x in e.args]
                known[e] = functools.reduce(self.ops.add, given) if e.op == "affine" else self._operation(e, given)
        return known[declaration.merge]

    # Values

    def _value(self, root: Expr) -> Value:
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
        if e.op == "load" and self._contiguous(e.args[0]):
            return ()
        return e.args

    def _find(self, e: Expr) -> Value | None:
        level = self._level(e)
        for scope in self.scopes[level:]:
            if e in scope.memo:
                return scope.memo[e]
        return None

    def _level(self, e: Expr) -> int:
        for level in range(len(self.scopes) - 1, 0, -1):
            scope = self.scopes[level]
            if not scope.defines.isdisjoint(e.depends) or not scope.volatile.isdisjoint(e.depends):
                return level
        return 0

    def _write(self, e: Expr) -> None:
        scope = self.scopes[self._level(e)]
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
            return self._dimension(e.attr)
        if e.op == "var":
            assert self.vector is not None
            lanes = self.vector.lanes
            return self.ops.add(self.ops.splat(self.vector.position, lanes), _lane_numbers(lanes, INDEX))
        if e.op == "accumulator":
            return self._read_accumulator(e)
        if e.op == "affine":
            return self._affine(e)
        if e.op == "load":
            return self._load(e)
        if e.op == "check_index":
            return self._check(self._value(e.args[0]), self._value(e.args[1]))
        return self._operation(e, [self._value(a) for a in e.args])

    def _operation(self, e: Expr, args: list[Value]) -> Value:
        if e.op in ("cast", "bitcast"):
            return getattr(self.ops, e.op)(args[0], e.dtype)
        return getattr(self.ops, e.op)(*args)

    def _dimension(self, dimension: Dimension) -> Value:
        if not isinstance(dimension, Dim):
            return self.ops.const(dimension, INDEX)
        key = ("dimension", dimension)
        scope = self.scopes[0]
        if key not in scope.memo:
            lines, self.ops.lines = self.ops.lines, scope.lines
            result = self.ops.const(dimension.constant, INDEX)
            for symbol, coefficient in dimension.terms:
                place = self.ops.emit(f"getelementptr i64, ptr %symbols, i64 {self.symbols[symbol]}")
                number = Value(self.ops.emit(f"load i64, ptr {place}"), INDEX)
                term = number if coefficient == 1 else self.ops.mul(number, self.ops.const(coefficient, INDEX))
                result = term if result.text == "0" else self.ops.add(result, term)
            scope.memo[key] = result
            self.ops.lines = lines
        return scope.memo[key]

    def _affine(self, e: Expr) -> Value:
        coefficients, constant = e.attr
        result: Value | None = None
        for atom, coefficient in zip(e.args, coefficients):
            term = self._value(atom)
            if coefficient != 1:
                term = self.ops.mul(term, self._dimension(coefficient))
            result = term if result is None else self.ops.add(result, term)
        assert result is not None
        return result if constant == 0 else self.ops.add(result, self._dimension(constant))

    def _check(self, index: Value, size: Value) -> Value:
        """Reports an index outside of [0, size) and goes on with a valid one."""
        inside = Value(self.ops._two("icmp ult", index, size, "bool").text, "bool", index.lanes)
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

    # Memory

    def _pointer(self, buffer: Buffer, index: Value) -> str:
        type_ = _memory_type(buffer.dtype)
        return self.ops.emit(f"getelementptr {type_}, ptr {self.pointers[buffer]}, i64 {index.text}")

    def _contiguous(self, index: Expr) -> bool:
        """Whether neighbouring lanes read neighbouring elements."""
        if self.vector is None or self.vector.variable not in index.depends:
            return False
        return _stride(index, self.vector.variable) == 1

    def _base(self, index: Expr) -> Value:
        """The index of lane 0: everything but the vector variable is computed outside of the loop."""
        assert self.vector is not None
        if index is self.vector.variable:
            return self.vector.position
        coefficients, constant = index.attr
        rest: Value | None = None
        for atom, coefficient in zip(index.args, coefficients):
            if atom is not self.vector.variable:
                term = self._product(atom, coefficient)
                rest = term if rest is None else self._hoisted("add", rest, term, index)
        if constant != 0:
            number = self._dimension(constant)
            rest = number if rest is None else self._hoisted("add", rest, number, index)
        return self.vector.position if rest is None else self.ops.add(rest, self.vector.position)

    def _product(self, atom: Expr, coefficient: Dimension) -> Value:
        value = self._value(atom)
        return value if coefficient == 1 else self._hoisted("mul", value, self._dimension(coefficient), atom)

    def _hoisted(self, op: str, x: Value, y: Value, source: Expr) -> Value:
        """Integer arithmetic on values that do not change in the loop, written where the slower of them is."""
        depends = source.depends - {self.vector.variable} if self.vector is not None else source.depends
        probe = Expr("probe", (), INDEX, None, depends)
        scope = self.scopes[self._level(probe)]
        key = (op, x.text, y.text)
        if key not in scope.memo:
            lines, self.ops.lines = self.ops.lines, scope.lines
            scope.memo[key] = getattr(self.ops, op)(x, y)
            self.ops.lines = lines
        return scope.memo[key]

    def _load(self, e: Expr) -> Value:
        buffer, index = e.attr, e.args[0]
        if self._contiguous(index):
            assert self.vector is not None
            return self._load_vector(buffer, self._base(index), self.vector)
        position = self._value(index)
        if position.lanes > 1:
            return self._gather(buffer, position)
        type_ = _memory_type(buffer.dtype)
        text = self.ops.emit(f"load {type_}, ptr {self._pointer(buffer, position)}")
        return self._from_memory(Value(text, _memory_dtype(buffer.dtype)), buffer.dtype)

    def _load_vector(self, buffer: Buffer, base: Value, vector: VectorContext) -> Value:
        dtype = _memory_dtype(buffer.dtype)
        type_ = vector_type(dtype, vector.lanes)
        pointer = self._pointer(buffer, base)
        align = dtypes.size(buffer.dtype)
        if vector.mask is None:
            text = self.ops.emit(f"load {type_}, ptr {pointer}, align {align}")
        else:
            name = f"llvm.masked.load.v{vector.lanes}{_suffix(dtype)}.p0"
            arguments = [f"ptr align {align} {pointer}", vector.mask.typed, f"{type_} zeroinitializer"]
            text = self.ops.intrinsic(name, type_, arguments)
        return self._from_memory(Value(text, dtype, vector.lanes), buffer.dtype)

    def _pointers(self, buffer: Buffer, position: Value) -> str:
        type_ = _memory_type(buffer.dtype)
        return self.ops.emit(f"getelementptr {type_}, ptr {self.pointers[buffer]}, {position.typed}")

    def _gather(self, buffer: Buffer, position: Value) -> Value:
        dtype, lanes = _memory_dtype(buffer.dtype), position.lanes
        type_, mask = vector_type(dtype, lanes), self._mask(lanes)
        name = f"llvm.masked.gather.v{lanes}{_suffix(dtype)}.v{lanes}p0"
        align = dtypes.size(buffer.dtype)
        pointers = f"<{lanes} x ptr> align {align} {self._pointers(buffer, position)}"
        arguments = [pointers, mask.typed, f"{type_} zeroinitializer"]
        return self._from_memory(Value(self.ops.intrinsic(name, type_, arguments), dtype, lanes), buffer.dtype)

    def _mask(self, lanes: int) -> Value:
        if self.vector is not None and self.vector.mask is not None:
            return self.vector.mask
        return Value("splat (i1 true)", "bool", lanes)

    def _from_memory(self, value: Value, dtype: str) -> Value:
        if dtype == "bool":
            return self.ops.ne(value, self.ops.const(0, "uint8"))
        return Value(value.text, dtype, value.lanes)

    def _store(self, statement: Store, value: Value) -> None:
        buffer, index, vector = statement.buffer, statement.index, self.vector
        value = self.ops.cast(value, _memory_dtype(buffer.dtype))
        align = dtypes.size(buffer.dtype)
        if vector is None or vector.lanes == 1 or vector.variable not in index.depends:
            pointer = self._pointer(buffer, self._value(index))
            self.ops.lines.append(f"  store {value.typed}, ptr {pointer}, align {align}")
            return
        value = self.ops.splat(value, vector.lanes)
        if not self._contiguous(index):
            self._scatter(buffer, self._value(index), value, align)
            return
        pointer = self._pointer(buffer, self._base(index))
        if vector.mask is None:
            self.ops.lines.append(f"  store {value.typed}, ptr {pointer}, align {align}")
        else:
            name = f"llvm.masked.store.v{vector.lanes}{_suffix(value.dtype)}.p0"
            self.ops.intrinsic(name, "void", [value.typed, f"ptr align {align} {pointer}", vector.mask.typed])

    def _scatter(self, buffer: Buffer, position: Value, value: Value, align: int) -> None:
        lanes = value.lanes
        pointers = f"<{lanes} x ptr> align {align} {self._pointers(buffer, position)}"
        name = f"llvm.masked.scatter.v{lanes}{_suffix(value.dtype)}.v{lanes}p0"
        self.ops.intrinsic(name, "void", [value.typed, pointers, self._mask(lanes).typed])


class LoopPlan:
    """How a vector loop is cut: lanes of a vector, and how many vectors a pass does.

    A loop that folds keeps several partial folds, since one would wait for itself.
    """

    def __init__(self, emitter: KernelEmitter, loop: Loop):
        begin, end = loop.begin, loop.end
        self.extent: int | None = None
        if begin.op == "const" and end.op == "const":
            self.extent = end.attr - begin.attr
        lanes = emitter.target.lanes("float32")
        if self.extent is not None:
            while lanes > 1 and lanes // 2 >= self.extent:
                lanes //= 2
        self.lanes = lanes
        folds = any(isinstance(s, Update) for s in loop.body)
        self.copies = FOLD_UNROLL if folds else 1
        if self.extent is not None:
            while self.copies > 1 and self.copies * self.lanes > self.extent:
                self.copies //= 2


class VectorLoop:
    """Writes a vector loop: whole passes, then what remains."""

    # Up to this many vectors a loop of known length is written out.
    MOST_UNROLLED = 4

    def __init__(self, emitter: KernelEmitter, loop: Loop):
        self.emitter = emitter
        self.loop = loop
        self.plan = LoopPlan(emitter, loop)

    def write(self) -> None:
        e, plan = self.emitter, self.plan
        begin, end = e._value(self.loop.begin), e._value(self.loop.end)
        extent, lanes = plan.extent, plan.lanes
        if extent == 0:
            return
        if extent is not None and extent <= lanes * self.MOST_UNROLLED and begin.text == "0":
            self._unrolled(extent)
            return
        step = lanes * plan.copies
        slot = e._alloca("i64")
        lines = e.scopes[-1].lines
        lines.append(f"  store i64 {begin.text}, ptr {slot}")
        if extent is None or extent >= step:
            self._passes(slot, end, step, plan.copies, masked=False)
        if extent is None or extent % step:
            masks = e.target.has_masks and lanes > 1
            self._passes(slot, end, lanes if masks else 1, 1, masked=masks)

    def _unrolled(self, extent: int) -> None:
        e, lanes = self.emitter, self.plan.lanes
        scope = e._open({self.loop.variable}, _changed(self.loop.body))
        for number, start in enumerate(range(0, extent, lanes)):
            left = extent - start
            if left >= lanes or e.target.has_masks:
                mask = None
                if left < lanes:
                    picks = ", ".join(f"i1 {'true' if k < left else 'false'}" for k in range(lanes))
                    mask = Value(f"<{picks}>", "bool", lanes)
                self._copy(Value(str(start), INDEX), lanes, mask, number % self.plan.copies)
            else:
                for single in range(start, extent):
                    self._copy(Value(str(single), INDEX), 1, None, 0)
        e._close()
        e.scopes[-1].lines += scope.lines

    def _passes(self, slot: str, end: Value, step: int, copies: int, masked: bool) -> None:
        """A loop of `copies` vectors a pass; runs while a whole pass (or, masked, anything) is left."""
        e = self.emitter
        head, body, done = e._label("head"), e._label("body"), e._label("done")
        position = Value(e.ops.fresh(), INDEX)
        scope = e._open({self.loop.variable}, _changed(self.loop.body))
        lanes = step // copies
        for copy in range(copies):
            here = position if copy == 0 else e.ops.add(position, e.ops.const(copy * lanes, INDEX))
            mask = self._tail_mask(position, end, lanes) if masked else None
            self._copy(here, lanes, mask, copy)
        following = e.ops.emit(f"add nsw i64 {position.text}, {step}")
        e._close()
        needed = position.text if masked or step == 1 else e.ops.fresh()
        within = e.ops.fresh()
        lines = e.scopes[-1].lines
        lines += [f"  br label %{head}", f"{head}:", f"  {position.text} = load i64, ptr {slot}"]
        if needed != position.text:
            lines.append(f"  {needed} = add nsw i64 {position.text}, {step - 1}")
        lines += [
            f"  {within} = icmp slt i64 {needed}, {end.text}",
            f"  br i1 {within}, label %{body}, label %{done}",
            f"{body}:",
            *scope.lines,
            f"  store i64 {following}, ptr {slot}",
            f"  br label %{head}",
            f"{done}:",
        ]

    def _tail_mask(self, position: Value, end: Value, lanes: int) -> Value:
        ops = self.emitter.ops
        left = ops.sub(end, position)
        limit = ops.splat(ops.cast(ops.min(left, ops.const(lanes, INDEX)), "int32"), lanes)
        return ops.lt(_lane_numbers(lanes, "int32"), limit)

    def _copy(self, position: Value, lanes: int, mask: Value | None, copy: int) -> None:
        """One vector's worth of the body."""
        e = self.emitter
        scope = e.scopes[-1]
        scope.memo.clear()
        e.vector = VectorContext(self.loop.variable, position, lanes, mask, copy)
        if lanes == 1:
            scope.memo[self.loop.variable] = position
        e._block(self.loop.body)
        e.vector = None


def _lane_numbers(lanes: int, dtype: str) -> Value:
    type_ = LLVM_TYPES[dtype]
    return Value("<" + ", ".join(f"{type_} {k}" for k in range(lanes)) + ">", dtype, lanes)


def _stride(index: Expr, variable: Expr) -> Dimension | None:
    """How far apart neighbouring lanes are, None where that is not a fixed distance."""
    if index is variable:
        return 1
    if index.op != "affine":
        return None
    stride: Dimension | None = None
    for atom, coefficient in zip(index.args, index.attr[0]):
        if atom is variable:
            stride = coefficient
        elif variable in atom.depends:
            return None
    return stride


def _memory_dtype(dtype: str) -> str:
    return "uint8" if dtype == "bool" else dtype


def _memory_type(dtype: str) -> str:
    return LLVM_TYPES[_memory_dtype(dtype)]


def _suffix(dtype: str) -> str:
    return {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(LLVM_TYPES[dtype], LLVM_TYPES[dtype])


def _declared(body: Sequence[Statement]) -> set[object]:
    return {s.accumulator for s in body if isinstance(s, Declare)}


def _changed(body: Sequence[Statement]) -> set[object]:
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
