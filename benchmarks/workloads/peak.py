"""What the machine can do at most, sampled in the same rounds as the peers: multiply-adds and copies."""

from __future__ import annotations

from benchmarks.workload import Inputs, Settings, Task


def fma_peak(settings: Settings, data: Inputs) -> Task:
    """GFLOP/s of float32 multiply-adds in registers, on as many threads as the process may use."""
    from lamina.base.config import config
    from lamina.runtime import peaks

    return Task(lambda: peaks.fma_peak(config.threads) / 1e9)


def copy_peak(settings: Settings, data: Inputs) -> Task:
    """GB/s of a copy between arrays far larger than the caches; a byte read and written counts twice."""
    from lamina.base.config import config
    from lamina.runtime import peaks

    return Task(lambda: peaks.copy_bandwidth(config.threads) / 1e9)
