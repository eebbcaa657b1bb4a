"""Slices of time in the Trace Event Format, which chrome://tracing and Perfetto read.

Format: "Trace Event Format", the Chromium project's document of the viewer's JSON input; complete events (`ph: X`) and
metadata (`ph: M`), times in microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.runtime.marks import STEP, WAIT
from lamina.runtime.timing import Slices

_PROCESS = 1


def events(
    threads: Sequence[Slices], names: Sequence[str], details: Sequence[Mapping[str, Any]], title: str
) -> list[dict[str, Any]]:
    """The events: a row of the viewer for the steps, and one for every thread.

    Args:
        names, details: of each kernel; the details are shown when a slice is clicked on.
    """
    start = min((float(s.start[0]) for s in threads if len(s.start)), default=0.0)
    steps = len(threads)
    found = [_metadata("process_name", 0, title), _metadata("thread_name", steps, "steps")]
    found += [_metadata("thread_name", row, f"thread {row}") for row in range(steps)]
    for row, s in enumerate(threads):
        for code, step, begin, end in zip(s.code.tolist(), s.step.tolist(), s.start.tolist(), s.end.tolist()):
            if code >= 0:
                found.append(_slice(names[code], "kernel", row, begin - start, end - begin, {**details[code]}))
            elif code == WAIT:
                found.append(_slice("wait", "wait", row, begin - start, end - begin, {}))
            if code >= 0 and step >= 0:
                found[-1]["args"]["step"] = step
    return found + _steps(threads, steps, start)


def _steps(threads: Sequence[Slices], row: int, start: float) -> list[dict[str, Any]]:
    """A slice for each step, from the first thread's beginning to the last one's end."""
    found = []
    count = max((int(s.step.max(initial=-1)) for s in threads), default=-1) + 1
    begins = [min(float(s.start[(s.step == k) & (s.code == STEP)].min(initial=float("inf"))) for s in threads)
              for k in range(count)]  # fmt: skip
    ends = [max(float(s.end[s.step == k].max(initial=0.0)) for s in threads) for k in range(count)]
    for number, (begin, end) in enumerate(zip(begins, ends)):
        found.append(_slice(f"step {number}", "step", row, begin - start, end - begin, {}))
    return found


def _slice(name: str, category: str, row: int, begin: float, length: float, args: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "cat": category, "ph": "X", "pid": _PROCESS, "tid": row,
        "ts": round(begin * 1e6, 4), "dur": round(length * 1e6, 4), "args": args,
    }  # fmt: skip


def _metadata(kind: str, row: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": row, "args": {"name": name}}
