"""The most memory that a process had resident while it trained, all of Python and the framework included.

Or what the training gained: the same, less what was resident when the model and its data were there.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.compile_time import inputs, trainer_of
from benchmarks.workloads.network_training import training_settings
from benchmarks.workloads.sequence_trainers import TRAINERS, sequence_settings


def cases(quick: bool) -> list[Case]:
    settings = training_settings("cnn", 8, 2) if quick else training_settings("resnet50", 8, 2)
    lstm = sequence_settings("lstm", *((4, 2) if quick else (32, 2)), quick=quick, steps=9 if quick else 1000)
    size = "x".join(str(extent) for extent in settings["shape"])
    picture = f"{settings['network']} {size}, batch {settings['batch']}"
    series = f"LSTM({lstm['sizes']['units']}), {lstm['sizes']['steps']:,} steps, batch {lstm['batch']}"
    goal = Goal(times={"torch": 1 / 0.7})
    return [
        Case(picture, {**settings, "cache": "cold"}, Goal(times={"torch": 1 / 0.8})),
        Case(f"{series}, whole process", {**lstm, "cache": "cold"}, goal),
        Case(f"{series}, gained by training", {**lstm, "cache": "cold", "gain": True}, goal),
    ]


def prepared(peer: str) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = trainer_of(peer, settings, data)

        def measure() -> float:
            before = 0.0
            if settings.get("gain"):
                # What came and went before, while modules were imported, is no part of the gain.
                Path("/proc/self/clear_refs").write_text("5")
                before = _megabytes("VmRSS")
            train()
            train()
            return _megabytes("VmHWM") - before

        return Task(measure)

    return prepare


def _megabytes(field: str) -> float:
    """Of resident memory: now (`VmRSS`), or at most since this program began or that was cleared (`VmHWM`)."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"the system does not tell {field} in /proc/self/status")


WORKLOAD = Workload(
    name="peak-memory",
    title="peak of resident memory over four training steps, from an empty cache of compiled code",
    unit="MB",
    cases=cases,
    inputs=inputs,
    peers={peer: prepared(peer) for peer in TRAINERS},
    fresh=True,
    once=True,
)
