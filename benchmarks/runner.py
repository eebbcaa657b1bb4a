"""Runs workloads: prepares every peer, then samples them in rounds, one at a time."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.peers import Place
from benchmarks.process import PeerFailed, PeerProcess
from benchmarks.workload import Case, Goal, Workload


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        repeats: rounds; a peer gives one sample a round.
        quick: tiny cases, and one thread count of each workload, to see that everything runs.
        budget: seconds a peer may spend on one case; a slow peer gives fewer samples, at least one. Preparing counts
            where every sample has a process of its own.
        timeout: seconds after which a peer that does not answer is given up.
        cases: only cases whose names contain one of these, whatever the case of letters; all when empty.
    """

    repeats: int = 5
    quick: bool = False
    budget: float = 15.0
    timeout: float = 600.0
    cases: tuple[str, ...] = ()


@dataclass
class Result:
    """What one peer gave for one case. `failed` says why there are no samples."""

    peer: str
    samples: list[float] = field(default_factory=list)
    loss: float | None = None
    failed: str = ""
    spent: float = 0.0


@dataclass(frozen=True)
class Measured:
    """The results of all peers for one case and thread count."""

    workload: Workload
    case: Case
    threads: str
    results: list[Result]


def measure(workload: Workload, places: Mapping[str, Place], options: Options) -> Iterator[Measured]:
    """Measures all cases of a workload; yields each as soon as it is done."""
    chosen = {name: place for name, place in places.items() if name in workload.peers}
    with tempfile.TemporaryDirectory(prefix="lamina-benchmarks-") as folder:
        cases = chosen_cases(workload, options)
        if options.quick:  # tiny cases say nothing about goals
            cases = [replace(case, goal=Goal()) for case in cases]
        for number, case in enumerate(cases):
            inputs = _write_inputs(workload, case, Path(folder) / f"inputs-{number}.npz")
            for threads in workload.threads[:1] if options.quick else workload.threads:
                print(f"{workload.name}: {case.name}, {threads} threads", file=sys.stderr, flush=True)
                run = _Run(workload, case, threads, inputs, Path(folder), options)
                yield Measured(workload, case, threads, run.all(chosen))


def chosen_cases(workload: Workload, options: Options) -> list[Case]:
    parts = [part.lower() for part in options.cases] or [""]
    return [case for case in workload.cases(options.quick) if any(part in case.name.lower() for part in parts)]


def _write_inputs(workload: Workload, case: Case, path: Path) -> Path | None:
    if workload.inputs is None:
        return None
    np.savez(path, **workload.inputs(case.settings))
    return path


class _Run:
    """One case with one thread count."""

    def __init__(
        self, workload: Workload, case: Case, threads: str, inputs: Path | None, folder: Path, options: Options
    ):
        self.workload, self.case, self.threads, self.inputs = workload, case, threads, inputs
        self.folder, self.options = folder, options
        self.repeats = 1 if workload.once else options.repeats

    def all(self, places: Mapping[str, Place]) -> list[Result]:
        results = {name: Result(name) for name in places}
        rounds = self._fresh_rounds if self.workload.fresh else self._kept_rounds
        rounds(places, results)
        return list(results.values())

    def _kept_rounds(self, places: Mapping[str, Place], results: dict[str, Result]) -> None:
        """One process a peer; all are prepared before the first round."""
        with contextlib.ExitStack() as stack:
            processes = {}
            for name, place in places.items():
                process = stack.enter_context(contextlib.closing(self._start(place, self._caches(name))))
                processes[name] = process
                with _recorded(results[name]):
                    results[name].loss = self._prepare(process, name)
            for _ in range(self.repeats):
                for name, process in processes.items():
                    self._sample(results[name], process)

    def _fresh_rounds(self, places: Mapping[str, Place], results: dict[str, Result]) -> None:
        """A new process for every sample; where caches are kept, one before the first round that fills them."""
        fills = not self.workload.once and not self._cold()
        for turn in range(-1 if fills else 0, self.repeats):
            for name, place in places.items():
                result = results[name]
                if self._enough(result):
                    continue
                start, before = perf_counter(), result.spent
                with contextlib.closing(self._start(place, self._caches(name))) as process:
                    with _recorded(result):
                        result.loss = self._prepare(process, name)
                    self._sample(result, process)
                result.spent = before + perf_counter() - start
                if turn < 0:
                    result.samples.clear()
                    result.spent = 0.0

    def _start(self, place: Place, caches: Path) -> PeerProcess:
        return PeerProcess(place, self.threads, caches, self.options.timeout)

    def _prepare(self, process: PeerProcess, peer: str) -> float | None:
        return process.prepare(self.workload.name, peer, self.case.settings, self.inputs)

    def _caches(self, peer: str) -> Path:
        """The folder for compiled code: the peer's own, kept for the whole run, unless the case wants it empty."""
        if self._cold():
            return Path(tempfile.mkdtemp(dir=self.folder))
        folder = self.folder / f"caches-{peer}"
        folder.mkdir(exist_ok=True)
        return folder

    def _cold(self) -> bool:
        return self.case.settings.get("cache") == "cold"

    def _enough(self, result: Result) -> bool:
        return bool(result.failed) or (bool(result.samples) and result.spent > self.options.budget)

    def _sample(self, result: Result, process: PeerProcess) -> None:
        if self._enough(result):
            return
        start = perf_counter()
        with _recorded(result):
            result.samples.append(process.sample())
        result.spent += perf_counter() - start


@contextlib.contextmanager
def _recorded(result: Result) -> Iterator[None]:
    """A peer that cannot run becomes a row that says why; the others go on."""
    try:
        yield
    except PeerFailed as error:
        result.failed = result.failed or str(error)
