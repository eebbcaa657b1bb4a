"""How fast this machine can compute and copy: what every measured speed is held against.

Multiply-adds: independent accumulators in registers, as many as hide the latency. Copies: buffers beyond every cache,
with plain and with non-temporal stores (which do not read what they overwrite).
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import numpy as np

from lamina.base.config import config
from lamina.runtime import native, threads
from lamina.runtime.buffers import empty_aligned
from lamina.schedule.target import Target, host_target

COPY_BYTES = 96 << 20
_ACCUMULATORS = 12
_STEPS = 400_000
_BLOCK = 4096
# A try at multiply-adds takes about a millisecond, one at copying ten times that.
_MULTIPLY_ADD_TRIES = 24
_COPY_TRIES = 4


@dataclass(frozen=True)
class Peaks:
    """What was measured, on one thread and on all of `config.threads`.

    Attributes:
        target: the instruction set measured.
        threads: how many threads "all" means.
        multiply_add_one, multiply_add_all: float32 operations a second; a multiply-add counts as two.
        copy_one, copy_all: bytes read and written a second, the faster kind of stores.
        copy_streaming_one, copy_streaming_all: the same with non-temporal stores.
        copy_plain_one, copy_plain_all: the same with ordinary stores.
    """

    target: str
    threads: int
    multiply_add_one: float
    multiply_add_all: float
    copy_plain_one: float
    copy_plain_all: float
    copy_streaming_one: float
    copy_streaming_all: float

    @property
    def copy_one(self) -> float:
        return max(self.copy_plain_one, self.copy_streaming_one)

    @property
    def copy_all(self) -> float:
        return max(self.copy_plain_all, self.copy_streaming_all)


def measure() -> dict[str, str]:
    """The peaks of this machine as text for people: what was measured -> how fast on one thread and on all."""
    found = of_this_machine()
    everyone = f"on {found.threads} threads"
    return {
        f"float32 multiply-add ({found.target})": (
            f"{found.multiply_add_one / 1e9:.1f} GFLOP/s on one thread, {found.multiply_add_all / 1e9:.1f} {everyone}"
        ),
        "copy": (
            f"{found.copy_plain_one / 1e9:.1f} GB/s read and written on one thread, "
            f"{found.copy_plain_all / 1e9:.1f} {everyone}"
        ),
        "copy, non-temporal stores": (
            f"{found.copy_streaming_one / 1e9:.1f} GB/s on one thread, {found.copy_streaming_all / 1e9:.1f} {everyone}"
        ),
    }


@functools.cache
def of_this_machine() -> Peaks:
    """The peaks of this machine, measured once a process: about a second."""
    everyone = config.threads
    source, goal = empty_aligned((COPY_BYTES,), "uint8"), empty_aligned((COPY_BYTES,), "uint8")
    source.fill(1)
    goal.fill(0)
    return Peaks(
        target=host_target().name,
        threads=everyone,
        multiply_add_one=multiply_add_speed(1),
        multiply_add_all=multiply_add_speed(everyone),
        copy_plain_one=copy_speed(1, False, source, goal),
        copy_plain_all=copy_speed(everyone, False, source, goal),
        copy_streaming_one=copy_speed(1, True, source, goal),
        copy_streaming_all=copy_speed(everyone, True, source, goal),
    )


@functools.cache
def of_threads(count: int) -> tuple[float, float]:
    """float32 operations (a multiply-add is two) and bytes copied a second on so many threads, measured once."""
    source, goal = empty_aligned((COPY_BYTES,), "uint8"), empty_aligned((COPY_BYTES,), "uint8")
    source.fill(1)
    goal.fill(0)
    return multiply_add_speed(count), max(copy_speed(count, streaming, source, goal) for streaming in (False, True))


def multiply_add_speed(count: int, steps: int = _STEPS) -> float:
    """float32 operations a second of `count` threads in a loop of multiply-adds that touches no memory."""
    target = host_target()
    lanes = target.lanes("float32")
    # A line for each thread's sum, which keeps the loop from being removed, and the number of steps in front.
    context = empty_aligned((16 * (count + 1),), "float32")
    context.view("int64")[0] = steps
    seconds = _best("multiply_add", context, count, _MULTIPLY_ADD_TRIES)
    return 2.0 * lanes * _ACCUMULATORS * steps * count / seconds


def copy_speed(count: int, streaming: bool, source: np.ndarray, goal: np.ndarray) -> float:
    """Bytes read and written a second while `count` threads copy one array of bytes to another.

    Args:
        count: threads; each copies a part of its own.
        streaming: with non-temporal stores.
        source, goal: uint8 arrays of one length, a multiple of 4096, from `empty_aligned`.
    """
    context = np.array([source.ctypes.data, goal.ctypes.data, source.size // _BLOCK], np.int64)
    seconds = _best("copy_streaming" if streaming else "copy_plain", context, count, _COPY_TRIES)
    return 2.0 * source.size / seconds


def _best(name: str, context: np.ndarray, count: int, tries: int) -> float:
    function = _library().address(name)
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        threads.run(function, context.ctypes.data, count)
        times.append(time.perf_counter() - start)
    return min(times)


@functools.cache
def _library() -> native.Library:
    target = host_target()
    text = (
        _multiply_add_ir(target)
        + _copy_ir(target, "copy_plain", "")
        + _copy_ir(target, "copy_streaming", ", !nontemporal !0")
        + "!0 = !{i32 1}\n"
    )
    return native.build(text, ["multiply_add", "copy_plain", "copy_streaming"])


def _vector(target: Target) -> tuple[str, str]:
    """A vector's type, and the ending of its intrinsics' names."""
    lanes = target.lanes("float32")
    return (f"<{lanes} x float>", f"v{lanes}f32") if lanes > 1 else ("float", "f32")


def _multiply_add_ir(target: Target) -> str:
    vector, suffix = _vector(target)
    start = "splat (float 1.0)" if vector != "float" else "1.0"
    factor = "splat (float 0.5)" if vector != "float" else "0.5"
    phis, steps = [], []
    for k in range(_ACCUMULATORS):
        phis.append(f"  %a{k} = phi {vector} [ {start}, %entry ], [ %n{k}, %loop ]")
        if target.has_fma:
            steps.append(f"  %n{k} = call {vector} @llvm.fma.{suffix}({vector} %a{k}, {vector} {factor}, {vector} %c)")
        else:
            steps.append(f"  %m{k} = fmul {vector} %a{k}, {factor}\n  %n{k} = fadd {vector} %m{k}, %c")
    sums = [f"  %s{k} = fadd {vector} {f'%s{k - 1}' if k else '%c'}, %n{k}" for k in range(_ACCUMULATORS)]
    return f"""
define void @multiply_add(ptr %context, i64 %thread, i64 %threads) {target.attributes} {{
entry:
  %steps = load i64, ptr %context, align 64
  %offset = add i64 %thread, 1
  %line = mul i64 %offset, 64
  %sum = getelementptr i8, ptr %context, i64 %line
  %c = load {vector}, ptr %sum, align 64
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{chr(10).join(phis)}
{chr(10).join(steps)}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %steps
  br i1 %more, label %loop, label %done
done:
{chr(10).join(sums)}
  store {vector} %s{_ACCUMULATORS - 1}, ptr %sum, align 64
  ret void
}}
"""


def _copy_ir(target: Target, name: str, hint: str) -> str:
    """Copies this thread's blocks of `_BLOCK` bytes, one cache line a turn."""
    vector, _ = _vector(target)
    size = 4 * target.lanes("float32")
    moves = []
    for k in range(0, 64, size):
        moves += [
            f"  %from{k} = getelementptr i8, ptr %source, i64 {f'%at{k}'}",
            f"  %to{k} = getelementptr i8, ptr %goal, i64 {f'%at{k}'}",
            f"  %v{k} = load {vector}, ptr %from{k}, align {size}",
            f"  store {vector} %v{k}, ptr %to{k}, align {size}{hint}",
        ]
        moves.insert(len(moves) - 4, f"  %at{k} = add nsw i64 %i, {k}")
    return f"""
define void @{name}(ptr %context, i64 %thread, i64 %threads) {target.attributes} {{
entry:
  %goal.at = getelementptr i8, ptr %context, i64 8
  %blocks.at = getelementptr i8, ptr %context, i64 16
  %source = load ptr, ptr %context, align 8
  %goal = load ptr, ptr %goal.at, align 8
  %blocks = load i64, ptr %blocks.at, align 8
  %before = mul i64 %blocks, %thread
  %first = sdiv i64 %before, %threads
  %after = add i64 %before, %blocks
  %last = sdiv i64 %after, %threads
  %begin = mul i64 %first, {_BLOCK}
  %end = mul i64 %last, {_BLOCK}
  %any = icmp slt i64 %begin, %end
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
{chr(10).join(moves)}
  %next = add nsw i64 %i, 64
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""
