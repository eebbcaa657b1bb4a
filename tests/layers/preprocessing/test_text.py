"""Words as numbers: what Keras 3.15 on TensorFlow gives, with vocabularies learnt and given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import data, layers, losses, models
from lamina.base.errors import ArgumentError, TraceError

TEXTS = ["The cat, sat on the mat!", "A dog; the DOG sat. É ü", "don't   stop\tit\u00a0now"]
WORDS = ["the", "sat", "dog", "ü", "É", "stop", "on", "mat", "it\u00a0now", "dont", "cat", "a"]


def vectorization(**arguments: Any) -> layers.TextVectorization:
    layer = layers.TextVectorization(**arguments)
    layer.adapt(TEXTS)
    return layer


def test_texts_as_numbers() -> None:
    layer = vectorization()
    assert layer.get_vocabulary() == ["", "[UNK]", *WORDS] and layer.vocabulary_size() == 14
    assert layer.get_vocabulary(include_special_tokens=False) == WORDS
    result = layer(["the cat ate", "dog"])
    assert result.dtype == "int64"
    np.testing.assert_array_equal(result, [[2, 12, 1], [4, 0, 0]])
    np.testing.assert_array_equal(layer("the dog"), [2, 4])
    np.testing.assert_array_equal(layer(np.array([[b"DOG!"], [b""]])), [[4], [0]])
    short = vectorization(max_tokens=6, output_sequence_length=4)
    assert short.get_vocabulary() == ["", "[UNK]", "the", "sat", "dog", "ü"]
    np.testing.assert_array_equal(short(["the cat sat on the mat", "dog"]), [[2, 1, 3, 1], [4, 0, 0, 0]])


@pytest.mark.parametrize(
    ("mode", "batch", "single"),
    [
        ("multi_hot", [[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0]], [0, 1, 0, 1, 0, 0, 0]),
        ("count", [[2, 2, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0]], [0, 1, 0, 1, 0, 0, 0]),
        ("tf_idf", [[1.68382, 1.38629, 0, 0, 0, 0, 0], [0, 0, 0, 0.91629, 0, 0, 0]], [0, 0.69315, 0, 0.91629, 0, 0, 0]),
    ],
)
def test_texts_as_counts(mode: str, batch: Any, single: Any) -> None:
    layer = vectorization(output_mode=mode, max_tokens=7)
    assert layer.get_vocabulary() == ["[UNK]", "the", "sat", "dog", "ü", "É", "stop"]
    np.testing.assert_allclose(layer(["the the cat ate", "dog"]), batch, atol=1e-5)
    np.testing.assert_allclose(layer("the dog"), single, atol=1e-5)
    np.testing.assert_array_equal(layer([""]), np.zeros((1, 7)))
    assert layer(["a"]).dtype == ("float32" if mode == "tf_idf" else "int64")


def test_ways_to_split_and_standardize() -> None:
    layer = layers.TextVectorization(ngrams=2)
    layer.adapt(TEXTS[:1])
    assert layer.get_vocabulary()[2:] == [
        "the", "the mat", "the cat", "sat on", "sat", "on the", "on", "mat", "cat sat", "cat"
    ]  # fmt: skip
    layer = layers.TextVectorization(split="character", standardize="lower")
    layer.adapt(["Aé b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "é", "b", "a", " "]
    np.testing.assert_array_equal(layer(["ab"]), [[4, 3]])
    layer = layers.TextVectorization(split=lambda t: t.split("-"), standardize=str.upper, vocabulary=["A", "B"])
    np.testing.assert_array_equal(layer(["b-a", "c"]), [[3, 2], [1, 0]])
    whole = layers.TextVectorization(split=None, standardize=None, vocabulary=["a b"], ngrams=(1,))
    np.testing.assert_array_equal(whole(["a b", "a"]), [[2], [1]])
    padded = layers.TextVectorization(output_mode="multi_hot", max_tokens=9, pad_to_max_tokens=True, vocabulary=["a"])
    np.testing.assert_array_equal(padded(["a c"]), [[1, 1, 0, 0, 0, 0, 0, 0, 0]])


def test_vocabularies_are_given_learnt_and_kept(tmp_path: Any) -> None:
    layer = layers.TextVectorization(vocabulary=["", "[UNK]", "a", "b"])
    np.testing.assert_array_equal(layer(["b a q"]), [[3, 2, 1]])
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    np.testing.assert_array_equal(layers.TextVectorization(vocabulary=str(path))(["b a q"]), [[3, 2, 1]])
    batches = vectorization()
    batches.adapt(([text] for text in TEXTS), steps=1)
    assert set(batches.get_vocabulary()[2:]) == {"the", "sat", "on", "mat", "cat"}
    for made in (vectorization(output_mode="tf_idf"), vectorization(ngrams=2, output_sequence_length=3)):
        again = layers.deserialize(layers.serialize(made))
        np.testing.assert_array_equal(again(TEXTS), made(TEXTS))


def test_words_one_by_one() -> None:
    layer = layers.StringLookup()
    layer.adapt([["a", "b", "b"], ["c", "c", "d"]])
    assert layer.get_vocabulary() == ["[UNK]", "c", "b", "d", "a"]
    np.testing.assert_array_equal(layer([["a", "z"], ["c", "b"]]), [[4, 0], [1, 2]])
    assert int(layer("c")) == 1
    layer = layers.StringLookup(vocabulary=["a", "b"], mask_token="")
    np.testing.assert_array_equal(layer(["", "a", "q"]), [0, 2, 1])
    back = layers.StringLookup(vocabulary=layer.get_vocabulary(), mask_token="", invert=True)
    assert back([[0, 1], [2, 3]]).tolist() == [["", "[UNK]"], ["a", "b"]] and back([99]).tolist() == ["[UNK]"]
    several = layers.StringLookup(vocabulary=["a"], num_oov_indices=3)
    found = np.asarray(several([str(i) for i in range(50)]))
    assert set(found.tolist()) == {0, 1, 2} and int(several("a")) == 3


@pytest.mark.parametrize(
    ("mode", "flat", "rows"),
    [
        ("one_hot", [[0, 1, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]),
        ("multi_hot", [1, 1, 0], [[0, 1, 0], [0, 0, 1]]),
        ("count", [1, 1, 0], [[0, 1, 0], [0, 0, 1]]),
    ],
)
def test_words_as_counts(mode: str, flat: Any, rows: Any) -> None:
    layer = layers.StringLookup(vocabulary=["a", "b"], output_mode=mode)
    np.testing.assert_array_equal(layer(["a", "q"]), flat)
    np.testing.assert_array_equal(layer([["a"], ["b"]]), rows)


def test_given_weights_of_documents() -> None:
    layer = layers.StringLookup(vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[0.5, 0.25])
    np.testing.assert_array_equal(layer([["a", "a"], ["b", "q"]]), [[0, 1, 0], [0.375, 0, 0.25]])


def test_whole_numbers() -> None:
    layer = layers.IntegerLookup()
    layer.adapt(np.array([5, 5, 7, 1, 7, 7]))
    assert layer.get_vocabulary() == [-1, 7, 5, 1]
    np.testing.assert_array_equal(layer([[5, 7], [1, 9]]), [[2, 1], [3, 0]])
    layer = layers.IntegerLookup(vocabulary=[5, 7], num_oov_indices=2, mask_token=0)
    np.testing.assert_array_equal(layer([[5, 7, 10], [0, 9, 11]]), [[3, 4, 1], [0, 2, 2]])
    back = layers.IntegerLookup(vocabulary=[5, 7], invert=True)
    np.testing.assert_array_equal(back([0, 2, 1]), [-1, 7, 5])


def test_a_model_reads_texts_of_several_lengths() -> None:
    texts = ["good " * n for n in range(1, 9)] + ["bad " * n for n in range(1, 9)]
    layer = layers.TextVectorization(ragged=True)
    layer.adapt(texts)
    rows = layer(texts)
    assert [len(row) for row in rows] == [*range(1, 9)] * 2
    dataset = data.bucket_by_length(rows, np.repeat([1.0, 0.0], 8), batch_size=4, boundaries=[4, 8], seed=1)
    model = models.Sequential(
        [layers.Input((None,), dtype="int32"), layers.Embedding(layer.vocabulary_size(), 4, mask_zero=True),
         layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]
    )  # fmt: skip
    model.compile("adam", losses.BinaryCrossentropy())
    history = model.fit(dataset, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: layers.StringLookup()(["a"]), ArgumentError, r"has no vocabulary. Call `adapt\(data\)`"),
        (lambda: layers.TextVectorization()(["a"]), ArgumentError, r"has no vocabulary. Call `adapt\(texts\)`"),
        (lambda: layers.TextVectorization(output_mode="one_hot"), ArgumentError, "output_mode must be one of"),
        (lambda: layers.TextVectorization(standardize="upper"), ArgumentError, "standardize must be one of"),
        (lambda: layers.TextVectorization(output_mode="count", ragged=True), ArgumentError, "'int' only"),
        (lambda: layers.StringLookup(max_tokens=1), ArgumentError, "max_tokens must be a whole number above 1"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), ArgumentError, "an entry twice. Received: 'a'"),
        (lambda: layers.StringLookup(max_tokens=2, vocabulary=["a", "b"]), ArgumentError, "max_tokens is 2"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), ArgumentError, "invert=True goes with"),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=["a"]), ArgumentError, "needs idf_weights"),
        (lambda: layers.StringLookup(sparse=True, output_mode="count"), ArgumentError, "sparse=True"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]), ArgumentError, "'b' is not in the"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["b"]), ArgumentError, "takes whole numbers. Received: 'b'"),
        (lambda: vectorization()([["a", "b"]]), ArgumentError, r"\(batch,\) or \(batch, 1\).*\(1, 2\)"),
        (lambda: vectorization()([1, 2]), ArgumentError, "takes texts"),
        (lambda: layers.StringLookup(vocabulary=["a"])(layers.Input((1,))), TraceError, "cannot be a part of a model"),
    ],
)
def test_what_cannot_be(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
