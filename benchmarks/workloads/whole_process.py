"""The line example as a whole process: what a person waits for who types `python examples/line.py`.

Keras runs the very same file, with its own name in the import.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Settings, Task, Workload

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "line.py"


def cases(quick: bool) -> list[Case]:
    return [
        Case("empty cache of compiled code", {"cache": "cold"}, Goal(limit=1.2)),
        Case("filled cache of compiled code", {"cache": "warm"}, Goal(limit=0.7)),
    ]


def lamina(settings: Settings, data: Inputs) -> Task:
    return _task(EXAMPLE.read_text())


def keras(settings: Settings, data: Inputs) -> Task:
    return _task(EXAMPLE.read_text().replace("import lamina as keras", "import keras"))


def _task(program: str) -> Task:
    def run() -> None:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])

    return Task(lambda: seconds_of(run))


WORKLOAD = Workload(
    name="process",
    title="examples/line.py as a whole process",
    unit="s",
    cases=cases,
    peers={"lamina": lamina, "keras-tensorflow": keras, "keras-jax": keras, "keras-torch": keras},
    fresh=True,
)
