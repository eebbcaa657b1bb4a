"""How a sample is timed inside a peer's process."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any


def seconds_of(work: Callable[[], Any]) -> float:
    """Seconds that one call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def seconds_per_call(work: Callable[[], Any], at_least: float = 0.1, calls: int = 3) -> float:
    """The median seconds of a call, from calls that together take `at_least` seconds and number at least `calls`."""
    times: list[float] = []
    total = 0.0
    while total < at_least or len(times) < calls:
        times.append(seconds_of(work))
        total += times[-1]
    return statistics.median(times)
