"""From the marks of a profiled program to the time that each kernel took in a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.runtime.marks import OUTSIDE, STEP, WAIT, Marks


@dataclass(frozen=True)
class Slices:
    """What one thread was at, one after the other; arrays of one length.

    Attributes:
        code: the kernel, or a code of `lamina.runtime.marks`.
        step: number of the step, -1 outside of steps.
        start, end: seconds.
    """

    code: np.ndarray
    step: np.ndarray
    start: np.ndarray
    end: np.ndarray


@dataclass(frozen=True)
class Times:
    """The time of steps and of kernels in them. Time is that of all threads together, divided by their number.

    Attributes:
        durations: of each step, from the first thread's beginning to the last one's end.
        kernels: (steps, kernels) time in each kernel, with the waiting of its phase: what a kernel would take off the
            step if it were not there. Threads wait where others have more to do; in a phase of several kernels each
            answers for a part of that, by its time.
        busy: (steps, kernels) the same without waiting.
        outside: time of a run of each kernel outside of steps, NaN where there was none.
    """

    durations: np.ndarray
    kernels: np.ndarray
    busy: np.ndarray
    outside: np.ndarray

    @property
    def typical(self) -> np.ndarray:
        """The faster half of the steps: in the others the machine was at something else for a while."""
        return np.argsort(self.durations, kind="stable")[: (len(self.durations) + 1) // 2]


def slices_of(marks: Marks) -> list[Slices]:
    """What each thread was at, for those that took part."""
    found = []
    for thread in range(marks.threads):
        codes, times = marks.of_thread(thread)
        if len(codes) > 1:
            boundary = _last(np.isin(codes, (STEP, OUTSIDE)))
            inside = (boundary >= 0) & (codes[boundary] == STEP)
            step = np.where(inside, np.cumsum(codes == STEP) - 1, -1)
            # What came after the last mark is not known.
            found.append(Slices(codes[:-1], step[:-1], times[:-1], times[1:]))
    return found


def times_of(threads: Sequence[Slices], phases: Sequence[int]) -> Times:
    """Adds up what the threads were at.

    Args:
        phases: for each kernel of the program a number that those between the same two barriers share.

    Raises:
        ArgumentError: if the threads were not together in all steps, since another program had some of them.
    """
    steps = {int(s.step.max(initial=-1)) + 1 for s in threads}
    if len(steps) != 1:
        raise ArgumentError("profile: another Python thread ran a program at the same time. Profile one alone.")
    count, kernels = steps.pop(), len(phases)
    phase_of = np.asarray(phases, np.int64)
    busy, waits = np.zeros((count, kernels)), np.zeros((count, max(phases, default=0) + 1))
    outside, runs = np.zeros(kernels), np.zeros(kernels)
    starts, ends = np.full((len(threads), count), np.inf), np.full((len(threads), count), -np.inf)
    for row, s in enumerate(threads):
        length = (s.end - s.start) / len(threads)
        within = s.step >= 0
        at = within & (s.code >= 0)
        np.add.at(busy, (s.step[at], s.code[at]), length[at])
        latest = s.code[_last(s.code >= 0)]
        idle = within & (s.code == WAIT) & (latest >= 0)
        np.add.at(waits, (s.step[idle], phase_of[latest[idle]]), length[idle])
        np.minimum.at(starts[row], s.step[within], s.start[within])
        np.maximum.at(ends[row], s.step[within], s.end[within])
        other = ~within & (s.code >= 0)
        np.add.at(outside, s.code[other], length[other])
        np.add.at(runs, s.code[other], 1 / len(threads))
    if kernels:
        waits[:, phase_of[_last_kernel(threads)]] += (ends.max(0) - ends).mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = outside / runs
    return Times(ends.max(0) - starts.min(0), busy + _shared_out(waits, busy, phase_of), busy, outside)


def _shared_out(waits: np.ndarray, busy: np.ndarray, phase_of: np.ndarray) -> np.ndarray:
    """The waiting of every phase, given to its kernels by the time that they took."""
    sums = np.zeros_like(waits)
    for kernel, phase in enumerate(phase_of):
        sums[:, phase] += busy[:, kernel]
    sums = np.maximum(sums, np.finfo(float).tiny)
    return waits[:, phase_of] * busy / sums[:, phase_of]


def _last_kernel(threads: Sequence[Slices]) -> int:
    """The kernel that ends a step."""
    first = threads[0]
    return int(first.code[(first.step >= 0) & (first.code >= 0)][-1])


def _last(flags: np.ndarray) -> np.ndarray:
    """For every position that of the last flag up to there, -1 where there was none."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), -1))
