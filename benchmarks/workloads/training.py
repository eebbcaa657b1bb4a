"""What the training workloads share: a trainer that a peer's function builds, and the optimizers by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.timing import seconds_of
from benchmarks.workload import Task

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7


@dataclass(frozen=True)
class Trainer:
    """A model in some framework, with its data.

    Attributes:
        train: trains once over what the workload calls one fit, and waits until it is finished.
        weights: the current weights as NumPy arrays, kernels as (inputs, outputs).
    """

    train: Callable[[], None]
    weights: Callable[[], list[np.ndarray]]


def training_task(trainer: Trainer, loss: Callable[[list[np.ndarray]], float], scale: float) -> Task:
    """Trains once from the initial weights, which compiles and tells the loss; each sample trains once more.

    Args:
        loss: weights -> loss over all the data, computed alike for every peer, in NumPy.
        scale: samples are seconds times this.
    """
    trainer.train()
    value = loss([np.asarray(w, "float64") for w in trainer.weights()])
    return Task(lambda: seconds_of(trainer.train) * scale, value)


def adam(weights, gradients, means, squares, step, learning_rate=LEARNING_RATE):
    """Keras' Adam on lists of arrays; works on any arrays with NumPy's operators. `step` counts from 1."""
    rate = learning_rate * (1 - BETA_2**step) ** 0.5 / (1 - BETA_1**step)
    means = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(means, gradients)]
    squares = [BETA_2 * v + (1 - BETA_2) * g * g for v, g in zip(squares, gradients)]
    weights = [w - rate * m / (v**0.5 + EPSILON) for w, m, v in zip(weights, means, squares)]
    return weights, means, squares


def jax_adam(weights, learning_rate: float):
    """Adam on a tree of JAX arrays.

    Returns:
        The update: weights, gradients, state -> weights, state; and the first state.
    """
    import jax

    def update(weights, gradients, state):
        *moments, step = state
        flat, structure = jax.tree.flatten(weights)
        flat, means, squares = adam(flat, jax.tree.leaves(gradients), *moments, step + 1, learning_rate)
        return jax.tree.unflatten(structure, flat), (means, squares, step + 1)

    zeros = [[jax.numpy.zeros_like(w) for w in jax.tree.leaves(weights)] for _ in range(2)]
    return update, (*zeros, jax.numpy.zeros(()))
