"""The number of threads changes how fast a model learns, and not one bit of what it learns."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.config import config
from lamina.layers import Dense, Dropout, Input
from lamina.models import Sequential
from lamina.utils import set_random_seed

# Large enough that kernels are cut into several tasks, and odd so that there are edges.
ROWS, FEATURES, HIDDEN, CLASSES = 515, 129, 131, 7


def trained(threads: int, rng_seed: int = 0) -> list[np.ndarray]:
    """Weights, optimizer state, history, results and predictions after a whole small training."""
    config.threads = threads
    set_random_seed(3)
    rng = np.random.default_rng(rng_seed)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = rng.integers(0, CLASSES, ROWS)
    model = Sequential(
        [
            Input((FEATURES,)),
            Dense(HIDDEN, activation="gelu"),
            Dropout(0.25),
            Dense(CLASSES, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"batch_size": 64, "epochs": 3, "validation_split": 0.2, "verbose": 0}
    history = model.fit(x, y, **options).history
    return [
        *model.get_weights(),
        *(v.numpy() for v in model.optimizer.variables),
        *(np.array(values) for _, values in sorted(history.items())),
        np.array(model.evaluate(x, y, verbose=0)),
        model.predict(x, verbose=0),
        model.predict(x[:1], verbose=0),
    ]


@pytest.fixture(scope="module")
def alone() -> list[np.ndarray]:
    """What one thread gives."""
    before = config.threads
    try:
        return trained(1)
    finally:
        config.threads = before


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_same_bits_with_any_number_of_threads(alone, threads):
    for one, many in zip(alone, trained(threads), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, many)


def test_other_data_gives_other_bits(alone):
    """That the comparison above can fail."""
    assert not np.array_equal(alone[0], trained(2, rng_seed=1)[0])
