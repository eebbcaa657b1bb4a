"""What the first training call costs beyond the second: tracing and compiling the MLP's training program."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads import mlp
from benchmarks.workloads.training import Trainer


def cases(quick: bool) -> list[Case]:
    return [
        Case("empty cache of compiled code", {"rows": 320, "cache": "cold"}, Goal(limit=0.6)),
        Case("filled cache of compiled code", {"rows": 320, "cache": "warm"}, Goal(limit=0.15)),
    ]


def prepared(build: Callable[[Inputs], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        trainer = build(data)

        def measure() -> float:
            first = seconds_of(trainer.train)
            return first - min(seconds_of(trainer.train) for _ in range(3))

        return Task(measure)

    return prepare


WORKLOAD = Workload(
    name="first-call",
    title="MLP training program: trace and compile, the first call less a later one",
    unit="s",
    cases=cases,
    inputs=mlp.inputs,
    peers={name: prepared(build) for name, build in mlp.TRAINERS.items() if name != "numpy"},
    fresh=True,
)
