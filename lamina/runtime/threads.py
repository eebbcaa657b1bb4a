"""Worker threads that run one native function together: `function(context, thread, threads)`.

A worker is a daemon thread of Python that stays in native code: it waits for a job spinning, for about a millisecond
after the last one, then asleep on a lock of the interpreter's own, and never needs the interpreter to take a job up.
All threads of a job wait for each other in the same way, if they wait long.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time
from typing import Any

import numpy as np

from lamina.runtime import native
from lamina.runtime.buffers import zeros_aligned
from lamina.runtime.waiting import (
    BARRIER_BYTES,
    MOST_PATIENCE,
    PLACE_BYTES,
    POOL_HEADER,
    ROOM_BYTES,
    WORKER_BYTES,
    barrier_ir,
    pool_ir,
)
from lamina.schedule.target import host_target

__all__ = ["BARRIER_BYTES", "barrier_ir", "run", "shutdown", "waiting_room"]

_END = -(1 << 62)
_LEAST_PLACES = 64
_WORKER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


class Pool:
    """Up to `threads - 1` workers, started when first needed."""

    def __init__(self, threads: int):
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        self.threads = threads
        self._workers: list[threading.Thread] = []
        names = ["lamina_run", "lamina_take", "lamina_tell", "lamina_worker"]
        self._library = native.build(pool_ir(host_target()), names)
        self._run = self._library.function("lamina_run", ctypes.c_int, pointer, pointer, pointer, count)
        self._take = self._library.function("lamina_take", ctypes.c_int, pointer)
        self._tell = self._library.function("lamina_tell", None, pointer, count, count)
        self._memory = zeros_aligned((POOL_HEADER + threads * WORKER_BYTES,), "uint8")
        self._state = self._memory.ctypes.data
        self._words = self._memory.view("int64")
        self._words[3] = waiting_room()

    def run(self, function: int, context: int, threads: int) -> bool:
        """Runs the job on the caller and `threads - 1` workers, till all are done; false where the pool is taken."""
        if self._words[6] < threads - 1:
            self._start(threads - 1)
        return bool(self._run(self._state, function, context, threads))

    def _start(self, count: int) -> None:
        """Starts threads until `count` have come. They number themselves, so that one that an interrupt made us forget
        is counted all the same."""
        entry = _WORKER(self._library.address("lamina_worker"))
        while self._words[6] < count:
            thread = threading.Thread(target=entry, args=(self._state, self.threads - 1), daemon=True)
            thread.name = f"lamina-{len(self._workers) + 1}"
            self._workers.append(thread)
            come = self._words[6]
            thread.start()
            while self._words[6] == come:
                time.sleep(0)

    def stop(self) -> None:
        """Waits for the job that runs and ends the workers, so that their code may be unloaded. Nothing runs after."""
        while not self._take(self._state):
            time.sleep(0.0005)
        for worker in range(1, self.threads):
            self._tell(self._state, worker, _END)
        for thread in self._workers:
            if thread.ident is not None:
                thread.join()
        self._workers.clear()


_pool: Pool | None = None
_making = threading.Lock()


def run(function: int, context: int, threads: int) -> None:
    """Runs `void function(ptr context, i64 thread, i64 threads)` on all of `threads` threads at once.

    The caller is thread 0. While another Python thread has a job running, this one is run on the caller alone, as a
    job of one thread; a program gives the same result on any number.

    Args:
        function: address of the function.
        context: address that it is given.
        threads: how many threads, at least 1; more than there are cores is allowed.
    """
    if threads <= 1 or not _pool_of(threads).run(function, context, threads):
        _job(function)(context, 0, 1)


def shutdown() -> None:
    """Ends the worker threads; the next `run` starts new ones. Called when the interpreter exits."""
    global _pool
    with _making:
        pool, _pool = _pool, None
        if pool is not None:
            pool.stop()


def waiting_room() -> int:
    """Address of the room in which the threads of a job wait for each other: one for all, as one job runs at a time."""
    return _room().ctypes.data


@functools.cache
def _room() -> np.ndarray:
    """The room; threads beyond its places do not sleep."""
    places = max(_LEAST_PLACES, 2 * (os.cpu_count() or 1))
    words = zeros_aligned((ROOM_BYTES + places * PLACE_BYTES,), "uint8").view("int64")
    words[0], words[1] = _lock_functions()
    words[2] = places
    words[ROOM_BYTES // 8 + 1 :: PLACE_BYTES // 8] = [_held_lock() for _ in range(places)]
    words[ROOM_BYTES // 8 + 2 :: PLACE_BYTES // 8] = MOST_PATIENCE
    return words


@functools.lru_cache(maxsize=4096)
def _job(function: int) -> Any:
    return native.prototype(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(function)


def _pool_of(threads: int) -> Pool:
    """The pool, made anew when it is too small."""
    global _pool
    pool = _pool
    if pool is not None and pool.threads >= threads:
        return pool
    with _making:
        pool = _pool
        if pool is None or pool.threads < threads:
            _pool = None
            if pool is not None:
                pool.stop()
            pool = _pool = Pool(max(threads, os.cpu_count() or 1))
        return pool


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def _lock_functions() -> tuple[int, int]:
    """The interpreter's own primitive locks: on every system, and callable without holding the interpreter."""
    return _address(ctypes.pythonapi.PyThread_acquire_lock), _address(ctypes.pythonapi.PyThread_release_lock)


def _held_lock() -> int:
    """A new lock, already held, so that whoever acquires it sleeps until it is released."""
    allocate = ctypes.PYFUNCTYPE(ctypes.c_void_p)(_address(ctypes.pythonapi.PyThread_allocate_lock))
    acquire = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)(_lock_functions()[0])
    lock = allocate()
    acquire(lock, 1)
    return lock


def _after_fork() -> None:
    """The child has none of the threads, asleep or not; the next `run` starts its own. The old pool is left alone."""
    global _pool, _making
    _pool, _making = None, threading.Lock()
    if _room.cache_info().currsize:
        _room()[ROOM_BYTES // 8 :: PLACE_BYTES // 8] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(shutdown)
