"""What `fit` costs per step around the arithmetic.

The model is one neuron and a batch is one row, so a step's arithmetic is a few nanoseconds and all that is left is
overhead. Samples are the slope between a long and a short `fit`, which takes out what a call costs once.
"""

from __future__ import annotations

import numpy as np

from benchmarks.timing import seconds_of
from benchmarks.workload import Case, Goal, Inputs, Settings, Task, Workload


def cases(quick: bool) -> list[Case]:
    steps = 20 if quick else 2000
    return [
        Case("no batch callback", {"steps": steps, "callback": False}, Goal(limit=5)),
        Case("a Python batch callback", {"steps": steps, "callback": True}, Goal(limit=60)),
    ]


def lamina(settings: Settings, data: Inputs) -> Task:
    import lamina

    return _keras_like(lamina, settings)


def keras(settings: Settings, data: Inputs) -> Task:
    import keras

    return _keras_like(keras, settings)


def _keras_like(keras, settings: Settings) -> Task:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.001), loss="mean_squared_error")
    steps = settings["steps"]
    x = np.random.default_rng(3).uniform(-1, 1, (11 * steps, 1)).astype("float32")

    class Count(keras.callbacks.Callback):
        seen = 0

        def on_train_batch_end(self, batch, logs=None):
            self.seen += 1

    callbacks = [Count()] if settings["callback"] else []

    def seconds(rows: int) -> float:
        return seconds_of(lambda: model.fit(x[:rows], 3 * x[:rows], batch_size=1, verbose=0, callbacks=callbacks))

    seconds(steps)
    return Task(lambda: 1e6 * (seconds(11 * steps) - seconds(steps)) / (10 * steps))


WORKLOAD = Workload(
    name="overhead",
    title="fit of one neuron in batches of one row: time of a step",
    unit="µs",
    cases=cases,
    peers={"lamina": lamina, "keras-tensorflow": keras, "keras-jax": keras, "keras-torch": keras},
)
