"""Whether compiling an LSTM's training depends on the number of steps: the time for 1,000 of them over that for 100.

Either is compiled in a process of its own, from an empty cache, and less the time of a later call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.compile_time import beyond_a_later_call, trainer_of
from benchmarks.workloads.sequence_trainers import inputs, sequence_settings

PEERS = ("lamina", "keras-tensorflow", "keras-jax", "jax-jit", "torch", "torch-compile")


def cases(quick: bool) -> list[Case]:
    lengths = (5, 9) if quick else (100, 1000)
    settings = [sequence_settings("lstm", *((4, 1) if quick else (32, 1)), quick=quick, steps=n) for n in lengths]
    # Times are some tenths of a second on a machine that does other things too: a quarter more is no dependence.
    goal = Goal(limit=1.25)
    return [Case(f"LSTM, {lengths[1]:,} steps over {lengths[0]:,}", {"long": settings[1], "short": settings[0]}, goal)]


def prepared(peer: str) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        return Task(lambda: _seconds(peer, settings["long"]) / _seconds(peer, settings["short"]))

    return prepare


def _seconds(peer: str, settings: Settings) -> float:
    """Of compiling, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        caches = dict.fromkeys(("LAMINA_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"), folder)
        command = [sys.executable, "-m", "benchmarks.workloads.compile_length", peer, json.dumps(settings)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **caches})
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return float(done.stdout.strip().splitlines()[-1])


WORKLOAD = Workload(
    name="compile-length",
    title="compile time of a long LSTM's training over that of a short one's",
    unit="times",
    cases=cases,
    peers={peer: prepared(peer) for peer in PEERS},
)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    print(beyond_a_later_call(trainer_of(sys.argv[1], given, inputs(given))))
