"""Marks that an instrumented program leaves: which kernel each thread began when.

A thread writes a pair (code, time) whenever it turns to something else, and is at that until its next mark. Codes from
0 on are kernels; the others are below. Times are of the processor's own counter, which every thread reads in a few
nanoseconds and which runs at one speed whatever the cores do.
"""

from __future__ import annotations

import ctypes
import functools
import time

import numpy as np

from lamina.base.errors import CompileError
from lamina.runtime import native
from lamina.runtime.buffers import zeros_aligned
from lamina.schedule.target import Target, host_target

WAIT = -1  # waits for the other threads
STEP = -2  # a step begins; until its first kernel the loop around is at work
OUTSIDE = -3  # a step has ended

_HEADER_WORDS = 16
_CALIBRATION_SECONDS = 0.02
_MANY = 2000


class Marks:
    """Room for the marks of all threads, each on memory pages of its own.

    Args:
        threads: how many threads.
        capacity: marks of a thread; what comes after is lost.
    """

    def __init__(self, threads: int, capacity: int):
        words = -(-(_HEADER_WORDS + 2 * capacity) // 512) * 512
        self.words = zeros_aligned((threads, words), "int64")
        self.words[:, 1] = capacity

    @property
    def threads(self) -> int:
        return len(self.words)

    @property
    def bytes_of_thread(self) -> int:
        return self.words.shape[1] * 8

    def of_thread(self, thread: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes, and the seconds at which they began, counted from a start that all threads share.

        Raises:
            CompileError: if there were more marks than room.
        """
        count, capacity = self.words[thread, :2].tolist()
        if count > capacity:
            raise CompileError(f"A profiled program left {count} marks where {capacity} were expected.")
        pairs = self.words[thread, _HEADER_WORDS : _HEADER_WORDS + 2 * count].reshape(-1, 2)
        start = self.words[:, _HEADER_WORDS + 1].min()
        return pairs[:, 0].copy(), (pairs[:, 1] - start) * seconds_per_tick()


def mark_ir(target: Target) -> str:
    """LLVM text that defines `void @lamina_mark(ptr marks, i64 code)`: adds a mark to those of a thread."""
    counter = _counter(target)
    return f"""
declare i64 @{counter}()
define internal void @lamina_mark(ptr %marks, i64 %code) noinline nounwind {{
entry:
  %now = call i64 @{counter}()
  %count = load i64, ptr %marks, align 8
  %capacity.at = getelementptr i64, ptr %marks, i64 1
  %capacity = load i64, ptr %capacity.at, align 8
  %more = add i64 %count, 1
  store i64 %more, ptr %marks, align 8
  %fits = icmp slt i64 %count, %capacity
  br i1 %fits, label %keep, label %done
keep:
  %first = mul i64 %count, 2
  %place = add i64 %first, {_HEADER_WORDS}
  %code.at = getelementptr i64, ptr %marks, i64 %place
  %time.at = getelementptr i64, ptr %code.at, i64 1
  store i64 %code, ptr %code.at, align 8
  store i64 %now, ptr %time.at, align 8
  br label %done
done:
  ret void
}}
"""


@functools.cache
def seconds_per_tick() -> float:
    """How long the processor's counter takes for one, by the clock of the system.

    Raises:
        CompileError: if the processor has no counter that programs may read.
    """
    begin, first = _both_clocks()
    time.sleep(_CALIBRATION_SECONDS)
    end, last = _both_clocks()
    if last <= first:
        raise CompileError("This processor has no counter that a profiled program could tell the time by.")
    return (end - begin) * 1e-9 / (last - first)


@functools.cache
def seconds_per_mark() -> float:
    """What a mark costs: the fastest of a few runs of many."""
    marks = Marks(1, _MANY)
    times = []
    for _ in range(5):
        marks.words[0, 0] = 0
        start = time.perf_counter()
        _library().function("lamina_marks", None, ctypes.c_void_p, ctypes.c_int64)(marks.words.ctypes.data, _MANY)
        times.append(time.perf_counter() - start)
    return min(times) / _MANY


def _counter(target: Target) -> str:
    """The intrinsic that reads the counter: on x86 that of cycles has a constant rate, elsewhere the steady one."""
    x86 = target.triple.split("-")[0] in ("x86_64", "amd64", "i386", "i686")
    return "llvm.readcyclecounter" if x86 else "llvm.readsteadycounter"


def _both_clocks() -> tuple[float, int]:
    """Nanoseconds of the system's clock and ticks of the counter at the same time: the closest pair of some."""
    ticks = _library().function("lamina_ticks", ctypes.c_int64)
    pairs = []
    for _ in range(20):
        before, now, after = time.perf_counter_ns(), ticks(), time.perf_counter_ns()
        pairs.append((after - before, (before + after) / 2, now))
    _, moment, now = min(pairs)
    return moment, now


@functools.cache
def _library() -> native.Library:
    """The counter, and a number of marks one after the other, as functions."""
    target = host_target()
    text = f"""{mark_ir(target)}
define i64 @lamina_ticks() {{
  %now = call i64 @{_counter(target)}()
  ret i64 %now
}}

define void @lamina_marks(ptr %marks, i64 %count) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @lamina_mark(ptr %marks, i64 %i)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""
    return native.build(text, ["lamina_ticks", "lamina_marks"])
