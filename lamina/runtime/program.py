"""A native program with the memory that it runs in."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from lamina.base.changes import changes
from lamina.base.config import config
from lamina.base.dims import evaluate
from lamina.base.errors import IndexRangeError
from lamina.codegen.context import Slot
from lamina.runtime import threads
from lamina.runtime.buffers import address, empty_aligned, zeros_aligned
from lamina.runtime.marks import Marks
from lamina.runtime.native import Library
from lamina.runtime.plan import ProgramPlan
from lamina.runtime.waiting import BARRIER_BYTES
from lamina.schedule.expr import Buffer
from lamina.schedule.memory import plan_memory

MOST_LAYOUTS = 32
_LATER = slice(int(Slot.MORE_REPORTS), int(Slot.MARKS))


class Layout:
    """The memory of a program for one set of sizes: the context that native code reads, and what it points to."""

    def __init__(self, program: Program, symbols: Mapping[str, int]):
        self.symbols = np.array([symbols[s] for s in program.symbols] or [0], np.int64)
        self.table = np.zeros(max(len(program.buffers), 1), np.int64)
        self.strides = np.zeros(max(len(program.buffers), 1), np.int64)
        self.barrier = zeros_aligned((BARRIER_BYTES,), "uint8")
        self.threads = program.useful_threads(symbols)
        self.keep: list[np.ndarray] = []
        # The arrays of variables that the table has, by their numbers.
        self.weights: dict[int, np.ndarray] = {}
        # Who has filled the table last.
        self.owner: object = None
        self._place_temporaries(program, symbols)
        self._place_constants(program)
        for number, array in program.kept.items():
            self.table[number] = address(array)
        scratch_bytes = program.plan.scratch_bytes(symbols)
        scratch = empty_aligned((max(scratch_bytes * self.threads, 64),), "uint8")
        self.keep.append(scratch)
        self.context = np.zeros(Slot.COUNT, np.int64)
        pointers = {Slot.SYMBOLS: self.symbols, Slot.TABLE: self.table, Slot.SCRATCH: scratch,
                    Slot.BARRIER: self.barrier, Slot.STRIDES: self.strides}  # fmt: skip
        for slot, array in pointers.items():
            self.context[slot] = address(array)
        self.context[Slot.SCRATCH_BYTES] = scratch_bytes
        self.context[Slot.ROOM] = threads.waiting_room()
        self.pointer = address(self.context)

    def take_marks(self, marks: Marks) -> None:
        """Has a profiled program leave its marks there."""
        self.context[Slot.MARKS] = address(marks.words)
        self.context[Slot.MARK_BYTES] = marks.bytes_of_thread
        self.marks = marks

    def _place_temporaries(self, program: Program, symbols: Mapping[str, int]) -> None:
        plans = [plan_memory(s.lifetimes, symbols, config.memory_planner) for s in program.plan.stages]
        arena = empty_aligned((max([64, *(p.size for p in plans)]),), "uint8")
        self.keep.append(arena)
        for plan in plans:
            for buffer, offset in plan.offsets.items():
                self.table[program.number[buffer]] = address(arena) + offset

    def _place_constants(self, program: Program) -> None:
        for buffer in program.buffers:
            if buffer.role == "constant":
                value = np.ascontiguousarray(buffer.value)
                self.keep.append(value)
                self.table[program.number[buffer]] = address(value)


class Program:
    """Machine code with its buffers: what graphs and loops are run by.

    Args:
        library: the machine code; entry: name of its function.
        plan: its buffers and sizes.
    """

    def __init__(self, library: Library, entry: str, plan: ProgramPlan):
        self.function = library.function(entry, None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self.entry = library.address(entry)
        self.plan = plan
        self.buffers = plan.buffers
        self.number = {b: k for k, b in enumerate(plan.buffers)}
        self.symbols = plan.symbols
        self.lock = threading.Lock()
        # Made from weights alone, by the first call after these changed: for all sizes together.
        self.kept = {k: _room(plan.buffers[k]) for stage in plan.stages for k in stage.kept}
        self._steady = sorted({k for stage in plan.stages for k in stage.steady})
        self._prepared: object = None
        self._layouts: OrderedDict[tuple[int, ...], Layout] = OrderedDict()

    def layout(self, symbols: Mapping[str, int]) -> Layout:
        """The memory for these sizes, made once and kept for the sizes used last."""
        key = (config.threads, *(symbols[s] for s in self.symbols))
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = Layout(self, symbols)
            while len(self._layouts) > MOST_LAYOUTS:
                self._layouts.popitem(last=False)
        else:
            self._layouts.move_to_end(key)
        return layout

    def useful_threads(self, symbols: Mapping[str, int]) -> int:
        """Threads worth waking: two tasks of the widest kernel for each, since less is done before others are awake."""
        return min(config.threads, max(1, self.plan.most_tasks(symbols) // 2))

    def call(self, layout: Layout) -> None:
        """Runs the native function on all of the layout's threads.

        Raises:
            IndexRangeError: if an index was outside of its axis; results are then not to be used.
        """
        weights = self._weights(layout) if self.kept else None
        if self.kept:
            layout.context[Slot.PREPARED] = weights is not None and weights == self._prepared
            self._prepared = None
        if layout.threads == 1:
            self.function(layout.pointer, 0, 1)
        else:
            threads.run(self.entry, layout.pointer, layout.threads)
        context = layout.context
        if context[0] or context[_LATER].any():
            context[0] = context[_LATER] = 0
            raise IndexRangeError(
                "An index was out of range: of take, of an embedding, or of a sparse label. Expected integers from 0 "
                "to the size of the axis less 1."
            )
        self._prepared = weights

    def _weights(self, layout: Layout) -> object:
        """Equal at two calls between which no weight has changed; None where nobody can tell."""
        return None if changes.exposed else (changes.count, layout.table[self._steady].tobytes())


def _room(buffer: Buffer) -> np.ndarray:
    return empty_aligned((max(evaluate(buffer.size(), {}), 1),), "uint8")
