"""`generate` with functions: prompts of all kinds, ends, state of any structure, and its errors."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import lamina as keras
from lamina import layers, ops
from lamina.base.errors import ArgumentError, DataError, ShapeError
from lamina.generation import generate, teacher_forcing


def counting(size=10):
    """A model that counts."""
    return lambda token, cache, index: (ops.one_hot((token + 1) % size, size), cache)


def test_prompts_of_different_lengths(executor):
    found = generate(counting(), [[1], [4, 6, 8], [0, 0]], 5)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [[1, 2, 3, 4, 5], [4, 6, 8, 9, 0], [0, 0, 1, 2, 3]])


def test_one_prompt_arrays_tensors_and_padded_prompts():
    model = counting()
    assert list(generate(model, [3, 5], 4)) == [3, 5, 6, 7]
    assert list(generate(model, np.array([3]), 3)) == [3, 4, 5]
    assert generate(model, ops.convert_to_tensor([[3], [4]]), 3).tolist() == [[3, 4, 5], [4, 5, 6]]
    padded = {"token_ids": [[3, 0], [1, 7]], "padding_mask": [[1, 0], [1, 1]]}
    assert generate(model, padded, 4).tolist() == [[3, 4, 5, 6], [1, 7, 8, 9]]
    assert generate(model, [[1, 2], [3, 4]], 2).tolist() == [[1, 2], [3, 4]]


def test_ends(executor):
    found = generate(counting(), [[1], [4, 8, 6]], 7, end_token_id=8, pad_token_id=-1)
    np.testing.assert_array_equal(found, [[1, 2, 3, 4, 5, 6, 7], [4, 8, 6, 7, 8, -1, -1]])
    found = generate(counting(), [[1], [6]], 6, end_token_id=[3, 8])
    np.testing.assert_array_equal(found, [[1, 2, 3, 0, 0, 0], [6, 7, 8, 0, 0, 0]])


def test_the_program_stops_when_all_texts_have_ended():
    steps = keras.Variable(0, dtype="int32", trainable=False)

    def model(token, cache, index):
        steps.assign(steps + 1)
        return 30 * ops.one_hot((token + 1) % 10, 10), cache

    generate(model, [[1], [2]], 1000, end_token_id=6)
    assert int(steps) == 5
    generate(model, [[1]], 1000, sampler="beam", end_token_id=4)
    assert int(steps) == 8


def test_other_lengths_and_batches_take_no_other_program():
    traces = []

    def model(token, cache, index):
        traces.append(1)
        return ops.one_hot((token + 1) % 10, 10), cache

    generate(model, [[1], [2]], 9)
    first = len(traces)
    generate(model, [[1, 4, 6], [2, 5, 6], [3, 7, 8]], 30)
    assert len(traces) == first


def test_state_of_a_recurrent_decoder_with_what_an_encoder_gave(rng, executor):
    """An LSTM that attends to a context: the same tokens as step by step at once."""
    size, words = 5, 7
    cell, embedding = layers.LSTMCell(size), layers.Embedding(words, 4)
    dense, attention = layers.Dense(words, kernel_initializer="normal"), layers.Attention()
    context = rng.standard_normal((2, 3, size)).astype("float32")

    def step(token, cache, index):
        output, state = cell(embedding(token), cache["state"])
        seen = attention([ops.expand_dims(output, 1), cache["context"]])
        logits = dense(ops.concatenate([output, seen[:, 0]], axis=-1)) * 20
        return logits, {"state": list(state), "context": cache["context"]}

    zeros = np.zeros((2, size), "float32")
    begin = {"state": [zeros, zeros], "context": context}
    token, cache, expected = np.array([1, 1]), keras.ops.convert_to_tensor, [[1, 1]]
    cache = {"state": [ops.convert_to_tensor(zeros)] * 2, "context": ops.convert_to_tensor(context)}
    for index in range(6):
        logits, cache = step(ops.convert_to_tensor(token), cache, index)
        token = np.asarray(logits).argmax(-1)
        expected.append(list(token))
    found = generate(step, [[1], [1]], 7, cache=begin)
    np.testing.assert_array_equal(found, np.transpose(expected))
    beams = generate(step, [[1], [1]], 7, cache=begin, sampler="beam")
    assert beams.shape == (2, 7)
    with pytest.raises(ShapeError, match="needs the batch as its first axis: 3 prompts"):
        generate(step, [[1]] * 3, 7, cache=begin)


def test_weights_that_change_are_seen():
    shift = keras.Variable(1, dtype="int32", trainable=False)

    def model(token, cache, index):
        return ops.one_hot((token + shift) % 10, 10), cache

    assert list(generate(model, [0], 4)) == [0, 1, 2, 3]
    shift.assign(3)
    assert list(generate(model, [0], 4)) == [0, 3, 6, 9]


def test_within_a_traced_function():
    model = counting()

    @keras.function
    def run(prompts):
        return generate(model, prompts + 1, 5)

    np.testing.assert_array_equal(run(np.array([[1, 2], [5, 6]])), [[2, 3, 4, 5, 6], [6, 7, 8, 9, 0]])


@pytest.mark.parametrize("sampler", ["greedy", "beam"])
def test_a_prefill_changes_nothing(rng, sampler, executor):
    """A recurrent decoder that takes what all prompts have at once, by its own layer; also within a traced function."""
    embedding, layer, dense = layers.Embedding(7, 4), layers.LSTM(5, return_state=True), layers.Dense(7)
    calls = []

    def step(token, state, index):
        output, state = layer.cell(embedding(token), state)
        return dense(output) * 20, state

    def prefill(tokens, state):
        calls.append(tokens.shape)
        return list(layer(embedding(tokens), initial_state=state)[1:])

    for prompts in ([[1, 2, 3], [4, 5]], [[1], [2, 3]], [[3, 1, 4, 1, 5]], [[3, 1, 4], [1, 5, 2]]):
        state = [np.zeros((len(prompts), 5), "float32")] * 2
        plain = generate(step, prompts, 9, cache=state, sampler=sampler)
        found = generate(step, prompts, 9, cache=state, sampler=sampler, prefill=prefill)
        np.testing.assert_array_equal(found, plain)
    assert calls

    @keras.function
    def run(prompts):
        state = [ops.zeros((2, 5))] * 2
        return generate(step, prompts, 9, cache=state, sampler=sampler, prefill=prefill)

    np.testing.assert_array_equal(run(np.array(prompts)), plain)


def test_programs_go_with_the_function_or_the_object():
    class Counter:
        def next(self, token, cache, index):
            return ops.one_hot((token + 1) % 10, 10), cache

    counter, model = Counter(), counting()
    assert list(generate(counter.next, [1], 3)) == list(generate(model, [1], 3)) == [1, 2, 3]
    gone = [weakref.ref(counter), weakref.ref(model)]
    del counter, model
    gc.collect()
    assert [r() for r in gone] == [None, None]


@pytest.mark.parametrize(
    ("prompts", "error", "message"),
    [
        ([], DataError, "no prompts"),
        ([[1], []], DataError, "an empty prompt at position 1"),
        (np.zeros((2, 0), int), DataError, "an empty prompt"),
        ([[1], [1, 2, 3, 4, 5]], ArgumentError, "prompt 1 has 5 tokens"),
        ([[1.5]], DataError, "whole numbers"),
        (np.zeros((1, 2, 3), int), DataError, r"shape \(1, 2, 3\)"),
        ("hello", DataError, "whole numbers"),
        ({"token_ids": [[1]]}, DataError, "padding_mask"),
        ({"token_ids": [[1, 2]], "padding_mask": [[0, 1]]}, DataError, "only at the end"),
    ],
)
def test_errors_of_prompts(prompts, error, message):
    with pytest.raises(error, match=message):
        generate(counting(), prompts, 4)


def test_other_errors():
    with pytest.raises(ArgumentError, match="'greedy'"):
        generate(counting(), [1], 4, sampler="gredy")
    with pytest.raises(ArgumentError, match="max_length"):
        generate(counting(), [1], 0)
    with pytest.raises(ArgumentError, match="next_token must be a function"):
        generate(None, [1], 4)
    with pytest.raises(ArgumentError, match="prefill must be a function"):
        generate(counting(), [1], 4, prefill=3)
    with pytest.raises(ArgumentError, match="pad_token_id must be a whole number"):
        generate(counting(), [1], 4, pad_token_id="none")
    with pytest.raises(ArgumentError, match="prompt 0 has 3 tokens"):
        keras.function(lambda prompts: generate(counting(), prompts, 2))(np.array([[1, 2, 3]]))
    with pytest.raises(ArgumentError, match="end_token_id must be a token"):
        generate(counting(), [1], 4, end_token_id="stop")
    with pytest.raises(ArgumentError, match="must return a pair"):
        generate(lambda token, cache, index: ops.one_hot(token, 9), [1], 4)
    with pytest.raises(ShapeError, match=r"must have shape \(batch, vocabulary\)"):
        generate(lambda token, cache, index: (ops.one_hot(token, 9)[:, None], cache), [1], 4)
    with pytest.raises(ShapeError, match="before a step and"):
        generate(
            lambda token, cache, index: (ops.one_hot(token, 9), ops.concatenate([cache, cache], -1)), [1], 4,
            cache=np.zeros((1, 2), "float32"),
        )  # fmt: skip


def test_teacher_forcing():
    targets = np.array([[4, 5, 6], [7, 8, 0]], "int32")
    forced = teacher_forcing(targets, 1)
    np.testing.assert_array_equal(forced, [[1, 4, 5], [1, 7, 8]])
    assert forced.dtype == np.int32
    np.testing.assert_array_equal(teacher_forcing(ops.convert_to_tensor(targets), 1), forced)
    with pytest.raises(ShapeError, match=r"\(batch, steps\)"):
        teacher_forcing(targets[0], 1)


def test_encoder_and_decoder_of_transformers(rng, executor):
    """With caches of both attentions, greedy and by beams, against whole passes."""
    encoder, decoder = layers.TransformerEncoder(16, 2), layers.TransformerDecoder(16, 2)
    embedding, dense = layers.TokenAndPositionEmbedding(9, 8, 8), layers.Dense(9, kernel_initializer="normal")
    source = rng.standard_normal((2, 5, 8)).astype("float32")
    known = np.array([[True] * 5, [True, True, True, False, False]])
    encoded = encoder(source, padding_mask=known)

    def whole(tokens):
        return dense(decoder(embedding(tokens), encoded, encoder_padding_mask=known)) * 30

    expected = np.full((2, 1), 1)
    for _ in range(6):
        expected = np.concatenate([expected, np.asarray(whole(expected))[:, -1:].argmax(-1)], axis=1)

    def step(token, cache, index):
        x = embedding(ops.expand_dims(token, 1), start_index=index)
        x, own, cross = decoder(
            x, encoder_padding_mask=cache["known"], self_attention_cache=cache["own"],
            self_attention_cache_update_index=index, cross_attention_cache=cache["cross"],
        )  # fmt: skip
        return dense(x)[:, 0] * 30, {**cache, "own": own, "cross": cross}

    cache = {
        "own": ops.zeros((2, 2, 7, 2, 4)),
        "cross": decoder._cross_attention_layer.keys_and_values(encoded),
        "known": known,
    }
    np.testing.assert_array_equal(generate(step, [[1], [1]], 7, cache=cache), expected)
    assert generate(step, [[1], [1]], 7, cache=cache, sampler="beam").shape == (2, 7)
