"""Training of the networks over time in every peer: the same weights, examples, order of batches, and Adam.

A trainer is a function without arguments that trains once over all the examples, waits until that is finished and
returns the mean of the batches' losses.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.networks.plan import Weights, from_arrays, to_arrays
from benchmarks.sequences import SEQUENCES
from benchmarks.sequences.plan import SequencePlan, initial_weights
from benchmarks.sequences.sequence import Sequence, Sizes
from benchmarks.workload import Inputs, Settings
from benchmarks.workloads.network_trainers import Trainer
from benchmarks.workloads.training import BETA_1, BETA_2, EPSILON, jax_adam


@dataclass(frozen=True)
class SequenceJob:
    """What is trained: the network, its sizes, and the examples.

    `x` has tokens or features; `y` a number of 0 or 1, a class, or a token for every step.
    """

    sequence: Sequence
    sizes: Sizes
    batch: int
    x: np.ndarray
    y: np.ndarray
    weights: Weights

    def batches(self) -> list[slice]:
        return [slice(start, start + self.batch) for start in range(0, len(self.x), self.batch)]


def sequence_settings(name: str, batch: int, batches: int, quick: bool = False, **sizes: int) -> Settings:
    """Args: batches: how many a pass trains on; sizes: those that differ from the network's own."""
    sequence = SEQUENCES[name]
    own = sequence.quick if quick else sequence.sizes
    return {"sequence": name, "sizes": {**own, **sizes}, "batch": batch, "batches": batches}


def inputs(settings: Settings) -> dict[str, np.ndarray]:
    """Tokens of which small numbers are frequent, as words are, or waves with noise; and what is to be predicted."""
    sequence, sizes = SEQUENCES[settings["sequence"]], settings["sizes"]
    rng = np.random.default_rng(13)
    count = settings["batch"] * settings["batches"]
    x, y = _waves(rng, count, sizes) if "features" in sizes else _tokens(rng, count, sizes, sequence.target)
    return {"x": x, "y": y, **to_arrays(initial_weights(SequencePlan(sequence, sizes)))}


def _tokens(rng: np.random.Generator, count: int, sizes: Sizes, target: str) -> tuple[np.ndarray, np.ndarray]:
    steps, vocabulary = sizes["steps"], sizes["vocabulary"]
    tokens = (vocabulary * rng.uniform(size=(count, steps + 1)) ** 3).astype("int32")
    if target == "tokens":
        return tokens[:, :-1], tokens[:, 1:]
    return tokens[:, 1:], (tokens[:, -1:] < np.median(tokens[:, -1])).astype("float32")


def _waves(rng: np.random.Generator, count: int, sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, sizes["classes"], count)
    times, features = np.arange(sizes["steps"])[:, None], np.arange(sizes["features"])
    waves = np.sin(0.1 * (labels[:, None, None] + 1) * times + features)
    return (waves + 0.5 * rng.standard_normal(waves.shape)).astype("float32"), labels


def sequence_job(settings: Settings, data: Inputs) -> SequenceJob:
    sequence = SEQUENCES[settings["sequence"]]
    y = data["y"] if sequence.target == "binary" else data["y"].astype("int64")
    return SequenceJob(sequence, settings["sizes"], settings["batch"], data["x"], y, from_arrays(data))


def lamina(job: SequenceJob) -> Trainer:
    import lamina

    return keras_like(lamina, job)


def keras(job: SequenceJob) -> Trainer:
    import keras

    return keras_like(keras, job)


def keras_without_xla(job: SequenceJob) -> Trainer:
    """On TensorFlow: its own operations, where Keras by default takes XLA."""
    import keras

    return keras_like(keras, job, jit_compile=False)


def keras_like(keras, job: SequenceJob, layers=None, **options: bool) -> Trainer:
    """Args: layers: what answers the definition, if other layers than usual are wanted."""
    from benchmarks.sequences.keras_layers import keras_sequence

    model = keras_sequence(keras, job.sequence, job.sizes, job.weights, layers)
    of = (
        keras.losses.BinaryCrossentropy
        if job.sequence.target == "binary"
        else keras.losses.SparseCategoricalCrossentropy
    )
    model.compile(keras.optimizers.Adam(job.sequence.learning_rate), of(from_logits=True), **options)
    return lambda: model.fit(job.x, job.y, batch_size=job.batch, shuffle=False, verbose=0).history["loss"][0]


def torch_eager(job: SequenceJob) -> Trainer:
    return _torch(job, compiled=False)


def torch_compile(job: SequenceJob) -> Trainer:
    return _torch(job, compiled=True)


def _torch(job: SequenceJob, compiled: bool) -> Trainer:
    import torch

    from benchmarks.sequences.torch_layers import TorchSequence

    functions, batches = torch.nn.functional, job.batches()
    model = TorchSequence(job.sequence, job.sizes, job.weights)
    x, y = torch.from_numpy(job.x), torch.from_numpy(job.y)
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learnt, job.sequence.learning_rate, (BETA_1, BETA_2), EPSILON, fused=True)

    def error(x, y):
        logits = model(x)
        if job.sequence.target == "binary":
            return functions.binary_cross_entropy_with_logits(logits, y)
        return functions.cross_entropy(logits.flatten(0, -2), y.flatten())

    if compiled:
        error = torch.compile(error)

    steps = itertools.count(1)

    def train() -> float:
        losses = []
        for rows in batches:
            optimizer.zero_grad()
            value = error(x[rows], y[rows])
            value.backward()
            # Keras adds epsilon before it corrects the bias: many gradients here are so small that it matters.
            optimizer.param_groups[0]["eps"] = EPSILON / (1 - BETA_2 ** next(steps)) ** 0.5
            optimizer.step()
            losses.append(value.detach())
        return float(torch.stack(losses).mean())

    return train


def _jax_step(job: SequenceJob):
    """A training step (carry, (x, y)) -> (carry, loss), and the first carry."""
    import jax
    from jax import numpy as jnp

    from benchmarks.sequences.jax_layers import JaxSequenceLayers

    weights = [[jnp.asarray(array) for array in layer] for layer in job.weights]
    update, state = jax_adam(weights, job.sequence.learning_rate)

    def error(weights, x, y):
        logits = job.sequence.define(JaxSequenceLayers(weights), x, job.sizes)
        if job.sequence.target == "binary":
            return (jax.nn.softplus(logits) - logits * y).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1).mean()

    def step(carry, batch):
        weights, state = carry
        value, gradients = jax.value_and_grad(error)(weights, *batch)
        return update(weights, gradients, state), value

    return step, (weights, state)


def jax_jit(job: SequenceJob) -> Trainer:
    import jax
    from jax import numpy as jnp

    one, first = _jax_step(job)
    step, carry = jax.jit(one, donate_argnums=0), [first]
    x, y, batches = jnp.asarray(job.x), jnp.asarray(job.y), job.batches()

    def train() -> float:
        losses = []
        for rows in batches:
            carry[0], value = step(carry[0], (x[rows], y[rows]))
            losses.append(value)
        jax.block_until_ready(carry[0])
        return float(np.mean([float(value) for value in losses]))

    return train


def jax_scan(job: SequenceJob) -> Trainer:
    import jax
    from jax import numpy as jnp

    step, first = _jax_step(job)
    epoch, carry = jax.jit(lambda carry, data: jax.lax.scan(step, carry, data), donate_argnums=0), [first]
    data = tuple(jnp.asarray(array).reshape(-1, job.batch, *array.shape[1:]) for array in (job.x, job.y))

    def train() -> float:
        carry[0], losses = epoch(carry[0], data)
        jax.block_until_ready(carry[0])
        return float(losses.mean())

    return train


TRAINERS: dict[str, Callable[[SequenceJob], Trainer]] = {
    "lamina": lamina,
    "keras-tensorflow": keras,
    "keras-tensorflow-graph": keras_without_xla,
    "keras-jax": keras,
    "jax-jit": jax_jit,
    "jax-scan": jax_scan,
    "torch": torch_eager,
    "torch-compile": torch_compile,
}
