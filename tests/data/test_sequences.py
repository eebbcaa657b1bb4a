"""Sequences of many lengths: padded, and in batches of like length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import data, layers, losses, models, utils
from lamina.base.errors import ArgumentError, DataError

RAGGED = [[1], [2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
        ({"value": -1}, [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5]]),
        ({"maxlen": 4, "padding": "post", "dtype": "float32"}, [[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0]]),
    ],
)
def test_padded_as_in_keras(options: Any, expected: Any) -> None:
    result = utils.pad_sequences(RAGGED, **options)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == options.get("dtype", "int32")
    assert utils.pad_sequences is data.pad_sequences


def test_padded_steps_of_vectors_strings_and_nothing() -> None:
    vectors = [np.ones((2, 3)), np.ones((0, 3)), np.ones((1, 3))]
    result = data.pad_sequences(vectors, dtype="float32")
    assert result.shape == (3, 2, 3)
    assert result.sum((1, 2)).tolist() == [6, 0, 3]
    words = data.pad_sequences([["a"], ["b", "c"]], dtype=object, value="")
    assert words.tolist() == [["", "a"], ["b", "c"]]
    assert data.pad_sequences([]).shape == (0, 0)
    assert data.pad_sequences([[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: data.pad_sequences(RAGGED, padding="left"), ArgumentError, "padding must be 'pre' or 'post'"),
        (lambda: data.pad_sequences(RAGGED, maxlen=0), ArgumentError, "maxlen must be a whole number of at least 1"),
        (lambda: data.pad_sequences(RAGGED, value="x"), ArgumentError, "needs dtype=object"),
        (lambda: data.pad_sequences([[1], 2]), DataError, "item 1 must be a sequence"),
        (lambda: data.pad_sequences(5), DataError, "must be a list of sequences"),
        (lambda: data.pad_sequences([np.ones((2, 3)), np.ones((2, 4))]), DataError, "the steps of sequence 1"),
        (lambda: data.bucket_by_length(RAGGED, boundaries=[3, 2]), ArgumentError, "boundaries must grow"),
        (lambda: data.bucket_by_length(RAGGED, np.zeros(2)), DataError, "a target for each sequence"),
        (lambda: data.bucket_by_length(RAGGED, np.zeros(3), weigh_steps=True), ArgumentError, "weigh_steps=True needs"),
        (lambda: data.bucket_by_length(RAGGED, batch_size=0), ArgumentError, "batch_size must be"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def sequences(rng: np.random.Generator, count: int = 50) -> list[list[int]]:
    return [rng.integers(1, 9, n).tolist() for n in rng.integers(1, 20, count)]


def test_every_sequence_comes_once_an_epoch_in_a_batch_of_like_length(rng: np.random.Generator) -> None:
    given = sequences(rng)
    dataset = data.bucket_by_length(given, np.arange(50), batch_size=8, boundaries=[5, 10, 20], seed=1)
    orders = []
    for _ in range(2):
        seen = []
        for index in range(len(dataset)):
            x, y = dataset[index]
            assert x.shape[1] in (5, 10, 20) and len(x) <= 8
            for row, number in zip(x, y, strict=True):
                length = len(given[number])
                np.testing.assert_array_equal(row, given[number] + [0] * (x.shape[1] - length))
                assert length > {5: 0, 10: 5, 20: 10}[x.shape[1]]
            seen += y.tolist()
        assert sorted(seen) == list(range(50))
        orders.append(seen)
        dataset.on_epoch_end()
    assert orders[0] != orders[1]


def test_default_boundaries_are_few_and_fit(rng: np.random.Generator) -> None:
    given = sequences(rng, 200)
    dataset = data.bucket_by_length(given, shuffle=False)
    assert len(dataset.boundaries) == 4 and dataset.boundaries[-1] == max(map(len, given))
    assert sum(len(dataset[i][0]) for i in range(len(dataset))) == 200
    padding = sum((dataset[i][0] == 0).sum() for i in range(len(dataset)))
    assert padding < 0.5 * (data.pad_sequences(given) == 0).sum()
    assert data.bucket_by_length([[1, 2]]).boundaries == (2,)


def test_targets_that_are_sequences_are_padded_and_weighed() -> None:
    targets = [[7, 8], [9], [1, 2, 3]]
    dataset = data.bucket_by_length(RAGGED, targets, boundaries=[2, 4], weigh_steps=True, shuffle=False)
    (x, y, weights), (x2, y2, weights2) = dataset[0], dataset[1]
    np.testing.assert_array_equal(x, [[1, 0], [2, 3]])
    np.testing.assert_array_equal(y, [[7, 8], [9, 0]])
    np.testing.assert_array_equal(weights, [[1, 1], [1, 0]])
    assert x2.shape == y2.shape == weights2.shape == (1, 4)
    before = data.bucket_by_length(RAGGED, targets, boundaries=[4], weigh_steps=True, padding="pre", shuffle=False)
    np.testing.assert_array_equal(before[0][2], [[0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 1, 1]])


def test_longer_sequences_lose_their_end() -> None:
    (x,) = data.bucket_by_length([[1, 2, 3, 4]], boundaries=[2])[0]
    np.testing.assert_array_equal(x, [[1, 2]])


def test_fit_on_batches_of_several_lengths(rng: np.random.Generator) -> None:
    given = sequences(rng, 40)
    dataset = data.bucket_by_length(given, given, batch_size=8, boundaries=[10, 20], seed=2)
    model = models.Sequential([layers.Input((None,), dtype="int32"), layers.Embedding(9, 8), layers.Dense(9)])
    model.compile("adam", loss=losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0))
    history = model.fit(dataset, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_fit_passes_over_padding_by_weights_or_by_masks(rng: np.random.Generator) -> None:
    given = sequences(rng, 30)
    options = {"batch_size": 8, "boundaries": [1, 10, 20], "seed": 2}
    weighed = data.bucket_by_length(given, given, weigh_steps=True, **options)
    plain = data.bucket_by_length(given, given, **options)

    def tagger(mask: bool) -> models.Sequential:
        table = layers.Embedding(9, 8, mask_zero=mask)
        model = models.Sequential([layers.Input((None,), dtype="int32"), table, layers.Dense(9)])
        model.set_weights([np.sin(np.arange(w.size, dtype="float32")).reshape(w.shape) for w in model.get_weights()])
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        model.compile("sgd", loss, weighted_metrics=["accuracy"])
        return model

    first = tagger(False).fit(weighed, epochs=2, verbose=0).history
    second = tagger(True).fit(plain, epochs=2, verbose=0).history
    np.testing.assert_allclose(first["loss"], second["loss"], rtol=1e-4)
    np.testing.assert_allclose(first["accuracy"], second["accuracy"], rtol=1e-4)
