"""The first lesson of every course: y = 3x + 1 from six points, one neuron, SGD, 500 epochs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.training import Trainer, training_task

RATE = 0.01


def cases(quick: bool) -> list[Case]:
    if quick:
        return [Case("20 epochs", {"epochs": 20})]
    return [Case("500 epochs", {"epochs": 500}, Goal(limit=5.0))]


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    x = np.arange(-1, 5, dtype="float32").reshape(6, 1)
    return {"x": x, "y": 3 * x + 1, "kernel": np.array([[0.5]], "float32"), "bias": np.zeros(1, "float32")}


def loss(weights: list[np.ndarray], data: Inputs) -> float:
    kernel, bias = weights
    return float(np.mean((data["x"] @ kernel + bias - data["y"]) ** 2))


def prepared(build: Callable[[int, Inputs], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        return training_task(build(settings["epochs"], data), lambda weights: loss(weights, data), 1e3)

    return prepare


def lamina(epochs: int, data: Inputs) -> Trainer:
    import lamina

    return _keras_like(lamina, epochs, data)


def keras(epochs: int, data: Inputs) -> Trainer:
    import keras

    return _keras_like(keras, epochs, data)


def _keras_like(keras, epochs: int, data: Inputs) -> Trainer:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([data["kernel"], data["bias"]])
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mean_squared_error")
    x, y = data["x"], data["y"]
    return Trainer(lambda: model.fit(x, y, epochs=epochs, verbose=0), model.get_weights)


def numpy(epochs: int, data: Inputs) -> Trainer:
    x, y = data["x"], data["y"]
    kernel, bias = data["kernel"].copy(), data["bias"].copy()

    def train() -> None:
        for _ in range(epochs):
            gradient = 2 / len(x) * (x @ kernel + bias - y)
            kernel[...] -= RATE * (x.T @ gradient)
            bias[...] -= RATE * gradient.sum(axis=0)

    return Trainer(train, lambda: [kernel, bias])


def _jax_step(weights, x, y):
    import jax

    def error(weights):
        return ((x @ weights[0] + weights[1] - y) ** 2).mean()

    value, gradients = jax.value_and_grad(error)(weights)
    return [w - RATE * g for w, g in zip(weights, gradients)], value


def jax_jit(epochs: int, data: Inputs) -> Trainer:
    import jax

    step = jax.jit(_jax_step)
    x, y = jax.numpy.asarray(data["x"]), jax.numpy.asarray(data["y"])
    weights = [jax.numpy.asarray(data["kernel"]), jax.numpy.asarray(data["bias"])]

    def train() -> None:
        losses = []
        for _ in range(epochs):
            weights[:], value = step(weights, x, y)
            losses.append(value)
        jax.block_until_ready((weights, losses))

    return Trainer(train, lambda: weights)


def jax_scan(epochs: int, data: Inputs) -> Trainer:
    import jax

    x, y = jax.numpy.asarray(data["x"]), jax.numpy.asarray(data["y"])
    weights = [jax.numpy.asarray(data["kernel"]), jax.numpy.asarray(data["bias"])]

    @jax.jit
    def all_epochs(weights):
        return jax.lax.scan(lambda carry, _: _jax_step(carry, x, y), weights, length=epochs)

    def train() -> None:
        weights[:], losses = all_epochs(weights)
        jax.block_until_ready((weights, losses))

    return Trainer(train, lambda: weights)


def torch_eager(epochs: int, data: Inputs) -> Trainer:
    return _torch(epochs, data, compiled=False)


def torch_compile(epochs: int, data: Inputs) -> Trainer:
    return _torch(epochs, data, compiled=True)


def _torch(epochs: int, data: Inputs, compiled: bool) -> Trainer:
    import torch

    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(data["kernel"].T))
        model.bias.copy_(torch.from_numpy(data["bias"]))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, fused=True)
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])

    def error():
        return torch.nn.functional.mse_loss(model(x), y)

    if compiled:
        error = torch.compile(error)

    def train() -> None:
        losses = []
        for _ in range(epochs):
            optimizer.zero_grad()
            value = error()
            value.backward()
            optimizer.step()
            losses.append(value.detach())

    return Trainer(train, lambda: [model.weight.detach().numpy().T, model.bias.detach().numpy()])


def tinygrad(epochs: int, data: Inputs) -> Trainer:
    from tinygrad import Context, Tensor, TinyJit, nn

    kernel, bias = Tensor(data["kernel"]).realize(), Tensor(data["bias"]).realize()
    x, y = Tensor(data["x"]).realize(), Tensor(data["y"]).realize()
    optimizer = nn.optim.SGD([kernel.is_param_(), bias.is_param_()], lr=RATE)

    @TinyJit
    def step():
        optimizer.zero_grad()
        value = ((x @ kernel + bias - y) ** 2).mean().backward()
        return value.realize(*optimizer.schedule_step())

    def train() -> None:
        with Context(TRAINING=1):
            for _ in range(epochs):
                value = step()
        value.item()

    return Trainer(train, lambda: [kernel.numpy(), bias.numpy()])


TRAINERS = {
    "lamina": lamina,
    "numpy": numpy,
    "keras-tensorflow": keras,
    "keras-jax": keras,
    "keras-torch": keras,
    "jax-jit": jax_jit,
    "jax-scan": jax_scan,
    "torch": torch_eager,
    "torch-compile": torch_compile,
    "tinygrad": tinygrad,
}

WORKLOAD = Workload(
    name="line",
    title="y = 3x + 1 from six points: fit(verbose=0) after the first compile",
    unit="ms",
    cases=cases,
    inputs=inputs,
    peers={name: prepared(build) for name, build in TRAINERS.items()},
)
