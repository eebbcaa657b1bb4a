"""Worker threads: all parts of a job run, barriers hold, and the pool outlives whatever happens around it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from lamina.runtime import native, threads
from lamina.runtime.buffers import zeros_aligned
from lamina.schedule.target import host_target

TEXT = """
define void @mark(ptr %context, i64 %thread, i64 %threads) {
  %place = getelementptr i64, ptr %context, i64 %thread
  store i64 %threads, ptr %place
  ret void
}

; Each thread adds 1 to its own word, waits, and adds its neighbour's word to its sum; over and over. A barrier that
; lets a thread pass early makes a sum wrong.
; Context: 0 barrier, 128 room, 136 rounds, 192 words (a line each), 1216 sums (a line each).
define void @rounds(ptr %context, i64 %thread, i64 %threads) {
entry:
  %room.at = getelementptr i8, ptr %context, i64 128
  %room = load ptr, ptr %room.at
  %rounds.at = getelementptr i8, ptr %context, i64 136
  %rounds = load i64, ptr %rounds.at
  %mine.offset = mul i64 %thread, 64
  %mine.start = getelementptr i8, ptr %context, i64 192
  %mine = getelementptr i8, ptr %mine.start, i64 %mine.offset
  %neighbour.number = add i64 %thread, 1
  %neighbour.wrapped = srem i64 %neighbour.number, %threads
  %neighbour.offset = mul i64 %neighbour.wrapped, 64
  %neighbour = getelementptr i8, ptr %mine.start, i64 %neighbour.offset
  %sum = getelementptr i8, ptr %mine, i64 1024
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %old = load i64, ptr %mine
  %new = add i64 %old, 1
  store i64 %new, ptr %mine
  call void @lamina_barrier(ptr %context, i64 %thread, i64 %threads, ptr %room)
  %seen = load i64, ptr %neighbour
  %total = load i64, ptr %sum
  %grown = add i64 %total, %seen
  store i64 %grown, ptr %sum
  call void @lamina_barrier(ptr %context, i64 %thread, i64 %threads, ptr %room)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %rounds
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""


@functools.cache
def library() -> native.Library:
    return native.build(threads.barrier_ir(host_target()) + TEXT, ["mark", "rounds"])


def mark(count: int) -> list[int]:
    """What each thread of a job wrote: the number of threads it was told."""
    context = np.zeros(8, np.int64)
    threads.run(library().address("mark"), context.ctypes.data, count)
    return context.tolist()


def rounds(count: int, number: int) -> np.ndarray:
    """The sums of a job of `rounds`."""
    context = zeros_aligned((4096,), "uint8")
    words = context.view(np.int64)
    words[16], words[17] = threads.waiting_room(), number
    threads.run(library().address("rounds"), context.ctypes.data, count)
    return words[152 : 152 + 8 * count : 8]


@pytest.fixture(autouse=True)
def _pool_ends_with_the_test() -> Iterator[None]:
    yield
    threads.shutdown()


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_every_thread_runs_once(count: int) -> None:
    for _ in range(50):
        assert mark(count) == [count] * count + [0] * (8 - count)


def test_numbers_of_threads_may_change_from_job_to_job() -> None:
    for count in (4, 1, 2, 8, 3):
        assert mark(count) == [count] * count + [0] * (8 - count)


@pytest.mark.parametrize(("count", "number"), [(1, 5000), (2, 5000), (4, 500)])
def test_barriers_let_nobody_pass_early(count: int, number: int) -> None:
    for _ in range(3):
        np.testing.assert_array_equal(rounds(count, number), number * (number + 1) // 2)


def test_workers_sleep_and_wake() -> None:
    mark(3)
    for pause in (0.0005, 0.002, 0.02) * 5:
        time.sleep(pause)
        assert mark(3) == [3, 3, 3, 0, 0, 0, 0, 0]


def test_idle_workers_use_no_processor_time() -> None:
    mark(4)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_jobs_of_several_python_threads() -> None:
    """One gets the pool, the others run alone; nobody waits for nobody."""
    wrong: list[object] = []

    def work() -> None:
        for _ in range(200):
            found = mark(2)
            if found[:2] not in ([2, 2], [1, 0]):
                wrong.append(found)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_shutdown_ends_the_workers_and_run_starts_new_ones() -> None:
    mark(3)
    assert sum(t.name.startswith("lamina-") for t in threading.enumerate()) == 2
    threads.shutdown()
    assert not any(t.name.startswith("lamina-") for t in threading.enumerate())
    assert mark(2)[:2] == [2, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_workers_of_its_own() -> None:
    mark(2)
    child = os.fork()
    if child == 0:
        os._exit(17 if mark(2)[:2] == [2, 2] and rounds(2, 50)[0] == 1275 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    assert mark(2)[:2] == [2, 2]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_an_interrupt_during_jobs_leaves_the_pool_usable() -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    rounds(2, 20)  # imports LLVM, whose files an interrupt would leave open
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for attempt in range(40):
            if attempt % 4 == 0:
                threads.shutdown()
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.0003 * attempt)
            with pytest.raises(KeyboardInterrupt):
                while True:
                    rounds(2, 20)
            assert mark(2)[:2] == [2, 2]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


EXITING = """
import numpy as np
from lamina.runtime import native, threads
library = native.build("define void @f(ptr %c, i64 %t, i64 %n) { ret void }", ["f"])
for _ in range(20):
    threads.run(library.address("f"), 0, 3)
"""


@pytest.mark.parametrize(("end", "code"), [("", 0), ("raise SystemExit(3)", 3), ("import os; os._exit(4)", 4)])
def test_the_interpreter_exits_while_workers_spin(end: str, code: int) -> None:
    command = [sys.executable, "-X", "dev", "-c", EXITING + end]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (code, "")
