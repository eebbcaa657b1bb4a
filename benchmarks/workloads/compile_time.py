"""What the first training step of a large network costs beyond a later one: tracing and compiling it."""

from __future__ import annotations

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads import network_trainers, sequence_trainers
from benchmarks.workloads.network_trainers import Trainer
from benchmarks.workloads.network_training import training_settings
from benchmarks.workloads.sequence_trainers import sequence_settings

# Seconds that a first call may take, with an empty and a filled cache of compiled code.
COLD_SEQUENCE, WARM = 3.0, 0.3


def cases(quick: bool) -> list[Case]:
    programs = {
        "resnet18": (training_settings("resnet18", 2, 1), 3.0),
        "resnet50": (training_settings("resnet50", 2, 1), 8.0),
        "lstm": (sequence_settings("lstm", 32, 1), COLD_SEQUENCE),
        "lstm of 1,000 steps": (sequence_settings("lstm", 32, 1, steps=1000), COLD_SEQUENCE),
        "bilstm": (sequence_settings("bilstm", 16, 1), COLD_SEQUENCE),
        "gru-lm": (sequence_settings("gru-lm", 32, 1), COLD_SEQUENCE),
        "transformer": (sequence_settings("transformer", 8, 1), COLD_SEQUENCE),
        "gpt": (sequence_settings("gpt", 8, 1), COLD_SEQUENCE),
    }
    if quick:
        programs = {
            "cnn": (training_settings("cnn", 2, 1), 3.0),
            "gpt": (sequence_settings("gpt", 2, 1, quick=True), COLD_SEQUENCE),
        }
    return [
        Case(f"{program}, {cache} cache of compiled code", {**settings, "cache": kind}, Goal(limit=limit))
        for program, (settings, cold) in programs.items()
        for cache, kind, limit in (("empty", "cold", cold), ("filled", "warm", WARM))
    ]


def inputs(settings: Settings):
    return (sequence_trainers if "sequence" in settings else network_trainers).inputs(settings)


def trainer_of(peer: str, settings: Settings, data: Inputs) -> Trainer:
    """Of a network over time or of a convolutional one, as the settings tell; both know the same peers."""
    if "sequence" in settings:
        return sequence_trainers.TRAINERS[peer](sequence_trainers.sequence_job(settings, data))
    if peer not in network_trainers.TRAINERS:
        raise ValueError("this peer has no convolutional networks")
    return network_trainers.TRAINERS[peer](network_trainers.job(settings, data))


def beyond_a_later_call(train: Trainer) -> float:
    """Seconds of the first call less those of the fastest of three later ones."""
    first = seconds_of(train)
    return first - min(seconds_of(train) for _ in range(3))


def prepared(peer: str) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = trainer_of(peer, settings, data)
        return Task(lambda: beyond_a_later_call(train))

    return prepare


WORKLOAD = Workload(
    name="compile-time",
    title="a training step: the first call less a later one",
    unit="s",
    cases=cases,
    inputs=inputs,
    peers={peer: prepared(peer) for peer in sequence_trainers.TRAINERS},
    fresh=True,
)
