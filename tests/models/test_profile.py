"""`model.profile`: what it reports is complete, and the model does not notice."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lamina
from lamina import debug, ops
from lamina.base.config import config
from lamina.base.errors import ArgumentError
from lamina.layers import LSTM, Dense, Dropout, Input
from lamina.models import Sequential

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture
def rows(rng):
    return rng.normal(size=(70, 12)).astype(np.float32), rng.integers(0, 3, 70)


def small_model():
    layers = [Input((12,)), Dense(40, activation="relu", name="first"), Dropout(0.3), Dense(3, name="second")]
    model = Sequential(layers, name="small")
    model.compile("adam", lamina.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def test_times_and_work_of_training(rows):
    found = small_model().profile(*rows, batch_size=16, steps=6)
    inside = [k for k in found.kernels if k.in_step]
    assert found.steps == 6 and found.threads >= 1 and 0 < found.seconds < 10
    assert sum(k.seconds for k in inside) == pytest.approx(found.seconds * (1 - found.between), rel=0.01)
    assert 0 <= found.waiting < 1 and 0 <= found.between < 1 and found.marking > 0
    # Two products forwards, one backwards to the data and two to the weights.
    products = 2 * 16 * (12 * 40 + 40 * 3) * 2 + 2 * 16 * 40 * 3
    assert products < found.flops < 5 * products
    assert {"product", "loops"} <= {k.kind for k in inside}
    assert any(layer.endswith("first") for k in inside for layer in k.layers)
    assert any("test_profile.py" in line for k in inside for line in k.lines)
    assert all(k.flops_of_peak >= 0 and k.bytes_per_second >= 0 for k in found.kernels)
    assert {k.stage for k in found.kernels} == {"prologue", "body", "epilogue"}
    assert sum(found.layers.values()) == pytest.approx(sum(k.seconds for k in inside))


def test_the_table_says_what_the_object_holds(rows):
    found = small_model().profile(*rows, batch_size=16, steps=4)
    text = str(found)
    assert text.startswith("training of small, batch of 16: ") and repr(found) == text
    for heading in ("GFLOP/s", "of peak", "between kernels", "total", "waited for each other", "Once an epoch"):
        assert heading in text
    cut = found.table(most=2)
    assert "more" in cut and len(cut.splitlines()) < len(text.splitlines())
    with pytest.raises(ArgumentError, match="most must be"):
        found.table(most=0)


def test_plain_data_and_chrome_trace(rows, tmp_path):
    path = tmp_path / "trace.json"
    found = small_model().profile(*rows, batch_size=16, steps=3, trace=path)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["seconds"] == found.seconds and len(data["kernels"]) == len(found.kernels)
    events = json.loads(path.read_text())["traceEvents"]
    steps = [e for e in events if e.get("cat") == "step"]
    kernels = [e for e in events if e.get("cat") == "kernel" and "step" in e["args"]]
    assert len(steps) == 3
    inside = [k for k in found.kernels if k.in_step]
    assert len(kernels) == 3 * len(inside) * found.threads
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in events if e["ph"] == "X")


def test_the_model_is_as_before(rows):
    """Weights, optimizer, metrics and random numbers: training goes on as if nobody had looked."""
    logs = []
    for looks in (False, True):
        lamina.random.set_random_seed(5)
        model = small_model()
        first = model.fit(*rows, batch_size=16, epochs=1, verbose=0).history
        before = [v.numpy().copy() for v in [*model.variables, *model.optimizer.variables]]
        if looks:
            model.profile(*rows, batch_size=16, steps=5)
            model.profile(rows[0], steps=2)
        after = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        logs.append((first, model.fit(*rows, batch_size=16, epochs=2, verbose=0).history))
    assert logs[0] == logs[1]


def test_prediction(rows):
    model = Sequential([Input((12,)), Dense(3)])
    found = model.profile(rows[0], batch_size=32, steps=2)
    assert found.title.startswith("prediction of")
    assert 2 * 32 * 12 * 3 <= found.flops <= 3 * 32 * 12 * 3


def test_fewer_rows_than_a_batch(rows):
    x, y = rows[0][:5], rows[1][:5]
    assert "batch of 5" in small_model().profile(x, y, steps=3).title


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads(rng, threads):
    config.threads = threads
    x = rng.normal(size=(256, 128)).astype(np.float32)
    found = debug.profile(lambda a: ops.tanh(a @ ops.transpose(a)), x, steps=4)
    assert found.threads == threads
    assert found.flops >= 2 * 256 * 256 * 128


def test_functions_keep_their_variables(rng):
    state = lamina.Variable(np.zeros(4, np.float32))

    @lamina.function
    def step(x):
        state.assign(state + ops.sum(x, axis=0))
        return state * 2.0

    found = debug.profile(step, rng.normal(size=(8, 4)).astype(np.float32), steps=3)
    assert found.steps == 3 and found.title == "step" and {k.stage for k in found.kernels} == {"main"}
    assert not state.numpy().any()


def test_models_in_debug(rows):
    assert debug.profile(small_model(), *rows, steps=2, batch_size=8).title == "training of small, batch of 8"


def test_bad_arguments(rows):
    model = small_model()
    with pytest.raises(ArgumentError, match="steps must be"):
        model.profile(*rows, steps=0)
    with pytest.raises(ArgumentError, match="batch_size must be"):
        model.profile(*rows, batch_size=-1)
    with pytest.raises(ArgumentError, match="must be arrays"):
        model.profile(iter([rows]), steps=1)
    config.interpret = True
    with pytest.raises(ArgumentError, match="interpreter"):
        model.profile(*rows)
    with pytest.raises(ArgumentError, match="interpreted"):
        debug.profile(ops.exp, rows[0])


def test_loops_of_equal_layers_have_their_own_names(rng):
    x, y = rng.normal(size=(32, 6, 5)).astype(np.float32), rng.normal(size=(32, 3)).astype(np.float32)
    for name in ("one", "two"):
        parts = [Input((6, 5)), LSTM(4, return_sequences=True, name=f"{name}_a"), LSTM(4, name=f"{name}_b"), Dense(3)]
        model = Sequential(parts, name=name)
        model.compile("sgd", "mse")
        found = model.profile(x, y, steps=3)
        layers = {layer for k in found.kernels for layer in k.layers}
        assert all(layer.startswith(f"{name}/") for layer in layers), layers
        assert {f"{name}/{name}_a", f"{name}/{name}_b"} <= {"/".join(layer.split("/")[:2]) for layer in layers}
