"""A training step of networks over time: `fit` over some batches, divided by their number.

The row `peak` is the time that the multiply-adds, forwards and for both gradients, take at the machine's peak.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.sequences import SEQUENCES
from benchmarks.sequences.plan import SequencePlan
from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.network_trainers import Trainer
from benchmarks.workloads.peak import time_at_fma_peak
from benchmarks.workloads.sequence_trainers import TRAINERS, SequenceJob, inputs, sequence_job, sequence_settings


def prepared(build: Callable[[SequenceJob], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        train = build(sequence_job(settings, data))
        train()
        # Of the second time over the examples: every loss stands upon weights that were trained.
        loss = train()
        return Task(lambda: 1e3 * seconds_of(train) / settings["batches"], loss)

    return prepare


def peak(settings: Settings, data: Inputs) -> Task:
    plan = SequencePlan(SEQUENCES[settings["sequence"]], settings["sizes"])
    return time_at_fma_peak(plan.training * settings["batch"])


def _workload(name: str, title: str, batch: int, batches: int, goal: Goal) -> Workload:
    def cases(quick: bool) -> list[Case]:
        settings = sequence_settings(name, *((4, 2) if quick else (batch, batches)), quick=quick)
        sizes = ", ".join(f"{value:,} {size}" for size, value in settings["sizes"].items())
        return [Case(f"{sizes}, batch {settings['batch']}", settings, goal)]

    return Workload(
        name=name,
        title=f"{title}, Adam: a training step",
        unit="ms",
        cases=cases,
        inputs=inputs,
        peers={"peak": peak, **{peer: prepared(build) for peer, build in TRAINERS.items()}},
        tolerance=1e-3,
    )


SEQUENCE_WORKLOADS = (
    _workload("lstm", "Embedding-LSTM-Dense(1)", 32, 10, Goal(times={"fastest": 3.0})),
    _workload("bilstm", "two bidirectional LSTMs", 16, 4, Goal(times={"fastest": 2.5})),
    _workload("gru-lm", "language model of a GRU", 32, 4, Goal(times={"fastest": 2.0})),
    _workload("transformer", "transformer encoder", 8, 3, Goal(share=0.75, times={"fastest": 1.5})),
    _workload("gpt", "GPT, causal, the next character", 8, 1, Goal(share=0.75, times={"fastest": 1.5})),
)
