"""A 784-64-10 classifier with Adam in batches of 32: one epoch over 60,000 rows, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workload import Case, Goal, Inputs, Prepare, Settings, Task, Workload
from benchmarks.workloads.training import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Trainer, adam, training_task

BATCH = 32
PIXELS, HIDDEN, CLASSES = 784, 64, 10


def cases(quick: bool) -> list[Case]:
    if quick:
        return [Case("320 rows", {"rows": 320})]
    return [Case("60,000 rows", {"rows": 60_000}, Goal(times={"fastest": 1.7, "keras-tensorflow": 25}))]


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    """Pictures as bytes, drawn around one prototype a class; about half of the pixels are zero, as in Fashion-MNIST."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, CLASSES, settings["rows"])
    prototypes = rng.uniform(-255, 255, (CLASSES, PIXELS)).astype("float32")
    noise = rng.standard_normal((settings["rows"], PIXELS), "float32")
    pictures = np.clip(0.04 * prototypes[labels] + 100 * noise, 0, 255).astype("uint8")
    return {"pictures": pictures, "labels": labels, **initial_weights(rng)}


def initial_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    def glorot(inputs: int, outputs: int) -> np.ndarray:
        limit = (6 / (inputs + outputs)) ** 0.5
        return rng.uniform(-limit, limit, (inputs, outputs)).astype("float32")

    return {
        "w0": glorot(PIXELS, HIDDEN),
        "w1": np.zeros(HIDDEN, "float32"),
        "w2": glorot(HIDDEN, CLASSES),
        "w3": np.zeros(CLASSES, "float32"),
    }


def read(data: Inputs) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Pictures as float32 rows from 0 to 1, labels as int64, and the four initial weights."""
    x = data["pictures"].astype("float32") / np.float32(255)
    return x, data["labels"].astype("int64"), [data[f"w{i}"].copy() for i in range(4)]


def loss(weights: list[np.ndarray], data: Inputs) -> float:
    x, y, _ = read(data)
    w0, w1, w2, w3 = (w.astype("float32") for w in weights)
    logits = (np.maximum(x @ w0 + w1, 0) @ w2 + w3).astype("float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]))


def prepared(build: Callable[[Inputs], Trainer]) -> Prepare:
    def prepare(settings: Settings, data: Inputs) -> Task:
        return training_task(build(data), lambda weights: loss(weights, data), 1e3)

    return prepare


def lamina(data: Inputs) -> Trainer:
    import lamina

    return _keras_like(lamina, data)


def keras(data: Inputs) -> Trainer:
    import keras

    return _keras_like(keras, data)


def keras_model(keras, weights: list[np.ndarray]):
    """The model, uncompiled, with the given weights."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((PIXELS,)), layers.Dense(HIDDEN, activation="relu"), layers.Dense(CLASSES)])
    model.set_weights(weights)
    return model


def _keras_like(keras, data: Inputs) -> Trainer:
    x, y, weights = read(data)
    model = keras_model(keras, weights)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss)
    return Trainer(lambda: model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0), model.get_weights)


def numpy(data: Inputs) -> Trainer:
    x, y, weights = read(data)
    state = [weights, [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights], 0]

    def train() -> None:
        for start in range(0, len(x), BATCH):
            gradients = _gradients(state[0], x[start : start + BATCH], y[start : start + BATCH])
            state[3] += 1
            state[:3] = adam(state[0], gradients, *state[1:])

    return Trainer(train, lambda: state[0])


def _gradients(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    w0, w1, w2, w3 = weights
    hidden = np.maximum(x @ w0 + w1, 0)
    logits = hidden @ w2 + w3
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = exponentials / exponentials.sum(axis=1, keepdims=True)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    back = (error @ w2.T) * (hidden > 0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def _jax_step(state, x, y):
    import jax

    weights, means, squares, step = state

    def error(weights):
        w0, w1, w2, w3 = weights
        logits = jax.nn.relu(x @ w0 + w1) @ w2 + w3
        return -jax.numpy.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()

    value, gradients = jax.value_and_grad(error)(weights)
    step = step + 1
    return (*adam(weights, gradients, means, squares, step), step), value


def _jax_start(data: Inputs):
    from jax import numpy as jnp

    x, y, weights = read(data)
    weights = [jnp.asarray(w) for w in weights]
    zeros = [jnp.zeros_like(w) for w in weights]
    return jnp.asarray(x), jnp.asarray(y), (weights, zeros, [jnp.zeros_like(w) for w in weights], jnp.zeros(()))


def jax_jit(data: Inputs) -> Trainer:
    import jax

    x, y, start = _jax_start(data)
    state = list(start)
    rows = len(x)

    def one(state, x, y, index):
        return _jax_step(
            state, jax.lax.dynamic_slice_in_dim(x, index, BATCH), jax.lax.dynamic_slice_in_dim(y, index, BATCH)
        )

    step = jax.jit(one, donate_argnums=0)

    def train() -> None:
        losses = []
        for index in range(0, rows, BATCH):
            state[:], value = step(tuple(state), x, y, index)
            losses.append(value)
        jax.block_until_ready((state, losses))

    return Trainer(train, lambda: state[0])


def jax_scan(data: Inputs) -> Trainer:
    import jax

    x, y, start = _jax_start(data)
    x, y = x.reshape(-1, BATCH, PIXELS), y.reshape(-1, BATCH)
    state = list(start)

    def one_epoch(state, x, y):
        return jax.lax.scan(lambda carry, batch: _jax_step(carry, *batch), state, (x, y))

    epoch = jax.jit(one_epoch, donate_argnums=0)

    def train() -> None:
        state[:], losses = epoch(tuple(state), x, y)
        jax.block_until_ready((state, losses))

    return Trainer(train, lambda: state[0])


def torch_eager(data: Inputs) -> Trainer:
    return _torch(data, compiled=False)


def torch_compile(data: Inputs) -> Trainer:
    return _torch(data, compiled=True)


def torch_model(weights: list[np.ndarray]):
    """The model with the given weights; PyTorch keeps kernels as (outputs, inputs)."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(PIXELS, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, CLASSES))
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights):
            parameter.copy_(torch.from_numpy(weight.T))
    return model


def _torch(data: Inputs, compiled: bool) -> Trainer:
    import torch

    images, labels, weights = read(data)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    model = torch_model(weights)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=True)

    def error(x, y):
        return torch.nn.functional.cross_entropy(model(x), y)

    if compiled:
        error = torch.compile(error)

    def train() -> None:
        losses = []
        for start in range(0, len(x), BATCH):
            optimizer.zero_grad()
            value = error(x[start : start + BATCH], y[start : start + BATCH])
            value.backward()
            optimizer.step()
            losses.append(value.detach())

    return Trainer(train, lambda: [p.detach().numpy().T for p in model.parameters()])


def tinygrad(data: Inputs) -> Trainer:
    from tinygrad import Context, Tensor, TinyJit, nn

    images, labels, initial = read(data)
    x, y = Tensor(images).realize(), Tensor(labels.astype("int32")).realize()
    weights = [Tensor(w).realize().is_param_() for w in initial]
    optimizer = nn.optim.Adam(weights, LEARNING_RATE, BETA_1, BETA_2, EPSILON)

    @TinyJit
    def step(x, y):
        w0, w1, w2, w3 = weights
        optimizer.zero_grad()
        value = ((x @ w0 + w1).relu() @ w2 + w3).sparse_categorical_crossentropy(y).backward()
        return value.realize(*optimizer.schedule_step())

    def train() -> None:
        with Context(TRAINING=1):
            for start in range(0, len(images), BATCH):
                rows = slice(start, start + BATCH)  # cloned: a view's offset is not seen by a captured step
                value = step(x[rows].clone().realize(), y[rows].clone().realize())
        value.item()

    return Trainer(train, lambda: [w.numpy() for w in weights])


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
    name="mlp",
    title="MLP 784-64-10, batch 32, Adam: one epoch",
    unit="ms",
    cases=cases,
    inputs=inputs,
    peers={name: prepared(build) for name, build in TRAINERS.items()},
    threads=("one", "all"),
    tolerance=5e-3,
)
