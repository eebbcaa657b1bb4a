"""What the machine can do at most, sampled in the same rounds as the peers: multiply-adds and copies."""

from __future__ import annotations

from benchmarks.workload import Inputs, Settings, Task


def fma_peak(settings: Settings, data: Inputs) -> Task:
    """GFLOP/s of float32 multiply-adds in registers, on as many threads as the process may use."""
    from lamina.base.config import config
    from lamina.runtime import peaks

    return Task(lambda: peaks.multiply_add_speed(config.threads) / 1e9)


def time_at_fma_peak(operations: float) -> Task:
    """Milliseconds that so many float32 operations take at the peak of multiply-adds, on all threads."""
    from lamina.base.config import config
    from lamina.runtime import peaks

    return Task(lambda: 1e3 * operations / peaks.multiply_add_speed(config.threads))


def copy_peak(settings: Settings, data: Inputs) -> Task:
    """GB/s of a copy between arrays larger than the caches, with the faster kind of stores.

    A byte that is read and written counts twice.
    """
    from lamina.base.config import config
    from lamina.runtime import peaks
    from lamina.runtime.buffers import empty_aligned

    source, goal = empty_aligned((peaks.COPY_BYTES,), "uint8"), empty_aligned((peaks.COPY_BYTES,), "uint8")
    source.fill(1)
    goal.fill(0)
    return Task(lambda: max(peaks.copy_speed(config.threads, kind, source, goal) for kind in (False, True)) / 1e9)
