"""Memory does not grow with use: neither with calls, nor with models that come and go."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest

from lamina.layers import Dense, Dropout, Input
from lamina.models import Sequential
from lamina.tensor import function

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MOST_MEGABYTES = 10.0

# In a process of its own, as what other tests leave behind comes and goes.
SCRIPT = """
    import gc, sys
    import numpy as np
    import lamina as keras

    predicts, cycles = map(int, sys.argv[1:])
    x = np.ones((64, 20), "float32")
    y = np.arange(64) % 10

    def megabytes():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 1e6

    def learn():
        layers = [keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dropout(0.1)]
        model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=2, verbose=0)
        return model

    model = learn()
    for _ in range(200):
        model.predict(x[:1], verbose=0)
    start = megabytes()
    for _ in range(predicts):
        model.predict(x[:1], verbose=0)
    print(megabytes() - start)
    for _ in range(80):  # the allocator's pools fill with the first of them
        learn()
    start = megabytes()
    for _ in range(cycles):
        learn()
    print(megabytes() - start)
"""


def growth(predicts: int, cycles: int) -> tuple[float, float]:
    """Megabytes by which a process grew over so many predictions, and over so many models made, trained and dropped."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(predicts), str(cycles)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, second = map(float, done.stdout.split())
    return first, second


@pytest.mark.slow
def test_ten_thousand_predictions_and_three_hundred_models():
    by_predictions, by_models = growth(10_000, 300)
    assert by_predictions < MOST_MEGABYTES / 10
    assert by_models < MOST_MEGABYTES


def test_some_predictions_and_models():
    """A quick one: 1 KB left by a prediction, or 100 KB by a model, would show."""
    by_predictions, by_models = growth(2_000, 40)
    assert by_predictions < 2.0
    assert by_models < 4.0


def test_a_deleted_model_is_freed_with_all_that_it_compiled():
    model = Sequential([Input((3,)), Dense(4), Dropout(0.5), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    x = np.ones((8, 3), np.float32)
    model.fit(x, x[:, :1], validation_split=0.25, epochs=2, verbose=0)
    model.predict(x, verbose=0)
    traced = function(model)
    traced(x)
    programs = [*model._programs.values(), traced]
    watched = [weakref.ref(o) for o in [model, model.layers[0], model.optimizer, *programs] if not isinstance(o, tuple)]
    del model, traced, programs
    gc.collect()
    assert [r() for r in watched if r() is not None] == []


def test_the_users_data_is_let_go_after_fit_and_predict():
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
    model.fit(x, y, epochs=2, verbose=0)
    model.predict(x, verbose=0)
    watched = [weakref.ref(x), weakref.ref(y)]
    del x, y
    gc.collect()
    assert [r() for r in watched] == [None, None]
