"""How long an import takes beyond that of NumPy, in a new interpreter, with byte code already compiled."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload

PROGRAM = """
import numpy, time
start = time.perf_counter()
import {module}
{use}
print(time.perf_counter() - start)
"""

KERAS_PARTS = "keras.Sequential, keras.layers.Dense, keras.optimizers.Adam, keras.losses.Loss"
LAMINA_PARTS = KERAS_PARTS.replace("keras.", "lamina.")


def cases(quick: bool) -> list[Case]:
    times = 1 if quick else 5
    return [
        Case("import beyond numpy", {"times": times, "use": False}, Goal(limit=80)),
        Case("import, and what models are built of", {"times": times, "use": True}),
    ]


def of(module: str, parts: str) -> Prepare:
    """Args: parts: an expression that touches what a model is built of, since imports may be lazy."""

    def prepare(settings: Settings, data: Inputs) -> Task:
        program = PROGRAM.format(module=module, use=parts if settings["use"] else "")
        _seconds(program, module)
        return Task(lambda: 1e3 * statistics.median(_seconds(program, module) for _ in range(settings["times"])))

    return prepare


def _seconds(program: str, module: str) -> float:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    if module == "lamina" and done.stderr:
        raise RuntimeError(f"the import wrote to standard error: {done.stderr.strip()[:100]}")
    return float(done.stdout.splitlines()[-1])


WORKLOAD = Workload(
    name="import",
    title="import of the framework beyond NumPy's",
    unit="ms",
    cases=cases,
    peers={
        "lamina": of("lamina", LAMINA_PARTS),
        "keras-tensorflow": of("keras", KERAS_PARTS),
        "keras-jax": of("keras", KERAS_PARTS),
        "keras-torch": of("keras", KERAS_PARTS),
        "jax-jit": of("jax", "jax.jit, jax.numpy"),
        "torch": of("torch", "torch.nn.Linear, torch.optim.Adam"),
        "tinygrad": of("tinygrad", "tinygrad.Tensor, tinygrad.TinyJit, tinygrad.nn.optim"),
    },
)
