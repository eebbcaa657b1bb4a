"""The native program around the kernels: stages, the loop over steps and epochs, and barriers.

All threads run `lamina_run(context, thread, threads)` together. The context is an array of eight-byte slots
(`Slot`); buffers are found through a table of pointers, so that one compiled program serves any sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lamina.codegen.context import ENTRY, Slot
from lamina.codegen.kernel_modules import KernelModules, body_text, function_name
from lamina.codegen.stages import StageWriter
from lamina.graph.loop import BATCH
from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel
from lamina.schedule.regions import Item, Region
from lamina.schedule.schedule import Schedule
from lamina.schedule.target import Target


@dataclass
class Stage:
    """A schedule in a program.

    Attributes:
        streams: buffers of which a step (an epoch) sees its own rows.
        steady: buffers of weights, of which the schedule keeps something from call to call.
        texts: the texts of kernels, as far as they are known.
    """

    name: str
    schedule: Schedule
    streams: frozenset[Buffer] = frozenset()
    steady: frozenset[Buffer] = frozenset()
    texts: Mapping[Kernel, str] = field(default_factory=dict)

    @functools.cached_property
    def bodies(self) -> list[str]:
        """The texts of the kernels without their names: equal texts, equal machine code."""
        return [self.texts.get(kernel) or body_text(kernel) for kernel in self.schedule.kernels]

    @functools.cached_property
    def functions(self) -> list[str]:
        """The name of each kernel's function; equal kernels share one."""
        return [function_name(body) for body in self.bodies]


def buffer_table(stages: Sequence[Stage]) -> list[Buffer]:
    """The buffers of a program in the order in which native code finds them."""
    return list(dict.fromkeys(b for s in stages for b in s.schedule.buffers()))


def describe_program(stages: Sequence[Stage], symbols: Sequence[str]) -> str:
    """Text that decides the LLVM text of a program: equal descriptions, equal machine code."""
    table = {b: k for k, b in enumerate(buffer_table(stages))}
    lines = [",".join(symbols)]
    for stage in stages:
        plan = stage.schedule
        lines.append(f"stage {stage.name} streams {sorted(table[b] for b in stage.streams if b in table)}")
        lines.append(f"kept {plan.kept}")
        kernels = iter(zip(plan.kernels, plan.phases, stage.bodies))
        places = {b: str(k) for b, k in table.items()}
        lines += _describe_items(plan, plan.items, kernels, places)
    return "\n".join(lines)


def _describe_items(
    plan: Schedule, items: Sequence[Item], kernels: Iterator[tuple[Kernel, int, str]], places: dict[Buffer, str]
) -> list[str]:
    """Kernels in order, with the loops and branches around them; slices are named by their number."""
    lines = []
    for item in items:
        if isinstance(item, Region):
            for buffer, part in item.slices.items():
                whole = places[plan.resolved(part.whole)]
                places[buffer] = f"s{len(places)}"
                lines.append(f"{places[buffer]} = {whole}[step + {part.shift}] of {buffer.size()} bytes")
            flag = "" if item.flag is None else places[plan.resolved(item.flag)]
            kind = f"{item.kind} {item.length} {item.reverse} rows {item.rows} {item.wide}"
            lines.append(f"{kind} {flag} {item.wanted} {item.solo} {item.first}")
            for part_of in (item.test, item.body):
                lines += [*_describe_items(plan, part_of, kernels, places), f"end {item.tested} {item.last}"]
        else:
            kernel, phase, body = next(kernels)
            lines.append(f"phase {phase} {[places[plan.resolved(b)] for b in kernel.buffers()]}\n{body}")
    return lines


@dataclass(frozen=True)
class Marking:
    """How a profiled program marks what each thread is at.

    Attributes:
        text: defines `void @lamina_mark(ptr marks, i64 code)`; the code of a kernel is its number in the program.
        wait, step, outside: codes for waiting at a barrier, the beginning of a step, and its end.
    """

    text: str
    wait: int
    step: int
    outside: int


class ProgramWriter:
    """Writes the program of one graph (a stage `main`) or of a loop (`prologue`, `body`, `epilogue`).

    Args:
        barrier: text that defines `void @lamina_barrier(ptr state, i64 thread, i64 threads, ptr room)`.
        marking: for a profiled program; others are not burdened with any of it.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        symbols: Sequence[str],
        target: Target,
        barrier: str,
        marking: Marking | None = None,
    ):
        self.stages = {s.name: s for s in stages}
        self.symbols = list(symbols)
        self.target = target
        self.barrier = barrier
        self.marking = marking
        self.table = {b: k for k, b in enumerate(buffer_table(stages))}
        self._count = 0

    def text(self) -> str:
        """The whole program as one module."""
        return self.last_module(KernelModules(self.symbols, self.target))

    def last_module(self, kernels: KernelModules) -> str:
        """The module with the entry, and with the kernels that were not written before."""
        writer = kernels.writer
        for stage in self.stages.values():
            for kernel in stage.schedule.kernels:
                kernels.add(kernel)
        for name in dict.fromkeys(n for s in self.stages.values() for n in s.functions):
            writer.use(name)
        stages = [
            StageWriter(s, self.table, self.symbols, self._first_number(s.name), self.marking).text()
            for s in self.stages.values()
        ]
        entry = self._loop() if "body" in self.stages else self._single()
        marks = [self.marking.text] if self.marking else []
        return writer.finish_program([self.barrier, *marks, *stages, entry])

    def _temporary(self) -> str:
        self._count += 1
        return f"%r{self._count}"

    def _first_number(self, name: str) -> int:
        """The number of a stage's first kernel; the kernels of all stages are numbered one after the other."""
        names = list(self.stages)
        return sum(len(self.stages[n].schedule.kernels) for n in names[: names.index(name)])

    def _meet(self, barrier: str, room: str) -> list[str]:
        """Waits for all threads."""
        waits = self._mark(self.marking.wait) if self.marking else []
        return [*waits, f"  call void @lamina_barrier(ptr {barrier}, i64 %thread, i64 %threads, ptr {room})"]

    def _mark(self, code: int) -> list[str]:
        """What says that the thread turns to something else; nothing unless the program is profiled."""
        return [f"  call void @lamina_mark(ptr %marks, i64 {code})"] if self.marking else []

    def _mark_step(self, begins: bool) -> list[str]:
        return self._mark(self.marking.step if begins else self.marking.outside) if self.marking else []

    def _prelude(self) -> list[str]:
        """Reads the context; every thread has symbols of its own, since the size of the batch changes on the way."""
        count = max(len(self.symbols), 1)
        lines = [f"  %symbols = alloca [{count} x i64]"]
        for slot in (Slot.SYMBOLS, Slot.TABLE, Slot.SCRATCH, Slot.BARRIER, Slot.STRIDES, Slot.ROOM):
            lines += self._read_slot(slot, f"%{slot.name.lower()}_given", "ptr")
        lines += self._read_slot(Slot.SCRATCH_BYTES, "%scratch_bytes", "i64")
        lines += self._read_slot(Slot.PREPARED, "%prepared_given", "i64")
        for k in range(len(self.symbols)):
            lines += [
                f"  %from{k} = getelementptr i64, ptr %symbols_given, i64 {k}",
                f"  %value{k} = load i64, ptr %from{k}",
                f"  %to{k} = getelementptr i64, ptr %symbols, i64 {k}",
                f"  store i64 %value{k}, ptr %to{k}",
            ]
        if self.marking:
            lines += self._read_slot(Slot.MARKS, "%marks_given", "ptr")
            lines += self._read_slot(Slot.MARK_BYTES, "%mark_bytes", "i64")
            lines += [
                "  %mark_place = mul i64 %mark_bytes, %thread",
                "  %marks = getelementptr i8, ptr %marks_given, i64 %mark_place",
            ]
        return [
            *lines,
            "  %scratch_place = mul i64 %scratch_bytes, %thread",
            "  %scratch = getelementptr i8, ptr %scratch_given, i64 %scratch_place",
            f"  %late = getelementptr i64, ptr %context, i64 {int(Slot.MORE_REPORTS)}",
        ]

    def _read_slot(self, slot: Slot, name: str, type_: str) -> list[str]:
        place = self._temporary()
        return [
            f"  {place} = getelementptr i64, ptr %context, i64 {int(slot)}",
            f"  {name} = load {type_}, ptr {place}",
        ]

    def _call(self, name: str, row: str, report: str = "%context", late: str = "%late") -> list[str]:
        if name not in self.stages:
            return []
        return [
            f"  call void @stage_{name}(ptr %table_given, ptr %symbols, ptr %scratch, ptr {report}, ptr {late}, "
            f"ptr %barrier_given, ptr %room_given, ptr %strides_given, i64 {row}, i64 %thread, i64 %threads, "
            f"i64 %prepared{', ptr %marks' if self.marking else ''})"
        ]

    def _single(self) -> str:
        step = [*self._mark_step(True), *self._call("main", "0"), *self._mark_step(False)]
        body = [*self._prelude(), "  %prepared = add i64 %prepared_given, 0", *step, "  ret void"]
        return "\n".join([f"define void @{ENTRY}(ptr %context, i64 %thread, i64 %threads) {{", *body, "}"])

    def _loop(self) -> str:
        barrier = self._meet("%barrier_given", "%room_given")
        lines = self._prelude()
        for slot in (Slot.EPOCH, Slot.EPOCHS, Slot.STEP, Slot.STEPS, Slot.ROWS, Slot.BATCH_SIZE, Slot.MAX_STEPS):
            lines += self._read_slot(slot, f"%{slot.name.lower()}_given", "i64")
        batch = self.symbols.index(BATCH) if BATCH in self.symbols else None
        set_batch = []
        if batch is not None:
            set_batch = [
                f"  %batch_place = getelementptr i64, ptr %symbols, i64 {batch}",
                "  store i64 %batch, ptr %batch_place",
            ]
        lines += [
            "  br label %head",
            "head:",
            "  %epoch = phi i64 [%epoch_given, %entry], [%next_epoch, %again]",
            "  %step = phi i64 [%step_given, %entry], [%next_step, %again]",
            "  %left = phi i64 [%max_steps_given, %entry], [%fewer, %again]",
            "  %unfinished = icmp slt i64 %epoch, %epochs_given",
            "  %allowed = icmp sgt i64 %left, 0",
            "  %go = and i1 %unfinished, %allowed",
            # The first step prepares for those that follow it.
            "  %begun = icmp slt i64 %left, %max_steps_given",
            "  %prepared = select i1 %begun, i64 1, i64 %prepared_given",
            "  br i1 %go, label %begin, label %exit",
            "begin:",
            "  %first = icmp eq i64 %step, 0",
            "  br i1 %first, label %prologue, label %check",
            "prologue:",
            *self._call("prologue", "0"),
            *(barrier if "prologue" in self.stages else []),
            "  br label %check",
            "check:",
            "  %any = icmp slt i64 %step, %steps_given",
            "  br i1 %any, label %body, label %after",
            "body:",
            *self._mark_step(True),
            "  %start = mul i64 %step, %batch_size_given",
            "  %rest = sub i64 %rows_given, %start",
            "  %short = icmp slt i64 %rest, %batch_size_given",
            "  %batch = select i1 %short, i64 %rest, i64 %batch_size_given",
            *set_batch,
            # Two steps that follow each other report in different places: a thread that is already in the next one
            # cannot change what another still reads of this one.
            "  %odd = and i64 %step, 1",
            f"  %early_slot = mul i64 %odd, {int(Slot.MORE_REPORTS) + 1}",
            "  %early_report = getelementptr i64, ptr %context, i64 %early_slot",
            f"  %late_slot = add i64 %odd, {int(Slot.MORE_REPORTS)}",
            "  %late_slot_far = add i64 %late_slot, %odd",
            "  %late_report = getelementptr i64, ptr %context, i64 %late_slot_far",
            *self._call("body", "%start", "%early_report", "%late_report"),
            *barrier,
            "  %early_found = load volatile i64, ptr %early_report",
            "  %late_found = load volatile i64, ptr %late_report",
            "  %found = or i64 %early_found, %late_found",
            "  %bad = icmp ne i64 %found, 0",
            "  br i1 %bad, label %exit, label %after",
            "after:",
            *self._mark_step(False),
            "  %following = add i64 %step, 1",
            "  %last = icmp sge i64 %following, %steps_given",
            "  br i1 %last, label %epilogue, label %again",
            "epilogue:",
            *self._call("epilogue", "%epoch"),
            *([*barrier, *self._mark_step(False)] if "epilogue" in self.stages else []),
            "  %epoch_after = add i64 %epoch, 1",
            "  br label %again",
            "again:",
            "  %next_epoch = phi i64 [%epoch, %after], [%epoch_after, %epilogue]",
            "  %next_step = phi i64 [%following, %after], [0, %epilogue]",
            "  %fewer = sub i64 %left, 1",
            "  br label %head",
            "exit:",
            "  %main = icmp eq i64 %thread, 0",
            "  br i1 %main, label %leave, label %done",
            "leave:",
            f"  %epoch_out = getelementptr i64, ptr %context, i64 {int(Slot.EPOCH)}",
            "  store i64 %epoch, ptr %epoch_out",
            f"  %step_out = getelementptr i64, ptr %context, i64 {int(Slot.STEP)}",
            "  store i64 %step, ptr %step_out",
            "  br label %done",
            "done:",
            "  ret void",
        ]
        return "\n".join([f"define void @{ENTRY}(ptr %context, i64 %thread, i64 %threads) {{", "entry:", *lines, "}"])
