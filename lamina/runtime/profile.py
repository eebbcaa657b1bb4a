"""Where the time of a program went, kernel by kernel, beside what the machine could do at most."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.codegen.driver import Stage
from lamina.runtime import chrome, peaks
from lamina.runtime.marks import Marks, seconds_per_mark
from lamina.runtime.profile_table import profile_table
from lamina.runtime.timing import Slices, Times, slices_of, times_of
from lamina.schedule.cost import kernel_cost
from lamina.schedule.loops import Kernel
from lamina.schedule.regions import runs_of

_PLACE = re.compile(r"(?P<line>\S.*?:\d+)?\s*(?P<layer>.*)")
_STEP_STAGES = ("main", "body")


@dataclass(frozen=True)
class KernelProfile:
    """One kernel of a profiled program.

    Attributes:
        name: as `lamina.debug.kernels` prints it.
        stage: the part of the program: `body` for the steps of a model, `main` for a function; `prologue` and
            `epilogue` are run once an epoch, outside of steps.
        kind: `product` (matrix products and convolutions), `packing` (copies for them) or `loops`.
        layers, lines: the user's layers and lines that it serves, the first of them.
        seconds: time in a step, together with the waiting of threads that had less to do.
        share: of the step; 0 outside of steps.
        busy: the share of `seconds` in which threads did not wait.
        flops: floating-point operations in a step; a multiply-add is two, a function such as exp is one.
        read, written: bytes of the memory that it reads and writes, each counted once.
        flops_of_peak: operations a second, as a share of what the machine does in float32 multiply-adds.
        bytes_of_peak: bytes a second, as a share of what it copies. May pass 1 where the caches hold the data.
    """

    name: str
    stage: str
    kind: str
    layers: tuple[str, ...]
    lines: tuple[str, ...]
    seconds: float
    share: float
    busy: float
    flops: int
    read: int
    written: int
    flops_of_peak: float
    bytes_of_peak: float

    @property
    def flops_per_second(self) -> float:
        return self.flops / self.seconds if self.seconds else 0.0

    @property
    def bytes_per_second(self) -> float:
        return (self.read + self.written) / self.seconds if self.seconds else 0.0

    @property
    def in_step(self) -> bool:
        """Whether it is run in every step."""
        return self.stage in _STEP_STAGES


class Profile:
    """The result of `model.profile` and `lamina.debug.profile`. Printing it shows the table of kernels.

    Attributes:
        title: what was profiled.
        threads: how many worked on it.
        steps: how many were measured. `seconds` and the kernels' times are means over the faster half of them: in the
            others the machine was at something else for a while.
        seconds: of a step.
        kernels: a `KernelProfile` for each, the longest first.
        waiting: the share of the step in which threads waited for others.
        between: the share in which they were at no kernel: at the loop around, or not yet awake.
        marking: the share that measuring itself takes, about.
        peak_flops, peak_bytes: operations and bytes a second that this machine does at most on as many threads.
    """

    def __init__(
        self,
        title: str,
        stages: Sequence[Stage],
        symbols: Mapping[str, int],
        marks: Marks,
        warm_up: int,
    ):
        self.title = title
        self.threads = marks.threads
        self.peak_flops, self.peak_bytes = peaks.of_threads(self.threads)
        self._slices = slices_of(marks)
        phases, offset = [], 0
        self._kernels: list[tuple[str, Kernel]] = []
        self._runs: list[int] = []
        self._kept: set[int] = set()
        for stage in stages:
            plan = stage.schedule
            self._kept |= set(range(len(self._kernels), len(self._kernels) + plan.kept))
            self._kernels += [(stage.name, kernel) for kernel in plan.kernels]
            self._runs += runs_of(plan.items, symbols)
            phases += [offset + phase for phase in plan.phases]
            offset = max(phases, default=-1) + 1
        times = times_of(self._slices, phases)
        self._first_step = min(warm_up, len(times.durations) - 1)
        self.steps = len(times.durations) - self._first_step
        self._measure(times, symbols)

    def _measure(self, times: Times, symbols: Mapping[str, int]) -> None:
        kept = Times(
            times.durations[self._first_step :], times.kernels[self._first_step :], times.busy[self._first_step :],
            times.outside,
        )  # fmt: skip
        typical = kept.typical
        self.seconds = float(kept.durations[typical].mean())
        seconds, busy = kept.kernels[typical].mean(0), kept.busy[typical].mean(0)
        self.waiting = float((seconds - busy).sum() / self.seconds)
        self.between = max(0.0, 1.0 - float(seconds.sum()) / self.seconds)
        count = sum(int(np.count_nonzero(s.step == s.step.max())) for s in self._slices) / self.threads
        self.marking = count * seconds_per_mark() / self.seconds
        rows = []
        for number, (stage, _) in enumerate(self._kernels):
            if stage in _STEP_STAGES and (number not in self._kept or seconds[number]):
                rows.append(self._row(number, symbols, float(seconds[number]), float(busy[number])))
            elif stage not in _STEP_STAGES and not np.isnan(times.outside[number]):
                rows.append(self._row(number, symbols, float(times.outside[number]), None))
        self.kernels = sorted(rows, key=lambda row: (not row.in_step, -row.seconds))

    def _row(self, number: int, symbols: Mapping[str, int], seconds: float, busy: float | None) -> KernelProfile:
        (stage, kernel), runs = self._kernels[number], self._runs[number]
        cost = kernel_cost(kernel, symbols)
        flops, read, written = cost.flops * runs, cost.read * runs, cost.written * runs
        lines, layers = _places(kernel.label)
        per_second = 1 / seconds if seconds else 0.0
        return KernelProfile(
            name=kernel.name,
            stage=stage,
            kind=_kind(kernel),
            layers=layers,
            lines=lines,
            seconds=seconds,
            share=0.0 if busy is None else seconds / self.seconds,
            busy=1.0 if busy is None else busy * per_second,
            flops=flops,
            read=read,
            written=written,
            flops_of_peak=flops * per_second / self.peak_flops,
            bytes_of_peak=(read + written) * per_second / self.peak_bytes,
        )

    @property
    def flops(self) -> int:
        """Floating-point operations of a step."""
        return sum(k.flops for k in self.kernels if k.in_step)

    @property
    def bytes(self) -> int:
        """Bytes that the kernels of a step read and write, each of them anew."""
        return sum(k.read + k.written for k in self.kernels if k.in_step)

    @property
    def layers(self) -> dict[str, float]:
        """Seconds of a step by layer, the longest first; a kernel of several layers counts for the first of them.

        What no layer asked for (the loss, the optimizer, the gathering of rows) is under `(no layer)`.
        """
        found: dict[str, float] = defaultdict(float)
        for kernel in self.kernels:
            if kernel.in_step:
                found[kernel.layers[0] if kernel.layers else "(no layer)"] += kernel.seconds
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def table(self, most: int | None = 40) -> str:
        """The kernels as text, a line each.

        Args:
            most: how many to show, the longest first; None for all. The rest are one line.

        Raises:
            ArgumentError: if `most` is not a number of at least 1.
        """
        if most is not None and (not isinstance(most, int) or most < 1):
            raise ArgumentError(f"Profile.table: most must be an int of at least 1, or None. Received: {most!r}.")
        return profile_table(self, most)

    def to_dict(self) -> dict[str, Any]:
        """Everything that was measured, as plain numbers, strings and lists, ready for JSON."""
        names = ["title", "threads", "steps", "seconds", "flops", "bytes", "waiting", "between", "marking",
                 "peak_flops", "peak_bytes"]  # fmt: skip
        rows = [
            {**asdict(k), "layers": list(k.layers), "lines": list(k.lines),
             "flops_per_second": k.flops_per_second, "bytes_per_second": k.bytes_per_second}
            for k in self.kernels
        ]  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "layers": self.layers, "kernels": rows}

    def chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes what every thread did in the measured steps, for chrome://tracing or ui.perfetto.dev.

        Args:
            path: of the file, in the Trace Event Format (JSON).
        """
        rows = {(k.stage, k.name): k for k in self.kernels}
        known = [rows.get((stage, kernel.name)) for stage, kernel in self._kernels]
        names = [f"{kernel.name} {', '.join(_places(kernel.label)[1])}".strip() for _, kernel in self._kernels]
        details = [{} if row is None else _details(row) for row in known]
        events = chrome.events(self._measured(), names, details, self.title)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)

    def _measured(self) -> list[Slices]:
        """The slices from the first measured step on."""
        found = []
        for s in self._slices:
            kept = slice(int(np.argmax(s.step >= self._first_step)), None)
            found.append(Slices(s.code[kept], s.step[kept] - self._first_step, s.start[kept], s.end[kept]))
        return found

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__


def _kind(kernel: Kernel) -> str:
    kinds = {routine.kind for routine in kernel.routines()}
    return "product" if "multiply" in kinds else "packing" if kinds else "loops"


def _places(label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines and layers of a kernel's label, which has them as `file.py:3 layer; file.py:4 other`."""
    found = [_PLACE.fullmatch(part.strip()) for part in label.split(";")]
    parts = [match.groupdict() for match in found if match]
    lines = dict.fromkeys(p["line"] for p in parts if p["line"])
    layers = dict.fromkeys(p["layer"] for p in parts if p["layer"])
    return tuple(lines), tuple(layers)


def _details(row: KernelProfile) -> dict[str, Any]:
    """What a viewer shows of a slice."""
    return {
        "layers": ", ".join(row.layers),
        "lines": ", ".join(row.lines),
        "kind": row.kind,
        "FLOP": row.flops,
        "bytes": row.read + row.written,
        "GFLOP/s": round(row.flops_per_second / 1e9, 2),
        "GB/s": round(row.bytes_per_second / 1e9, 2),
        "mean of a step, us": round(row.seconds * 1e6, 3),
    }
