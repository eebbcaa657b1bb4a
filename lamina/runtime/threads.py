"""Worker threads that run one native function together: `function(context, thread, threads)`.

A worker is a daemon thread of Python that stays in native code: it waits for a job spinning, for about a millisecond
after the last one, then asleep on a lock of the interpreter's own, and never needs the interpreter to take a job up.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
from typing import Any

from lamina.runtime import native
from lamina.runtime.buffers import zeros_aligned
from lamina.runtime.spinning import BARRIER_BYTES, POOL_HEADER, WORKER_BYTES, barrier_ir, pool_ir
from lamina.schedule.target import host_target

__all__ = ["BARRIER_BYTES", "barrier_ir", "run", "shutdown", "yield_address"]

_END = -(1 << 62)
_WORKER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


class Pool:
    """Up to `threads - 1` workers, started when first needed.

    Attributes:
        busy: held while a job runs.
    """

    def __init__(self, threads: int):
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        self.threads = threads
        self.busy = threading.Lock()
        self.process = os.getpid()
        self._workers: list[threading.Thread] = []
        self._library = native.build(pool_ir(host_target()), ["lamina_run", "lamina_tell", "lamina_worker"])
        self._run = self._library.function("lamina_run", None, pointer, pointer, pointer, count)
        self._tell = self._library.function("lamina_tell", None, pointer, count, count)
        self._memory = zeros_aligned((POOL_HEADER + threads * WORKER_BYTES,), "uint8")
        self._state = self._memory.ctypes.data
        words = self._memory.view("int64")
        words[3], words[4], words[5] = yield_address(), *_lock_functions()
        self._locks = [_held_lock() for _ in range(threads - 1)]
        for worker, lock in enumerate(self._locks):
            words[(POOL_HEADER + worker * WORKER_BYTES) // 8 + 2] = lock

    def run(self, function: int, context: int, threads: int) -> None:
        """Runs the job on the caller and `threads - 1` workers; returns when all are done."""
        while len(self._workers) < threads - 1:
            self._start(len(self._workers) + 1)
        self._run(self._state, function, context, threads)

    def _start(self, worker: int) -> None:
        entry = _WORKER(self._library.address("lamina_worker"))
        thread = threading.Thread(target=entry, args=(self._state, worker), name=f"lamina-{worker}", daemon=True)
        thread.start()
        self._workers.append(thread)

    def stop(self) -> None:
        """Ends the workers, so that their code may be unloaded."""
        for worker in range(1, len(self._workers) + 1):
            self._tell(self._state, worker, _END)
        for thread in self._workers:
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
    if threads <= 1:
        _job(function)(context, 0, 1)
        return
    pool = _pool_of(threads)
    if not pool.busy.acquire(blocking=False):
        _job(function)(context, 0, 1)
        return
    try:
        pool.run(function, context, threads)
    finally:
        pool.busy.release()


def shutdown() -> None:
    """Ends the worker threads; the next `run` starts new ones. Called when the interpreter exits."""
    global _pool
    with _making:
        if _pool is not None:
            with _pool.busy:
                _pool.stop()
        _pool = None


@functools.cache
def yield_address() -> int:
    """Address of the system's function `int ()` that offers the core to other threads."""
    if os.name == "nt":
        function = ctypes.WinDLL("kernel32").SwitchToThread  # type: ignore[attr-defined]
    else:
        function = ctypes.CDLL(None).sched_yield
    return _address(function)


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
        if _pool is None or _pool.threads < threads:
            if _pool is not None:
                with _pool.busy:
                    _pool.stop()
            _pool = Pool(max(threads, os.cpu_count() or 1))
        return _pool


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
    """The child has none of the threads; the next `run` starts its own. The old state is left alone."""
    global _pool, _making
    _pool, _making = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(shutdown)
