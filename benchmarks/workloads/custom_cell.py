"""An LSTM's cell written by hand with `ops`, inside `RNN`, against the built-in LSTM: training steps in turn."""

from __future__ import annotations

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Settings, Task, Workload
from benchmarks.workloads.sequence_trainers import inputs, keras_like, sequence_job, sequence_settings

TURNS = 3


def cases(quick: bool) -> list[Case]:
    settings = sequence_settings("lstm", *((4, 2) if quick else (32, 10)), quick=quick)
    sizes = settings["sizes"]
    return [
        Case(f"LSTM({sizes['units']}), {sizes['steps']} steps, batch {settings['batch']}", settings, Goal(limit=1.3))
    ]


def lamina(settings: Settings, data: Inputs) -> Task:
    import lamina

    return _keras_like(lamina, settings, data)


def keras(settings: Settings, data: Inputs) -> Task:
    import keras

    return _keras_like(keras, settings, data)


def _keras_like(keras, settings: Settings, data: Inputs) -> Task:
    from benchmarks.sequences.custom_cell import CustomCellLayers

    built_in = keras_like(keras, sequence_job(settings, data))
    by_hand = keras_like(keras, sequence_job(settings, data), CustomCellLayers(keras))
    for train in (built_in, by_hand, built_in):
        train()
    loss = by_hand()

    def measure() -> float:
        times = [(seconds_of(by_hand), seconds_of(built_in)) for _ in range(TURNS)]
        return min(time for time, _ in times) / min(time for _, time in times)

    return Task(measure, loss)


WORKLOAD = Workload(
    name="custom-cell",
    title="training with an LSTM cell by hand inside RNN, as multiples of the built-in LSTM's time",
    unit="times",
    cases=cases,
    inputs=inputs,
    peers={"lamina": lamina, "keras-tensorflow": keras, "keras-jax": keras},
    tolerance=1e-3,
)
