"""One seed decides everything that was given none."""

from __future__ import annotations

import random as python_random

import numpy as np

from lamina import initializers, ops, random
from lamina.layers import Dense, Dropout, Input
from lamina.models import Sequential
from lamina.random import SeedGenerator, make_default_seed, set_random_seed


def everything() -> list[np.ndarray]:
    """Values of all that draws a seed by itself."""
    layer = Dropout(0.5)
    model = Sequential([Input((3,)), Dense(4), Dropout(0.5), Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(36, dtype=np.float32).reshape(12, 3) / 36
    loss = model.fit(x, x[:, :1], batch_size=5, epochs=2, verbose=0).history["loss"]  # shuffled
    return [
        np.array(SeedGenerator().seed),
        np.array(make_default_seed()),
        random.normal((3,), seed=SeedGenerator(None)).numpy(),
        random.uniform((3,)).numpy(),
        np.asarray(layer(ops.ones((20,)), training=True)),
        np.asarray(initializers.GlorotUniform()((3, 4))),
        np.array(loss),
        *model.get_weights(),
    ]


def test_set_random_seed_decides_all(executor):
    set_random_seed(7)
    first = everything()
    set_random_seed(7)
    for one, again in zip(first, everything(), strict=True):
        np.testing.assert_array_equal(one, again)
    set_random_seed(8)
    assert not any(np.array_equal(one, other) for one, other in zip(first, everything()) if one.any())


def test_without_a_seed_everything_differs():
    seeds = {SeedGenerator().seed for _ in range(20)} | {make_default_seed() for _ in range(20)}
    assert len(seeds) == 40


def test_drawing_seeds_leaves_the_users_generators_alone():
    set_random_seed(3)
    expected = python_random.Random(3).random()
    everything()
    assert python_random.random() == expected
    np.testing.assert_array_equal(np.random.random(2), np.random.RandomState(3).random_sample(2))
