"""What a workload is made of: cases, a function per peer, and goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Settings = dict[str, Any]
Inputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A prepared piece of work inside a peer's process.

    Attributes:
        measure: does the work once more and returns one sample, in the workload's unit.
        loss: a number that tells what was computed; peers must agree on it. None if there is nothing to compare.
    """

    measure: Callable[[], float]
    loss: float | None = None


Prepare = Callable[[Settings, Inputs], Task]


@dataclass(frozen=True)
class Goal:
    """What Lamina's median must reach.

    Attributes:
        limit: a bound in the workload's unit.
        share: the least share of the measured machine peak.
        times: peer name (or `"fastest"`) -> how many times better than that peer.
    """

    limit: float | None = None
    share: float | None = None
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One line of questions in a workload.

    Attributes:
        name: shown in the table.
        settings: JSON values handed to the peer's function. `cache` ("cold" or "warm") is read by the runner too.
        goal: what Lamina must reach.
    """

    name: str
    settings: Settings = field(default_factory=dict)
    goal: Goal = Goal()


@dataclass(frozen=True)
class Workload:
    """A table of cases and peers.

    Attributes:
        name: used with `--only`.
        title: what is measured, in words.
        unit: unit of the samples.
        cases: quick -> the cases; quick ones are tiny and only prove that everything runs.
        peers: peer name -> function that prepares the task inside the peer's own process.
        inputs: settings -> the arrays that all peers get; made once by the runner, handed over as an .npz file.
        more_is_better: whether larger samples are better.
        threads: settings of the thread count to measure with: "one", "all".
        fresh: a new process for every sample instead of one that stays for all rounds.
        tolerance: largest relative difference of losses that still counts as agreement.
        once: take a single sample whatever the number of rounds.
    """

    name: str
    title: str
    unit: str
    cases: Callable[[bool], list[Case]]
    peers: Mapping[str, Prepare]
    inputs: Callable[[Settings], dict[str, np.ndarray]] | None = None
    more_is_better: bool = False
    threads: tuple[str, ...] = ("all",)
    fresh: bool = False
    tolerance: float = 1e-2
    once: bool = False
