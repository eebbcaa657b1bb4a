"""Embeddings: Keras' numbers, numbers out of range, rows that train, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import layers, losses, models, ops
from lamina.base.errors import ArgumentError, IndexRangeError
from lamina.layers.masks import mask_of
from lamina.random import set_random_seed
from lamina.tensor import GradientTape
from tests.golden.digests import fill
from tests.layers import sequences

CASES = sequences.cases("Embedding", "ReversibleEmbedding")
IDS = np.array([[1, 2, 0], [2, 2, 4]])


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    set_random_seed(7)


@pytest.mark.parametrize("case", CASES, ids=sequences.label)
def test_as_in_keras(case: Any) -> None:
    sequences.check_description(case)
    sequences.check_values(case)
    sequences.check_traced(case)


def test_gradient_adds_up_where_a_row_is_used_often() -> None:
    layer = layers.Embedding(6, 2)
    layer.build()
    with GradientTape() as tape:
        loss = ops.sum(layer(IDS) * fill((2, 3, 2), 0.1))
    expected = np.zeros((6, 2), "float32")
    np.add.at(expected, IDS, fill((2, 3, 2), 0.1))
    np.testing.assert_allclose(tape.gradient(loss, layer.embeddings), expected, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_fit_moves_the_rows_that_are_used(optimizer: str, executor: str) -> None:
    model = models.Sequential(
        [layers.Input((3,), dtype="int32"), layers.Embedding(8, 4), layers.Flatten(), layers.Dense(1)]
    )
    model.compile(optimizer, loss="mse")
    before = model.layers[0].get_weights()[0]
    ids = np.tile(IDS, (8, 1))
    history = model.fit(ids, ids[:, :1] * 1.0, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    moved = (model.layers[0].get_weights()[0] != before).any(1)
    assert moved.tolist() == [True, True, True, False, True, False, False, False]


@pytest.mark.parametrize("wrong", [8, -1, 10**6])
def test_a_number_out_of_range(wrong: int) -> None:
    layer = layers.Embedding(8, 4, name="words")
    with pytest.raises(IndexRangeError, match=rf"Embedding layer 'words'.*below 8 \(input_dim\). Received: {wrong}"):
        layer(np.array([[1, wrong]]))


@pytest.mark.parametrize("wrong", [8, -1])
def test_a_number_out_of_range_in_a_program(wrong: int, executor: str) -> None:
    model = models.Sequential([layers.Input((2,), dtype="int32"), layers.Embedding(8, 4), layers.Flatten()])
    assert model.predict(np.array([[1, 7]]), verbose=0).shape == (1, 8)
    with pytest.raises(IndexRangeError):
        model.predict(np.array([[1, wrong]]), verbose=0)


def test_first_values_and_masks() -> None:
    table = fill((5, 3), 0.3)
    for given in (table, [table]):
        layer = layers.Embedding(5, 3, weights=given, mask_zero=True)
        y = layer(IDS)
        np.testing.assert_array_equal(y, table[IDS])
        np.testing.assert_array_equal(mask_of(y), IDS != 0)
    assert mask_of(layers.Embedding(5, 3)(IDS)) is None


def test_half_floats_keep_the_numbers_exact() -> None:
    layer = layers.Embedding(4000, 2, dtype="mixed_bfloat16")
    y = layer(np.array([[3999.0]], "float32"))
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(np.asarray(y, "float32")[0, 0], np.asarray(layer.embeddings)[3999], rtol=0.01, atol=1e-4)


def test_there_and_back_with_one_table(executor: str) -> None:
    inputs = layers.Input((4,), dtype="int32")
    embedding = layers.ReversibleEmbedding(6, 8)
    outputs = embedding(layers.Dense(8)(embedding(inputs)), reverse=True)
    model = models.Model(inputs, outputs)
    assert outputs.shape == (None, 4, 6)
    assert sum(w.shape == (6, 8) for w in model.weights) == 1
    model.compile("adam", loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.arange(64).reshape(16, 4) % 6
    history = model.fit(x, x, epochs=6, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Embedding(0, 3), "input_dim must be a whole number of at least 1"),
        (lambda: layers.Embedding(3, 2.0), "output_dim must be a whole number of at least 1"),
        (lambda: layers.Embedding(3, 2, lora_rank=2), "low-rank adaptation"),
    ],
)
def test_arguments_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
