"""GPT: training, generation with a cache against whole passes, prompts, programs, configs, errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import lamina as keras
from lamina.base.errors import ArgumentError, DataError
from lamina.generation import GPT, GreedySampler, RandomSampler


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


def test_cached_logits_are_those_of_a_whole_pass(rng):
    model, tokens = small(), rng.integers(0, 11, (2, 6))
    whole = np.asarray(model(tokens))
    logits, cache = model.call_with_cache(keras.ops.convert_to_tensor(tokens[:, :4]), model.make_cache(2, 6), 0)
    np.testing.assert_allclose(logits, whole[:, :4], rtol=1e-3, atol=1e-4)
    for index in (4, 5):
        token = keras.ops.convert_to_tensor(tokens[:, index : index + 1])
        logits, cache = model.call_with_cache(token, cache, index)
        np.testing.assert_allclose(logits[:, 0], whole[:, index], rtol=1e-3, atol=1e-4)


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
    assert model.make_cache(1, 3)[0].dtype == "bfloat16"


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
    with pytest.raises(ArgumentError, match="hidden_dim must be a multiple of num_heads"):
        GPT(11, 2, 3, 8, 16)
    with pytest.raises(ArgumentError, match="vocabulary_size"):
        GPT(0, 2, 2, 8, 16)
    with pytest.raises(ArgumentError, match="There is no sampler 'nucleus'"):
        model.compile(sampler="nucleus")
