"""The function of a stage: calls its kernels in order, with barriers between phases, within loops and branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, element_count
from lamina.schedule.expr import Buffer
from lamina.schedule.independent import has_rows
from lamina.schedule.loops import Kernel
from lamina.schedule.regions import Item, Region, is_alone, kernels_of, regions_of

if TYPE_CHECKING:
    from lamina.codegen.driver import Marking, Stage
    from lamina.schedule.schedule import Schedule

# Threads get so many rows of a batch, or a multiple, where there are enough: a tile of a product is as high.
ROWS_TOGETHER = 4


class StageWriter:
    """Writes one stage.

    Args:
        table: the place of each buffer in the program's table; symbols: the names of its sizes.
        first: the number of the stage's first kernel among those of the program.
        marking: for a profiled program.
    """

    def __init__(
        self, stage: Stage, table: Mapping[Buffer, int], symbols: Sequence[str], first: int, marking: Marking | None
    ):
        self.stage, self.plan = stage, stage.schedule
        self.table, self.symbols, self.first, self.marking = table, symbols, first, marking
        self.positions = {id(kernel): k for k, kernel in enumerate(self.plan.kernels)}
        self.lines: list[str] = []
        self.pointers: dict[Buffer, str] = {}
        self.sizes: dict[Dimension, str] = {}
        self.shifts: dict[Buffer, str] = {}
        self.given = ("%symbols", "%thread", "%threads")
        self.always_meets = False
        self.phase = 0
        self._count = 0

    def text(self) -> str:
        self._line("%is_first = icmp eq i64 %thread, 0")
        for buffer in self.plan.buffers():
            self._point(buffer)
        for region in regions_of(self.plan.items):
            self._find_sizes(region)
        if any(region.rows for region in regions_of(self.plan.items)):
            self._line(f"%own_symbols = alloca [{max(1, len(self.symbols))} x i64]")
        if self.plan.kept:
            self._prepare(self.plan.items[: self.plan.kept])
        self._items(self.plan.items[self.plan.kept :], meets=True)
        marks = ", ptr %marks" if self.marking else ""
        head = (
            f"define internal void @stage_{self.stage.name}(ptr %table, ptr %symbols, ptr %scratch, ptr %report, "
            "ptr %late_report, ptr %barrier, ptr %room, ptr %strides, i64 %row, i64 %thread, i64 %threads, "
            f"i64 %prepared{marks}) noinline {{"
        )
        stop = [] if self.plan.guard is None else _STOP
        return "\n".join([head, "entry:", *self.lines, "  ret void", *stop, "}"])

    # Small things

    def _line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def _value(self, text: str) -> str:
        self._count += 1
        self._line(f"%r{self._count} = {text}")
        return f"%r{self._count}"

    def _meet(self) -> None:
        """Waits for all threads."""
        if self.marking:
            self._mark(self.marking.wait)
        self._line("call void @lamina_barrier(ptr %barrier, i64 %thread, i64 %threads, ptr %room)")

    def _mark(self, code: int) -> None:
        """Says that the thread turns to something else; nothing unless the program is profiled."""
        if self.marking:
            self._line(f"call void @lamina_mark(ptr %marks, i64 {code})")

    def _size(self, dimension: Dimension) -> str:
        """A dimension as a number."""
        if isinstance(dimension, int):
            return str(dimension)
        if dimension not in self.sizes:
            total = str(dimension.constant)
            for term, factor in dimension.terms:
                product = str(factor)
                for symbol in term.split("*"):
                    place = self._value(f"getelementptr i64, ptr %symbols, i64 {self.symbols.index(symbol)}")
                    product = self._value(f"mul i64 {product}, {self._value(f'load i64, ptr {place}')}")
                total = self._value(f"add i64 {total}, {product}")
            self.sizes[dimension] = total
        return self.sizes[dimension]

    def _find_sizes(self, region: Region) -> None:
        """Finds the sizes that a region needs, at the beginning of the function, once for all steps."""
        needed = [*row_bytes(region, self.plan).values(), *([] if region.length is None else [region.length])]
        needed += [d for b, s in region.slices.items() for d in (s.shift, b.size())]
        needed += [Dim(s) for s in self.symbols] if region.rows is not None else []
        for dimension in needed:
            self._size(dimension)

    def _point(self, buffer: Buffer) -> None:
        """Finds a buffer in the table."""
        number = self.table[buffer]
        slot = self._value(f"getelementptr ptr, ptr %table, i64 {number}")
        pointer = self._value(f"load ptr, ptr {slot}")
        if buffer in self.stage.streams:
            place = self._value(f"getelementptr i64, ptr %strides, i64 {number}")
            stride = self._value(f"load i64, ptr {place}")
            pointer = self._value(f"getelementptr i8, ptr {pointer}, i64 {self._value(f'mul i64 {stride}, %row')}")
        self.pointers[buffer] = pointer

    def _pointer(self, buffer: Buffer) -> str:
        return self.pointers[self.plan.resolved(buffer)]

    # Kernels and what is around them

    def _prepare(self, items: Sequence[Item]) -> None:
        """Runs the kernels whose results are kept from call to call, where the weights have changed."""
        known = self._value("icmp ne i64 %prepared, 0")
        self._line(f"br i1 {known}, label %ready, label %prepare")
        self._label("prepare")
        self._items(items, meets=True)
        self._meet()
        self._line("br label %ready")
        self._label("ready")
        self.phase += 1

    def _items(self, items: Sequence[Item], meets: bool) -> None:
        """Args:
        meets: whether all threads are here, and wait for each other between phases.
        """
        for item in items:
            if isinstance(item, Region):
                self._region(item, meets)
            else:
                self._kernel(item, meets)

    def _kernel(self, kernel: Kernel, meets: bool) -> None:
        plan, position = self.plan, self.positions[id(kernel)]
        if meets and (plan.phases[position] != self.phase or self.always_meets):
            self._meet()
        self.phase = plan.phases[position]
        if position == plan.guard:
            self.lines += _GUARD
        report = "%report" if plan.guard is None or position < plan.guard else "%late_report"
        arguments = [f"ptr {self._pointer(b)}" for b in kernel.buffers()]
        symbols, thread, threads = self.given
        arguments += [f"ptr {symbols}", "ptr %scratch", f"ptr {report}", f"i64 {thread}", f"i64 {threads}"]
        self._mark(self.first + position)
        # A single task is for the first thread. Others must not even look: what it reads, that one may still write.
        alone = is_alone(kernel) and thread == "%thread"
        if alone:
            self._line(f"br i1 %is_first, label %kernel{position}, label %kernel{position}_end")
            self._label(f"kernel{position}")
        self._line(f"call void @{self.stage.functions[position]}({', '.join(arguments)})")
        if alone:
            self._line(f"br label %kernel{position}_end")
            self._label(f"kernel{position}_end")

    def _region(self, region: Region, meets: bool) -> None:
        """A loop or branch; between the barriers around it all threads run it, or the first one alone."""
        self._count += 1
        name = f"region{self._count}"
        pointers = dict(self.pointers)
        if meets:
            self._meet()
        self.phase = region.first
        together = meets and not region.solo and region.rows is None
        if meets and region.solo:
            first = self._value("icmp eq i64 %thread, 0")
            self._line(f"br i1 {first}, label %{name}, label %{name}_end")
        elif meets and region.rows is not None:
            if region.wide:
                self._work_together(region, name)
            self._take_rows(region, name)
        else:
            self._line(f"br label %{name}")
        self._label(name)
        {"scan": self._scan, "while": self._while, "cond": self._cond}[region.kind](region, name, together)
        self._label(f"{name}_end")
        if meets and region.rows is not None:
            self.pointers, self.shifts, self.given = pointers, {}, ("%symbols", "%thread", "%threads")
        # Nobody goes on while another may still read the flag; after a scan's last step all have met already.
        if meets and not (together and region.kind == "scan"):
            self._meet()
        self.phase = region.last + 1

    def _work_together(self, region: Region, name: str) -> None:
        """Where there are fewer rows than threads, all threads share each kernel's tasks, and meet before the next."""
        few = self._value(f"icmp slt i64 {self._size(Dim(region.rows or ''))}, %threads")
        self._line(f"br i1 {few}, label %{name}_all, label %{name}_own")
        self._label(f"{name}_all")
        self.always_meets = True
        self._scan(region, f"{name}_all", True)
        self.always_meets = False
        self._label(f"{name}_all_end")
        self._line(f"br label %{name}_end")
        self._label(f"{name}_own")

    def _take_rows(self, region: Region, name: str) -> None:
        """Gives the thread rows of its own, if there are any for it; kernels then see no others."""
        assert region.rows is not None
        count = self._size(Dim(region.rows))
        others = self._value("sub i64 %threads, 1")
        fair = self._value(f"udiv i64 {self._value(f'add i64 {count}, {others}')}, %threads")
        rounded = self._value(f"and i64 {self._value(f'add i64 {fair}, {ROWS_TOGETHER - 1}')}, {-ROWS_TOGETHER}")
        many = self._value(f"icmp sge i64 {fair}, {ROWS_TOGETHER}")
        share = self._value(f"select i1 {many}, i64 {rounded}, i64 {fair}")
        first = self._least(self._value(f"mul i64 {share}, %thread"), count)
        own = self._value(f"sub i64 {self._least(self._value(f'add i64 {first}, {share}'), count)}, {first}")
        for k, symbol in enumerate(self.symbols):
            value = own if symbol == region.rows else self._size(Dim(symbol))
            self._line(f"store i64 {value}, ptr {self._value(f'getelementptr i64, ptr %own_symbols, i64 {k}')}")
        for buffer, bytes_of_row in row_bytes(region, self.plan).items():
            shift = self._value(f"mul i64 {first}, {self._size(bytes_of_row)}")
            if buffer in region.slices:
                self.shifts[buffer] = shift
            else:
                self.pointers[buffer] = self._value(f"getelementptr i8, ptr {self._pointer(buffer)}, i64 {shift}")
        self.given = ("%own_symbols", "0", "1")
        some = self._value(f"icmp sgt i64 {own}, 0")
        self._line(f"br i1 {some}, label %{name}, label %{name}_end")

    def _least(self, x: str, y: str) -> str:
        return self._value(f"call i64 @llvm.smin.i64(i64 {x}, i64 {y})")

    def _label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def _counted(self, region: Region, name: str, together: bool, body: Callable[[str], None]) -> None:
        """Runs `body` with the number of each step, as often as the region's length says."""
        self._line(f"br label %{name}_head")
        self._label(f"{name}_head")
        self._line(f"%{name}_done = phi i64 [ 0, %{name} ], [ %{name}_more, %{name}_latch ]")
        if region.length is not None:
            left = self._value(f"icmp slt i64 %{name}_done, {self._size(region.length)}")
            self._line(f"br i1 {left}, label %{name}_step, label %{name}_end")
            self._label(f"{name}_step")
        body(f"%{name}_done")
        if together:
            self._meet()
        self._line(f"br label %{name}_latch")
        self._label(f"{name}_latch")
        self._line(f"%{name}_more = add i64 %{name}_done, 1")
        self._line(f"br label %{name}_head")

    def _scan(self, region: Region, name: str, together: bool) -> None:
        def body(done: str) -> None:
            step = done
            if region.reverse:
                assert region.length is not None
                step = self._value(f"sub i64 {self._value(f'sub i64 {self._size(region.length)}, 1')}, {done}")
            for buffer, part in region.slices.items():
                shift, size = self._size(part.shift), self._size(buffer.size())
                entry = step if shift == "0" else self._value(f"add i64 {step}, {shift}")
                begin = self._value(f"mul i64 {entry}, {size}")
                if buffer in self.shifts:
                    begin = self._value(f"add i64 {begin}, {self.shifts[buffer]}")
                self.pointers[buffer] = self._value(f"getelementptr i8, ptr {self._pointer(part.whole)}, i64 {begin}")
            self._items(region.body, together)

        self._counted(region, name, together, body)

    def _while(self, region: Region, name: str, together: bool) -> None:
        def body(_: str) -> None:
            self._items(region.test, together)
            if together:
                self._meet()
            self.phase = region.tested
            self._line(f"br i1 {self._flag(region)}, label %{name}_body, label %{name}_end")
            self._label(f"{name}_body")
            self._items(region.body, together)

        self._counted(region, name, together, body)

    def _cond(self, region: Region, name: str, together: bool) -> None:
        places = (f"{name}_body", f"{name}_end") if region.wanted else (f"{name}_end", f"{name}_body")
        self._line(f"br i1 {self._flag(region)}, label %{places[0]}, label %{places[1]}")
        self._label(f"{name}_body")
        self._items(region.body, together)
        self._line(f"br label %{name}_end")

    def _flag(self, region: Region) -> str:
        assert region.flag is not None
        return self._value(f"icmp ne i8 {self._value(f'load volatile i8, ptr {self._pointer(region.flag)}')}, 0")


def row_bytes(region: Region, plan: Schedule) -> dict[Buffer, Dimension]:
    """The buffers in which threads have rows of their own, and the bytes of a row."""
    found: dict[Buffer, Dimension] = {}
    if region.rows is not None:
        for buffer in (plan.resolved(b) for kernel in kernels_of(region.items) for b in kernel.buffers()):
            if has_rows(buffer.shape, region.rows):
                found[buffer] = element_count(buffer.shape[1:]) * dtypes.size(buffer.dtype)
    return found


# What a stage does between its checks of indices and its changes of state.
_GUARD = [
    "  %found = load volatile i64, ptr %report",
    "  %bad = icmp ne i64 %found, 0",
    "  br i1 %bad, label %stop, label %go",
    "go:",
]
_STOP = ["stop:", "  ret void"]
