"""How much the resident memory of a process grows over many predicts, and over many models built and dropped."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

from benchmarks.workload import Case, Goal, Inputs, Settings, Task, Workload
from benchmarks.workloads import mlp


def cases(quick: bool) -> list[Case]:
    predicts, cycles = (100, 5) if quick else (10_000, 300)
    return [
        Case(f"{predicts:,} predicts", {"what": "predict", "times": predicts}, Goal(limit=10)),
        Case(f"{cycles} build-fit-delete cycles", {"what": "cycle", "times": cycles}, Goal(limit=10)),
    ]


def lamina(settings: Settings, data: Inputs) -> Task:
    import lamina

    once = _predict(lamina) if settings["what"] == "predict" else _cycle(lamina)
    return Task(lambda: _growth(once, settings["times"]))


def _predict(keras) -> Callable[[], object]:
    data = mlp.inputs({"rows": 1})
    row, _, weights = mlp.read(data)
    model = mlp.keras_model(keras, weights)
    return lambda: model.predict(row, verbose=0)


def _cycle(keras) -> Callable[[], object]:
    x, y, weights = mlp.read(mlp.inputs({"rows": 64}))

    def cycle() -> None:
        model = mlp.keras_model(keras, weights)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer="adam", loss=loss)
        model.fit(x, y, verbose=0)

    return cycle


def _growth(work: Callable[[], object], times: int) -> float:
    """Megabytes gained over `times` calls, after a tenth of them has filled what is filled once."""
    for _ in range(max(times // 10, 3)):
        work()
    before = _resident_megabytes()
    for _ in range(times):
        work()
    return _resident_megabytes() - before


def _resident_megabytes() -> float:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


WORKLOAD = Workload(
    name="memory",
    title="growth of resident memory",
    unit="MB",
    cases=cases,
    peers={"lamina": lamina},
    once=True,
)
