"""Small transformers made of layers: one that reads, and one that writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, losses, models, optimizers
from lamina.base.config import config
from lamina.random import set_random_seed

STEPS, WORDS, SIZE = 12, 16, 16


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


def block(x: Any, heads: int = 2, causal: bool = False, dropout: float = 0.1) -> Any:
    """Attention and a small network, each around a normalised copy and added."""
    y = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(heads, SIZE // heads, dropout=dropout, seed=1)(y, y, use_causal_mask=causal)
    y = layers.LayerNormalization()(x)
    y = layers.Dense(SIZE)(layers.Dense(4 * SIZE, activation="gelu")(y))
    return x + layers.Dropout(dropout, seed=2)(y)


def reader() -> models.Model:
    """Tells of padded sequences which of two words comes more often."""
    inputs = layers.Input((STEPS,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(WORDS, STEPS, SIZE)(inputs)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(block(x)))
    return models.Model(inputs, layers.Dense(2)(x))


def writer(blocks: int = 2) -> models.Model:
    """Gives each next word a score, from those before it."""
    inputs = layers.Input((None,), dtype="int32")
    embedding = layers.ReversibleEmbedding(WORDS, SIZE)
    x = embedding(inputs)
    x = x + layers.PositionEmbedding(STEPS)(x)
    for _ in range(blocks):
        x = block(x, causal=True, dropout=0.0)
    return models.Model(inputs, embedding(layers.LayerNormalization()(x), reverse=True))


def counted(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.integers(3, WORDS, (rows, STEPS))
    x[rng.random(x.shape) < 0.3] = 1
    x[rng.random(x.shape) < 0.3] = 2
    x[:, STEPS - 2 :] = 0
    return x, ((x == 1).sum(1) > (x == 2).sum(1)).astype("int64")


def rhythm(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Sequences that go on in steps of one of two sizes, which only what came before tells."""
    start, step = rng.integers(0, WORDS, (rows, 1)), rng.choice([1, 5], (rows, 1))
    return (start + step * np.arange(STEPS + 1)) % WORDS


def test_a_reader_learns(rng: np.random.Generator) -> None:
    model = reader()
    model.compile(
        optimizers.Adam(0.005), loss=losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    x, y = counted(rng, 512)
    history = model.fit(x, y, batch_size=32, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    other_x, other_y = counted(rng, 256)
    assert model.evaluate(other_x, other_y, verbose=0)[1] > 0.85


def test_a_writer_learns_and_does_not_look_ahead(rng: np.random.Generator) -> None:
    model = writer()
    model.compile(optimizers.Adam(0.005), loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    tokens = rhythm(rng, 256)
    x, y = tokens[:, :-1], tokens[:, 1:]
    history = model.fit(x, y, batch_size=32, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    before = model.predict(x[:8], verbose=0)
    for place in (STEPS - 1, 5, 1):
        changed = x[:8].copy()
        changed[:, place] = (changed[:, place] + 3) % WORDS
        after = model.predict(changed, verbose=0)
        np.testing.assert_array_equal(after[:, :place], before[:, :place])
        assert np.abs(after[:, place:] - before[:, place:]).max(-1).min() > 0
    shorter = model.predict(x[:8, :7], verbose=0)
    np.testing.assert_allclose(shorter, before[:, :7], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [reader, writer], ids=["reader", "writer"])
def test_compiled_as_interpreted(make: Any, rng: np.random.Generator) -> None:
    x = rng.integers(0, WORDS, (24, STEPS))
    y = x[:, 0] % 2 if make is reader else np.roll(x, -1, 1)
    start = make()
    results = []
    for interpret in (True, False):
        config.interpret = interpret
        model = make()
        model.set_weights(start.get_weights())
        model.compile(optimizers.SGD(0.05), loss=losses.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"]
        results.append([np.array(history), model.predict(x, verbose=0), *model.get_weights()])
    for interpreted, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=2e-3, atol=2e-4)
