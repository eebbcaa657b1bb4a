"""Samplers: which tokens they choose, how often, and what texts they make of known transitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamina import function, generation, ops
from lamina.base.errors import ArgumentError
from lamina.generation import BeamSampler, GreedySampler, RandomSampler, Sampler, TopKSampler, TopPSampler, generate

PROBABILITIES = np.array([0.05, 0.4, 0.1, 0.3, 0.15], "float32")


def chain(table):
    """A model in which the next token depends on the last one alone: logits are rows of a table."""
    rows = ops.convert_to_tensor(np.asarray(table, "float32"))
    return lambda token, cache, index: (ops.take(rows, token, axis=0), cache)


def drawn(sampler, probabilities=PROBABILITIES, count=20000):
    """How often each token is drawn."""
    logits = np.broadcast_to(np.log(probabilities), (count, len(probabilities)))
    tokens = np.asarray(function(sampler.choose)(np.ascontiguousarray(logits)))
    return np.bincount(tokens, minlength=len(probabilities)) / count


def cut_to(kept, temperature=1.0):
    powers = np.where(np.isin(np.arange(5), kept), PROBABILITIES, 0) ** (1 / temperature)
    return powers / powers.sum()


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (RandomSampler(seed=1), PROBABILITIES),
        (RandomSampler(seed=2, temperature=0.5), cut_to(range(5), 0.5)),
        (TopKSampler(k=2, seed=3), cut_to([1, 3])),
        (TopKSampler(k=3, seed=4, temperature=2.0), cut_to([1, 3, 4], 2.0)),
        (TopKSampler(k=9, seed=5), PROBABILITIES),
        (TopPSampler(p=0.65, seed=6), cut_to([1, 3])),
        (TopPSampler(p=0.75, seed=7), cut_to([1, 3, 4])),
        (TopPSampler(p=0.01, seed=8), cut_to([1])),
        (TopPSampler(p=1.0, k=3, seed=9), cut_to([1, 3, 4])),
        (GreedySampler(), cut_to([1])),
    ],
)
def test_tokens_come_as_often_as_they_should(sampler, expected, executor):
    found = drawn(sampler)
    assert set(np.flatnonzero(found)) <= set(np.flatnonzero(expected))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_top_k_and_top_p_choose_among_many_tokens_like_sorting_does(rng):
    logits = rng.standard_normal((4, 1000)).astype("float32") * 3
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    order = np.argsort(-probabilities, axis=-1)
    by_k = np.asarray(TopKSampler(k=37).kept(ops.convert_to_tensor(probabilities)))
    by_p = np.asarray(TopPSampler(p=0.9).kept(ops.convert_to_tensor(probabilities)))
    for row in range(4):
        assert set(np.flatnonzero(by_k[row])) == set(order[row, :37])
        sums = np.cumsum(probabilities[row][order[row]], dtype="float64")
        assert set(np.flatnonzero(by_p[row])) == set(order[row, : np.searchsorted(sums, 0.9) + 1])


def test_one_seed_makes_one_text_and_goes_on(rng):
    model = chain(rng.standard_normal((6, 6)))
    sampler = RandomSampler(seed=3)
    texts = [generate(model, [[1], [2]], 30, sampler=sampler) for _ in range(2)]
    assert (texts[0] != texts[1]).any()
    other = RandomSampler(seed=3)
    np.testing.assert_array_equal(generate(model, [[1], [2]], 30, sampler=other), texts[0])
    np.testing.assert_array_equal(generate(model, [[1], [2]], 30, sampler=other), texts[1])
    sampler.seed_generator.reset()
    np.testing.assert_array_equal(generate(model, [[1], [2]], 30, sampler=sampler), texts[0])
    assert (generate(model, [[1], [2]], 30, sampler=RandomSampler(seed=4)) != texts[0]).any()


def best_continuation(table, first, steps, end, penalty=0.0):
    """All continuations, the best first, by trying each; a text is over at its end token."""
    gains = table - np.log(np.exp(table).sum(-1, keepdims=True))
    best = {}
    for tokens in itertools.product(range(len(table)), repeat=steps):
        score, last, text = 0.0, first, [first]
        for token in tokens:
            score += gains[last, token]
            text.append(token)
            last = token
            if token == end:
                break
        worth = score / (len(text) - 1) ** penalty
        text += [0] * (steps + 1 - len(text))
        best[tuple(text)] = worth
    return sorted(best.items(), key=lambda item: -item[1])


@pytest.mark.parametrize(("end", "penalty"), [(None, 0), (3, 0), (3, 1.5), (3, -1.0)])
def test_a_wide_beam_finds_the_best_of_all_texts(rng, end, penalty, executor):
    for _ in range(2):
        table = rng.standard_normal((4, 4)).astype("float32") * 1.5
        ranking = best_continuation(table, 1, 4, end, penalty)
        sampler = BeamSampler(64, return_all_beams=True, length_penalty=penalty)
        tokens, scores = generate(chain(table), [[1]], 5, sampler=sampler, end_token_id=end)
        assert tokens.shape == (1, 64, 5)
        for place, (text, score) in enumerate(ranking[:5]):
            np.testing.assert_array_equal(tokens[0, place], text)
            assert scores[0, place] == pytest.approx(score, abs=1e-4)
        alone = generate(chain(table), [1], 5, sampler=BeamSampler(64, length_penalty=penalty), end_token_id=end)
        np.testing.assert_array_equal(alone, ranking[0][0])


@pytest.mark.parametrize("penalty", [-1.0, 0.0, 0.7, 2.0])
def test_a_search_that_stops_early_has_found_the_same(rng, penalty):
    """The best alone, and together with all others, for which no text may be left unfinished."""
    prompts = [[1], [2, 0, 1], [4, 4]]
    for _ in range(2):
        model = chain(rng.standard_normal((6, 6)) * 2)
        best = generate(model, prompts, 12, sampler=BeamSampler(3, length_penalty=penalty), end_token_id=5)
        every = BeamSampler(3, return_all_beams=True, length_penalty=penalty)
        tokens, worths = generate(model, prompts, 12, sampler=every, end_token_id=5)
        np.testing.assert_array_equal(tokens[:, 0], best)
        assert (np.diff(worths, axis=1) <= 1e-6).all()
        single = generate(model, prompts[1], 12, sampler=BeamSampler(3, length_penalty=penalty), end_token_id=5)
        np.testing.assert_array_equal(single, best[1])


def test_a_length_penalty_prefers_longer_texts():
    """The end is somewhat likelier than each step of going on: a higher penalty goes on for longer."""
    table = np.full((3, 3), -9.0)
    table[1, 1], table[1, 2] = 0.0, 0.1
    lengths = []
    for penalty in (-1.0, 0.0, 1.5):
        sampler = BeamSampler(4, length_penalty=penalty)
        lengths.append(int((generate(chain(table), [1], 10, sampler=sampler, end_token_id=2) != 0).sum()))
    assert lengths == [2, 2, 10]


def test_one_beam_is_greedy(rng):
    model = chain(rng.standard_normal((7, 7)))
    prompts = [[1], [2, 5, 3], [4, 6]]
    greedy = generate(model, prompts, 9, end_token_id=6)
    np.testing.assert_array_equal(generate(model, prompts, 9, sampler=BeamSampler(1), end_token_id=6), greedy)


def test_a_beam_looks_further_than_greedy():
    low = -9.0
    table = np.full((4, 4), low)
    table[0, 1], table[0, 2] = 0.1, 0.0  # 1 looks a little better, but leads to a choice of two
    table[1, 1], table[1, 2] = 0.0, 0.0
    table[2, 3] = 5.0
    table[3, 3] = 5.0
    assert list(generate(chain(table), [0], 3)) == [0, 1, 1]
    assert list(generate(chain(table), [0], 3, sampler="beam")) == [0, 2, 3]


def test_beams_take_their_state_along(rng, executor):
    """The state sums the tokens so far: the score of a text depends on all of it."""
    table = rng.standard_normal((12, 3)).astype("float32") * 2
    rows = ops.convert_to_tensor(table)

    def model(token, total, index):
        total = total + token
        return ops.take(rows, total, axis=0), total

    texts = {}
    for tokens in itertools.product(range(3), repeat=4):
        total, score = 1, 0.0
        for token in tokens:
            row = table[total]
            score += row[token] - np.log(np.exp(row).sum())
            total += token
        texts[(1, *tokens)] = score
    best = max(texts, key=texts.__getitem__)
    found = generate(model, [[1]], 5, cache=np.zeros((1,), "int32"), sampler=BeamSampler(27))
    np.testing.assert_array_equal(found[0], best)


def test_a_sampler_of_ones_own():
    class Least(Sampler):
        def get_next_token(self, probabilities):
            return ops.argmin(probabilities, axis=-1)

    table = np.array([[3.0, 2, 1], [1, 2, 3], [2, 1, 3]])
    assert list(generate(chain(table), [0], 4, sampler=Least())) == [0, 2, 1, 0]


def test_names_and_configs():
    kinds = {
        "greedy": GreedySampler, "random": RandomSampler, "top_k": TopKSampler, "top_p": TopPSampler,
        "beam": BeamSampler,
    }  # fmt: skip
    for name, kind in kinds.items():
        sampler = generation.get(name)
        assert type(sampler) is kind
        assert generation.deserialize(generation.serialize(sampler)).get_config() == sampler.get_config()
        assert type(generation.get(kind)) is kind
    assert generation.get("top_k", k=7).k == 7
    assert generation.get(generation.serialize(TopPSampler(0.3, seed=2))).get_config() == {
        "p": 0.3, "k": None, "seed": 2, "temperature": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: generation.get("gredy"), "'greedy'"),
        (lambda: generation.get(3), "Expected a sampler"),
        (lambda: generation.get(GreedySampler(), k=3), "with arguments"),
        (lambda: TopKSampler(0), "k must be"),
        (lambda: TopPSampler(0.0), "p must be a number above 0"),
        (lambda: TopPSampler(1.5), "p must be a number above 0"),
        (lambda: RandomSampler(temperature=0.0), "use GreedySampler"),
        (lambda: BeamSampler(0), "num_beams"),
        (lambda: BeamSampler(length_penalty="long"), "length_penalty must be a number"),
        (lambda: BeamSampler(length_penalty=float("nan")), "length_penalty must be a number"),
        (lambda: RandomSampler(seed="a"), "seed"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
