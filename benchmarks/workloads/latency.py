"""One row through the MLP: `predict`, and the compiled forward pass, both from and to NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import seconds_per_call
from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads import mlp

Forward = Callable[[np.ndarray], Any]


def predict_cases(quick: bool) -> list[Case]:
    return [Case("predict(row)", {"rows": 1}, Goal(limit=100))]


def call_cases(quick: bool) -> list[Case]:
    return [Case("model(row), compiled", {"rows": 1}, Goal(limit=40))]


def prepared(build: Callable[[list[np.ndarray]], Forward]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        row, _, weights = mlp.read(data)
        forward = build(weights)
        result = np.asarray(forward(row))
        return Task(lambda: 1e6 * seconds_per_call(lambda: forward(row)), float(np.abs(result).sum()))

    return prepare


def lamina_predict(weights: list[np.ndarray]) -> Forward:
    import lamina

    return _predict(lamina, weights)


def keras_predict(weights: list[np.ndarray]) -> Forward:
    import keras

    return _predict(keras, weights)


def _predict(keras, weights: list[np.ndarray]) -> Forward:
    model = mlp.keras_model(keras, weights)
    return lambda row: model.predict(row, verbose=0)


def lamina_call(weights: list[np.ndarray]) -> Forward:
    import lamina

    call = lamina.function(mlp.keras_model(lamina, weights))
    return lambda row: call(row).numpy()


def tensorflow_call(weights: list[np.ndarray]) -> Forward:
    import keras
    import tensorflow

    call = tensorflow.function(mlp.keras_model(keras, weights))
    return lambda row: call(row).numpy()


def jax_call(weights: list[np.ndarray]) -> Forward:
    import jax

    w0, w1, w2, w3 = (jax.numpy.asarray(w) for w in weights)
    call = jax.jit(lambda x: jax.nn.relu(x @ w0 + w1) @ w2 + w3)
    return lambda row: np.asarray(call(row))


def torch_call(weights: list[np.ndarray]) -> Forward:
    return _torch_call(weights, compiled=False)


def torch_compile_call(weights: list[np.ndarray]) -> Forward:
    return _torch_call(weights, compiled=True)


def _torch_call(weights: list[np.ndarray], compiled: bool) -> Forward:
    import torch

    model = mlp.torch_model(weights)
    call = torch.compile(model) if compiled else model

    @torch.inference_mode()
    def forward(row: np.ndarray) -> np.ndarray:
        return call(torch.from_numpy(row)).numpy()

    return forward


def tinygrad_call(weights: list[np.ndarray]) -> Forward:
    from tinygrad import Tensor, TinyJit

    w0, w1, w2, w3 = (Tensor(w).realize() for w in weights)
    call = TinyJit(lambda x: ((x @ w0 + w1).relu() @ w2 + w3).realize())
    return lambda row: call(Tensor(row).realize()).numpy()


PREDICT = Workload(
    name="predict",
    title="predict of one row through the MLP",
    unit="µs",
    cases=predict_cases,
    inputs=mlp.inputs,
    peers={
        "lamina": prepared(lamina_predict),
        "keras-tensorflow": prepared(keras_predict),
        "keras-jax": prepared(keras_predict),
        "keras-torch": prepared(keras_predict),
    },
    tolerance=1e-4,
)

CALL = Workload(
    name="call",
    title="the compiled forward pass of one row through the MLP",
    unit="µs",
    cases=call_cases,
    inputs=mlp.inputs,
    peers={
        "lamina": prepared(lamina_call),
        "keras-tensorflow": prepared(tensorflow_call),
        "jax-jit": prepared(jax_call),
        "torch": prepared(torch_call),
        "torch-compile": prepared(torch_compile_call),
        "tinygrad": prepared(tinygrad_call),
    },
    tolerance=1e-4,
)
