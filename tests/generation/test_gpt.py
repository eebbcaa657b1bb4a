"""GPT: training, generation with a cache against whole passes, prompts, programs, configs, errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import lamina as keras
from lamina import generation
from lamina.base.errors import ArgumentError, DataError
from lamina.generation import GPT, GreedySampler, RandomSampler
from lamina.tensor import TensorSpec


def small(**arguments):
    keras.utils.set_random_seed(7)
    model = GPT(11, 2, 2, 8, 16, **{"dropout": 0.0, "max_sequence_length": 12, **arguments})
    model.build((None, None))
    rng = np.random.default_rng(5)
    model.set_weights([w + 0.5 * rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
    return model


def step_by_step(model, prompt, length):
    """Greedy, with a whole pass for each token."""
    tokens = list(prompt)
    while len(tokens) < length:
        tokens.append(int(np.asarray(model(np.array([tokens])))[0, -1].argmax()))
    return tokens


def test_a_cache_changes_nothing(executor):
    model = small()
    prompts = [[1], [4, 9, 2], [3, 3, 8, 7], [5, 6]]
    expected = [step_by_step(model, prompt, 12) for prompt in prompts]
    assert len({tuple(row[4:]) for row in expected}) > 1
    np.testing.assert_array_equal(model.generate(prompts, sampler="greedy"), expected)
    for prompt, row in zip(prompts, expected):
        np.testing.assert_array_equal(model.generate(prompt, 10, sampler="greedy"), row[:10])


@pytest.mark.parametrize("length", [130, 200, "length"])
def test_cached_logits_are_those_of_a_whole_pass(rng, length, executor):
    """Whatever part of the cache is in use, and whether its length is known beforehand."""
    model, tokens = small(max_sequence_length=200), rng.integers(0, 11, (2, 130)).astype("int32")
    whole = np.asarray(model(tokens))
    begun, cache = model.call_with_cache(tokens[:, :60], model.make_cache(2, 150 if length == "length" else length), 0)
    np.testing.assert_allclose(begun, whole[:, :60], rtol=1e-5, atol=1e-5)
    specs = [TensorSpec((2, 1), "int32"), *[TensorSpec((2, 2, length, 4), "float32")] * 4, TensorSpec((), "int32")]
    step = keras.function(model.call_with_cache, input_signature=specs)
    for index in range(60, 130):
        logits, cache = step(tokens[:, index : index + 1], cache, np.int32(index))
        np.testing.assert_allclose(logits[:, 0], whole[:, index], rtol=1e-5, atol=1e-5)


def test_long_texts_are_those_of_whole_passes(rng):
    """Two prompts of different lengths that go on for longer than one part of the cache."""
    model = small(max_sequence_length=150)
    prompts = [list(rng.integers(0, 11, n)) for n in (70, 3)]
    found = model.generate(prompts, 140, sampler="greedy")
    foreseen = np.asarray(model(found)).argmax(-1)
    for prompt, row, likeliest in zip(prompts, found, foreseen):
        np.testing.assert_array_equal(row[: len(prompt)], prompt)
        np.testing.assert_array_equal(row[len(prompt) :], likeliest[len(prompt) - 1 : -1])
        np.testing.assert_array_equal(model.generate(prompt, 140, sampler="greedy"), row)
    end = int(found[0, 100])
    stopped = model.generate(prompts, 140, sampler="greedy", end_token_id=end, pad_token_id=9)
    for prompt, row, whole in zip(prompts, stopped, found):
        places = np.flatnonzero(whole[len(prompt) :] == end)
        kept = len(prompt) + places[0] + 1 if len(places) else 140
        np.testing.assert_array_equal(row[:kept], whole[:kept])
        assert (row[kept:] == 9).all()


def test_beams_are_those_of_whole_passes():
    """Against a search with a whole pass for each text; prompts of different lengths, one at a time and together."""
    model, beams, length = small(), 3, 9
    prompts = [[1], [4, 9, 2], [5, 6]]

    def searched(prompt):
        texts = [(0.0, prompt)]
        while len(texts[0][1]) < length:
            logits = np.asarray(model(np.array([text for _, text in texts])))[:, -1].astype("float64")
            gains = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            longer = [(s + g, [*text, t]) for (s, text), row in zip(texts, gains) for t, g in enumerate(row)]
            texts = sorted(longer, key=lambda item: -item[0])[:beams]
        return texts

    sampler = generation.BeamSampler(beams, return_all_beams=True)
    found, scores = model.generate(prompts, length, sampler=sampler)
    for row, (prompt, texts, worths) in enumerate(zip(prompts, found, scores)):
        expected = searched(prompt)
        np.testing.assert_array_equal(texts, [text for _, text in expected])
        np.testing.assert_allclose(worths, [score for score, _ in expected], rtol=1e-4)
        np.testing.assert_array_equal(
            model.generate(prompt, length, sampler=generation.BeamSampler(beams)), found[row][0]
        )


def test_lengths_take_no_other_program():
    model = small()
    model.generate([[1], [2]], 8, sampler="greedy")
    program = next(iter(model._generators._programs.values()))
    model.generate([[1, 2, 3], [2, 3]], 12, sampler=GreedySampler())
    model.generate([[1, 2, 3]] * 5, 7, sampler="greedy")
    assert list(model._generators._programs.values()) == [program]
    assert [f.traces for f in program._open.values()] == [1]


def test_it_learns_and_continues():
    keras.utils.set_random_seed(1)
    model = GPT(9, 1, 2, 16, 32, dropout=0.0, max_sequence_length=10)
    tokens = (np.arange(9)[None] + np.arange(90)[:, None]) % 9
    model.compile(keras.optimizers.Adam(0.01), sampler="greedy")
    history = model.fit(tokens[:, :-1], tokens[:, 1:], batch_size=32, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert history["accuracy"][-1] > 0.95
    found = model.generate([[3], [7]], 8)
    np.testing.assert_array_equal(found, [[3, 4, 5, 6, 7, 8, 0, 1], [7, 8, 0, 1, 2, 3, 4, 5]])
    np.testing.assert_array_equal(model.generate([3], 8, end_token_id=6), [3, 4, 5, 6, 0, 0, 0, 0])
    np.testing.assert_array_equal(model.generate([3], 8, sampler="beam"), found[0])
    # Programs read the weights as they are now.
    tokens = tokens[:, ::-1]
    model.fit(tokens[:, :-1], tokens[:, 1:], batch_size=32, epochs=40, verbose=0)
    np.testing.assert_array_equal(model.generate([[5], [4]], 5), [[5, 4, 3, 2, 1], [4, 3, 2, 1, 0]])


def test_seeds():
    model = small()
    texts = [model.generate([[1], [2]], sampler=RandomSampler(seed=s)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(texts[0], texts[1])
    assert (texts[0] != texts[2]).any()


def test_half_floats():
    model = small(dtype="mixed_bfloat16")
    found = model.generate([[1, 2], [3]], 9, sampler="greedy")
    assert found.shape == (2, 9)
    assert model.make_cache(1, 3)[0][0].dtype == "bfloat16"


def test_configs_and_pickles():
    model = small()
    again = GPT.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    again.build((None, None))
    again.set_weights(model.get_weights())
    expected = model.generate([1], sampler="greedy")
    np.testing.assert_array_equal(again.generate([1], sampler="greedy"), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).generate([1], sampler="greedy"), expected)


def test_errors():
    model = small()
    with pytest.raises(ArgumentError, match="at most max_sequence_length=12"):
        model.generate([1], 13)
    with pytest.raises(ArgumentError, match="prompt 0 has 13 tokens"):
        model.generate([1] * 13)
    with pytest.raises(DataError, match="from 0 to 10"):
        model.generate([[1], [11]])
    with pytest.raises(DataError, match="at least one token"):
        model.generate([[]])
    with pytest.raises(ArgumentError, match="from 0 to 10, as no other is ever generated"):
        model.generate([1], end_token_id=11)
    with pytest.raises(ArgumentError, match="max_length"):
        model.generate([1], "long")
    with pytest.raises(ArgumentError, match="hidden_dim must be a multiple of num_heads"):
        GPT(11, 2, 3, 8, 16)
    with pytest.raises(ArgumentError, match="vocabulary_size"):
        GPT(0, 2, 2, 8, 16)
    with pytest.raises(ArgumentError, match="There is no sampler 'nucleus'"):
        model.compile(sampler="nucleus")
