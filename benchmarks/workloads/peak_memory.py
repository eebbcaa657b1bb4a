"""The most memory that a process had resident while it trained ResNet-50, all of Python and the framework included."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.network_trainers import TRAINERS, Job, Trainer, inputs, job
from benchmarks.workloads.network_training import training_settings


def cases(quick: bool) -> list[Case]:
    settings = training_settings("cnn", 8, 2) if quick else training_settings("resnet50", 8, 2)
    size = "x".join(str(extent) for extent in settings["shape"])
    name = f"{settings['network']} {size}, batch {settings['batch']}"
    return [Case(name, {**settings, "cache": "cold"}, Goal(times={"torch": 1 / 0.8}))]


def prepared(build: Callable[[Job], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = build(job(settings, data))

        def measure() -> float:
            train()
            train()
            return _peak_megabytes()

        return Task(measure)

    return prepare


def _peak_megabytes() -> float:
    """Since this program began: not what the process that started it had."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the system does not tell the peak of resident memory in /proc/self/status")


WORKLOAD = Workload(
    name="peak-memory",
    title="peak of resident memory over four training steps, from an empty cache of compiled code",
    unit="MB",
    cases=cases,
    inputs=inputs,
    peers={name: prepared(build) for name, build in TRAINERS.items()},
    fresh=True,
    once=True,
)
