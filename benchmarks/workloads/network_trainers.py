"""Training of the networks in every peer: the same weights, examples, order of batches and optimizer.

A trainer is a function without arguments that trains once over all the examples, waits until that is finished and
returns the mean of the batches' losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.networks import NETWORKS
from benchmarks.networks.network import SGD_MOMENTUM, Network
from benchmarks.networks.plan import Plan, Weights, from_arrays, initial_weights, to_arrays
from benchmarks.workload import Inputs, Settings
from benchmarks.workloads.training import BETA_1, BETA_2, EPSILON, jax_adam

CLASSES = 10
Trainer = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """What is trained: the network, the sizes, and the examples. `y` has labels, or masks of 0 and 1."""

    network: Network
    shape: tuple[int, int, int]
    batch: int
    x: np.ndarray
    y: np.ndarray
    weights: Weights

    def batches(self) -> list[slice]:
        return [slice(start, start + self.batch) for start in range(0, len(self.x), self.batch)]


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    """Pictures of noise around one coarse pattern a class; a mask says where its own picture's pattern is positive.

    Four labels of ten are drawn anew, so that losses do not come near zero, where relative differences say little.
    """
    network, shape = NETWORKS[settings["network"]], tuple(settings["shape"])
    rng = np.random.default_rng(9)
    count = settings["batch"] * settings["steps"]
    labels = rng.integers(0, CLASSES, count)
    patterns = _patterns(rng, shape)[labels]
    x = 0.5 * patterns + rng.standard_normal((count, *shape), "float32")
    if network.mask:
        y = (patterns[..., :1] > 0).astype("float32")
    else:
        y = np.where(rng.uniform(size=count) < 0.4, rng.integers(0, CLASSES, count), labels)
    return {"x": x, "y": y, **to_arrays(initial_weights(Plan(network, shape)))}


def _patterns(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture a class, of 4x4 even patches."""
    rows, columns, channels = shape
    patches = rng.standard_normal((CLASSES, 4, 4, channels), "float32")
    return patches.repeat(math.ceil(rows / 4), axis=1).repeat(math.ceil(columns / 4), axis=2)[:, :rows, :columns]


def job(settings: Settings, data: Inputs) -> Job:
    network = NETWORKS[settings["network"]]
    y = data["y"] if network.mask else data["y"].astype("int64")
    return Job(network, tuple(settings["shape"]), settings["batch"], data["x"], y, from_arrays(data))


def lamina(job: Job) -> Trainer:
    import lamina

    return _keras_like(lamina, job)


def keras(job: Job) -> Trainer:
    import keras

    return _keras_like(keras, job)


def keras_without_xla(job: Job) -> Trainer:
    """On TensorFlow: its own operations, oneDNN's among them, where Keras by default takes XLA."""
    import keras

    return _keras_like(keras, job, jit_compile=False)


def _keras_like(keras, job: Job, **options: bool) -> Trainer:
    from benchmarks.networks.keras_layers import keras_model

    network, x, y, batch = job.network, job.x, job.y, job.batch
    model = keras_model(keras, network, job.shape, job.weights, network.softmax)
    if network.mask:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not network.softmax)
    if network.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(network.learning_rate, SGD_MOMENTUM)
    else:
        optimizer = keras.optimizers.Adam(network.learning_rate)
    model.compile(optimizer, loss, **options)
    return lambda: model.fit(x, y, batch_size=batch, shuffle=False, verbose=0).history["loss"][0]


def torch_eager(job: Job) -> Trainer:
    return _torch(job, compiled=False)


def torch_compile(job: Job) -> Trainer:
    return _torch(job, compiled=True)


def _torch(job: Job, compiled: bool) -> Trainer:
    import torch

    from benchmarks.networks.torch_layers import TorchNetwork, to_torch

    functions = torch.nn.functional
    network, batches = job.network, job.batches()
    model = TorchNetwork(network, job.shape, job.weights).train()
    x, y = to_torch(job.x), to_torch(job.y) if network.mask else torch.from_numpy(job.y)
    if network.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), network.learning_rate, SGD_MOMENTUM, fused=True)
    else:
        optimizer = torch.optim.Adam(model.parameters(), network.learning_rate, (BETA_1, BETA_2), EPSILON, fused=True)
    criterion = functions.binary_cross_entropy_with_logits if network.mask else functions.cross_entropy

    def error(x, y):
        return criterion(model(x), y)

    if compiled:
        error = torch.compile(error)

    def train() -> float:
        losses = []
        for rows in batches:
            optimizer.zero_grad()
            value = error(x[rows], y[rows])
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        return float(torch.stack(losses).mean())

    return train


def jax_jit(job: Job) -> Trainer:
    import jax
    from jax import numpy as jnp

    from benchmarks.networks.jax_layers import apply, split

    network, batches = job.network, job.batches()
    x, y = jnp.asarray(job.x), jnp.asarray(job.y)
    weights, statistics = split(job.weights)
    update, state = _jax_optimizer(network, weights)

    def error(weights, statistics, x, y):
        logits, statistics = apply(network, weights, statistics, x, training=True)
        if network.mask:
            value = (jax.nn.softplus(logits) - logits * y).mean()
        else:
            value = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()
        return value, statistics

    def one(weights, statistics, state, x, y):
        (value, statistics), gradients = jax.value_and_grad(error, has_aux=True)(weights, statistics, x, y)
        weights, state = update(weights, gradients, state)
        return (weights, statistics, state), value

    step = jax.jit(one, donate_argnums=(0, 1, 2))
    carry = [(weights, statistics, state)]

    def train() -> float:
        losses = []
        for rows in batches:
            carry[0], value = step(*carry[0], x[rows], y[rows])
            losses.append(value)
        jax.block_until_ready(carry[0])
        return float(np.mean([float(value) for value in losses]))

    return train


def _jax_optimizer(network: Network, weights):
    """The update: weights, gradients, state -> weights, state; and the first state."""
    import jax

    if network.optimizer == "sgd":

        def momentum(weights, gradients, speeds):
            speeds = jax.tree.map(lambda v, g: SGD_MOMENTUM * v - network.learning_rate * g, speeds, gradients)
            return jax.tree.map(jax.numpy.add, weights, speeds), speeds

        return momentum, jax.tree.map(jax.numpy.zeros_like, weights)

    return jax_adam(weights, network.learning_rate)


TRAINERS: dict[str, Callable[[Job], Trainer]] = {
    "lamina": lamina,
    "keras-tensorflow": keras,
    "keras-tensorflow-graph": keras_without_xla,
    "keras-jax": keras,
    "jax-jit": jax_jit,
    "torch": torch_eager,
    "torch-compile": torch_compile,
}
