"""What the first training step of a large network costs beyond a later one: tracing and compiling it."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.network_trainers import TRAINERS, Job, Trainer, inputs, job
from benchmarks.workloads.network_training import training_settings


def cases(quick: bool) -> list[Case]:
    networks = {
        "resnet18": (training_settings("resnet18", 2, 1), 3.0),
        "resnet50": (training_settings("resnet50", 2, 1), 8.0),
    }
    if quick:
        networks = {"cnn": (training_settings("cnn", 2, 1), 3.0)}
    return [
        Case(f"{network}, {cache} cache of compiled code", {**settings, "cache": kind}, Goal(limit=limit))
        for network, (settings, cold) in networks.items()
        for cache, kind, limit in (("empty", "cold", cold), ("filled", "warm", 0.3))
    ]


def prepared(build: Callable[[Job], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = build(job(settings, data))

        def measure() -> float:
            first = seconds_of(train)
            return first - min(seconds_of(train) for _ in range(3))

        return Task(measure)

    return prepare


WORKLOAD = Workload(
    name="compile-time",
    title="training step of ResNets, batch 2: the first call less a later one",
    unit="s",
    cases=cases,
    inputs=inputs,
    peers={name: prepared(build) for name, build in TRAINERS.items()},
    fresh=True,
)
