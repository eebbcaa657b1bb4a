"""Accumulators of folds: one scalar, or one or several vectors of partial folds until they are collapsed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lamina.codegen.values import LLVM_TYPES, Value, vector_type
from lamina.codegen.vector_loop import LoopPlan
from lamina.schedule.expr import Expr, expressions
from lamina.schedule.loops import Collapse, Declare, Loop, Update, walk

if TYPE_CHECKING:
    from lamina.codegen.emitter import KernelEmitter


class Accumulators:
    """The accumulators of one kernel, in stack slots that LLVM turns into registers."""

    def __init__(self, emitter: KernelEmitter):
        self.emitter = emitter
        self.ops = emitter.ops
        self.places: dict[Expr, list[str]] = {}
        self.widths: dict[Expr, int] = {}
        self.parts: dict[Expr, Declare] = {}
        self.collapsed: dict[Expr, str] = {}

    def declare(self, statement: Declare) -> None:
        """Room for an accumulator: one scalar, or several vectors where a vector loop will fold into it."""
        accumulator = statement.accumulator
        width, copies = self._fold_width(accumulator)
        initial = self.ops.splat(self.emitter.value(statement.initial), width)
        self.places[accumulator] = [self.emitter.alloca(vector_type(accumulator.dtype, width)) for _ in range(copies)]
        self.widths[accumulator] = width
        self.parts[accumulator] = statement
        self.collapsed.pop(accumulator, None)
        for place in self.places[accumulator]:
            self.emitter.scopes[-1].lines.append(f"  store {initial.typed}, ptr {place}")

    def _fold_width(self, accumulator: Expr) -> tuple[int, int]:
        for statement in walk(self.emitter.kernel.body):
            if isinstance(statement, Loop) and statement.vector:
                updates = [s for s in statement.body if isinstance(s, Update) and s.accumulator is accumulator]
                if updates:
                    plan = LoopPlan(self.emitter, statement)
                    return plan.lanes, plan.copies
        return 1, 1

    def update(self, statement: Update, value: Value) -> None:
        accumulator = statement.accumulator
        width = self.widths[accumulator]
        copy = self.emitter.vector.copy if self.emitter.vector is not None else 0
        place = self.places[accumulator][min(copy, len(self.places[accumulator]) - 1)]
        if self.emitter.vector is not None and self.emitter.vector.mask is not None:
            old = self.read(accumulator)
            value = self.ops.select(self.emitter.vector.mask, value, old)
        if value.lanes == 1 and width > 1 and (self.emitter.vector is None or self.emitter.vector.lanes == 1):
            whole = self.ops.emit(f"load {vector_type(value.dtype, width)}, ptr {place}")
            text = self.ops.emit(f"insertelement {vector_type(value.dtype, width)} {whole}, {value.typed}, i64 0")
            value = Value(text, value.dtype, width)
        value = self.ops.splat(value, width)
        self.emitter.scopes[-1].lines.append(f"  store {value.typed}, ptr {place}")

    def read(self, accumulator: Expr) -> Value:
        if accumulator in self.collapsed:
            return Value(self.ops.emit(f"load {LLVM_TYPES[accumulator.dtype]}, ptr {self.collapsed[accumulator]}"),
                         accumulator.dtype)  # fmt: skip
        width = self.widths[accumulator]
        copy = self.emitter.vector.copy if self.emitter.vector is not None else 0
        place = self.places[accumulator][min(copy, len(self.places[accumulator]) - 1)]
        whole = Value(
            self.ops.emit(f"load {vector_type(accumulator.dtype, width)}, ptr {place}"), accumulator.dtype, width
        )
        if width > 1 and (self.emitter.vector is None or self.emitter.vector.lanes == 1):
            return Value(self.ops.emit(f"extractelement {whole.typed}, i64 0"), accumulator.dtype)
        return whole

    def collapse(self, statement: Collapse) -> None:
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
        slot = self.emitter.alloca(LLVM_TYPES[dtype])
        self.emitter.scopes[-1].lines.append(f"  store {value.typed}, ptr {slot}")
        self.collapsed[accumulator] = slot
        self.emitter.forget({accumulator})

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
                known[e] = (
                    functools.reduce(self.ops.add, given) if e.op == "affine" else self.emitter.operation(e, given)
                )
        return known[declaration.merge]
