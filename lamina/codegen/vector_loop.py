"""Vector loops: whole passes of one or several vectors, then what remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codegen.scopes import VectorContext, is_multiple, lane_numbers
from lamina.codegen.values import Value
from lamina.codegen.vector_math import FUNCTIONS
from lamina.schedule.expr import INDEX, expressions
from lamina.schedule.loops import Loop, Store, Update, changed, operands

if TYPE_CHECKING:
    from lamina.codegen.emitter import KernelEmitter

# A body of this many operations is done one vector at a time.
LONG_BODY = 32
_OPERATIONS = dict.fromkeys(FUNCTIONS, LONG_BODY)


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
        self.copies = _fold_copies(loop)
        if self.extent is not None:
            while self.copies > 1 and self.copies * self.lanes > self.extent:
                self.copies //= 2


def _fold_copies(loop: Loop) -> int:
    """Short bodies need many partial folds to keep the machine busy; long ones hide the wait behind their own work,
    and several copies of them would not fit into the registers."""
    if not any(isinstance(s, Update) for s in loop.body):
        return 1
    size = sum(_OPERATIONS.get(e.op, 1) for e in expressions([e for s in loop.body for e in operands(s)]) if e.args)
    return 4 if size <= LONG_BODY // 4 else 2 if size < LONG_BODY else 1


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
        begin, end = e.value(self.loop.begin), e.value(self.loop.end)
        extent, lanes = plan.extent, plan.lanes
        if extent == 0:
            return
        if extent is not None and extent <= lanes * self.MOST_UNROLLED and begin.text == "0":
            self._unrolled(extent)
            return
        step = lanes * plan.copies
        slot = e.alloca("i64")
        lines = e.scopes[-1].lines
        lines.append(f"  store i64 {begin.text}, ptr {slot}")
        if extent is None or extent >= step:
            self._passes(slot, end, step, plan.copies, masked=False)
        if extent is None or extent % step:
            masks = e.target.has_masks and lanes > 1
            self._passes(slot, end, lanes if masks else 1, 1, masked=masks)

    def _unrolled(self, extent: int) -> None:
        e, lanes = self.emitter, self.plan.lanes
        scope = e.open({self.loop.variable}, changed(self.loop.body))
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
        e.close()
        e.scopes[-1].lines += scope.lines

    def _passes(self, slot: str, end: Value, step: int, copies: int, masked: bool) -> None:
        """A loop of `copies` vectors a pass; runs while a whole pass (or, masked, anything) is left."""
        e = self.emitter
        head, body, done = e.label("head"), e.label("body"), e.label("done")
        position = Value(e.ops.fresh(), INDEX)
        scope = e.open({self.loop.variable}, changed(self.loop.body))
        lanes = step // copies
        for copy in range(copies):
            here = position if copy == 0 else e.ops.add(position, e.ops.const(copy * lanes, INDEX))
            mask = self._tail_mask(position, end, lanes) if masked else None
            self._copy(here, lanes, mask, copy)
        following = e.ops.emit(f"add nsw i64 {position.text}, {step}")
        e.close()
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
        return ops.lt(lane_numbers(lanes, "int32"), limit)

    def _copy(self, position: Value, lanes: int, mask: Value | None, copy: int) -> None:
        """One vector's worth of the body."""
        e = self.emitter
        scope = e.scopes[-1]
        scope.memo.clear()
        written = [s for s in self.loop.body if isinstance(s, Store) and s.buffer.role != "local"]
        streaming = len(written) == 1 and is_multiple(self.loop.begin, lanes)
        e.vector = VectorContext(self.loop.variable, position, lanes, mask, copy, streaming)
        if lanes == 1:
            scope.memo[self.loop.variable] = position
        e.block(self.loop.body)
        e.vector = None
