"""Measures of written sequences, by hand and by their definitions; perplexity."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from lamina import layers, losses, metrics, models
from lamina.base.errors import ArgumentError


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("ab", "ba", 2), ("abcd", "bcde", 2)],
)
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert metrics.edit_distance(first, second) == metrics.edit_distance(list(second), list(first)) == distance


def test_edit_distance_is_that_of_a_search(rng: np.random.Generator) -> None:
    def slow(a: tuple[int, ...], b: tuple[int, ...]) -> int:
        if not a or not b:
            return len(a) + len(b)
        return min(slow(a[1:], b) + 1, slow(a, b[1:]) + 1, slow(a[1:], b[1:]) + (a[0] != b[0]))

    for n, m in itertools.product(range(5), repeat=2):
        a, b = tuple(rng.integers(0, 3, n).tolist()), tuple(rng.integers(0, 3, m).tolist())
        assert metrics.edit_distance(a, b) == slow(a, b)


def test_error_rate_and_accuracy() -> None:
    references, hypotheses = [["K", "AE", "T"], ["D", "AO", "G"]], [["K", "AE", "T", "S"], ["D", "G"]]
    assert metrics.phoneme_error_rate(references, hypotheses) == pytest.approx(2 / 6)
    assert metrics.token_accuracy(references, hypotheses) == pytest.approx(4 / 6)
    assert metrics.token_accuracy([np.array([1, 2])], [np.array([1, 3])]) == 0.5


# Three references and a candidate.
PAPER = """\
It is a guide to action that ensures that the military will forever heed Party commands
It is the guiding principle which guarantees the military forces always being under the command of the Party
It is the practical guide for the army always to heed the directions of the party
It is a guide to action which ensures that the military always obeys the commands of the party"""


def test_bleu_of_the_paper() -> None:
    # Papineni et al. 2002, example 1 and 2: modified precisions 17/18 and 2/7.
    *references, candidate = (line.split() for line in PAPER.splitlines())
    assert metrics.bleu([references], [candidate], max_order=1) == pytest.approx(17 / 18)
    assert metrics.bleu([references], [candidate]) == pytest.approx((17 / 18 * 10 / 17 * 7 / 16 * 4 / 15) ** 0.25)
    cats = [["the", "cat", "is", "on", "the", "mat"], ["there", "is", "a", "cat", "on", "the", "mat"]]
    assert metrics.bleu([cats], [["the"] * 7], max_order=1) == pytest.approx(2 / 7)


def test_bleu_of_a_corpus() -> None:
    same = [["a", "b", "c", "d", "e"]]
    assert metrics.bleu(same, same) == 1.0
    assert metrics.bleu(same, [["a", "b", "c", "d"]]) == pytest.approx(math.exp(1 - 5 / 4))
    assert metrics.bleu(same, [["x", "y"]]) == metrics.bleu(same, [[]]) == 0.0
    assert metrics.bleu([["a", "b"]], [["a", "b"]]) == 0.0 < metrics.bleu([["a", "b"]], [["a", "b"]], smooth=True)
    # Counts of samples are added, not scores.
    found = metrics.bleu([["a", "b", "c"], ["d", "e"]], [["a", "b", "x"], ["d", "e"]], max_order=2)
    assert found == pytest.approx(math.sqrt(4 / 5 * 2 / 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.bleu([["a"]], []), "1 reference.s., 0 hypothesis"),
        (lambda: metrics.bleu(["a b"], [["a"]]), r"texts must be lists of tokens.*'a b'"),
        (lambda: metrics.bleu([["a"]], [["a"]], max_order=0), "max_order must be a whole number"),
        (lambda: metrics.phoneme_error_rate([[]], [["a"]]), "at least one token"),
        (lambda: metrics.token_accuracy([], []), "at least one token"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


def test_perplexity_is_of_tokens_not_of_batches(rng: np.random.Generator) -> None:
    logits = [rng.normal(size=(2, steps, 5)).astype("float32") for steps in (3, 6)]
    tokens = [rng.integers(0, 5, (2, steps)) for steps in (3, 6)]
    metric, masked = metrics.Perplexity(from_logits=True), metrics.Perplexity(from_logits=True, mask_token_id=0)
    assert float(metric.result()) == 0.0
    costs = []
    for x, y in zip(logits, tokens, strict=True):
        metric.update_state(y, x)
        masked.update_state(y[..., None], x)
        costs.append(np.asarray(losses.sparse_categorical_crossentropy(y, x, from_logits=True)).ravel())
    flat, numbers = np.concatenate(costs), np.concatenate([y.ravel() for y in tokens])
    assert float(metric.result()) == pytest.approx(np.exp(flat.mean()), rel=1e-5)
    assert float(masked.result()) == pytest.approx(np.exp(flat[numbers != 0].mean()), rel=1e-5)
    shares = np.full((1, 2, 4), 0.25, "float32")
    assert float(metrics.Perplexity()([[1, 2]], shares)) == pytest.approx(4.0, rel=1e-5)
    config = metrics.Perplexity(mask_token_id=3).get_config()
    assert metrics.Perplexity.from_config(config).mask_token_id == 3


def test_perplexity_in_training(executor: str) -> None:
    ids, targets = np.array([[3, 1, 0], [2, 2, 2]]), np.array([[1, 2, 0], [2, 0, 1]])
    model = models.Sequential([layers.Input((3,)), layers.Embedding(5, 4, mask_zero=True), layers.Dense(5)])
    model.compile(
        "sgd",
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.Perplexity(from_logits=True)],
        weighted_metrics=[metrics.Perplexity(from_logits=True, name="weighed")],
    )
    weights = np.array([[1, 0, 1], [1, 1, 0]], "float32")
    found = model.evaluate(ids, targets, sample_weight=weights, verbose=0, return_dict=True)
    scores = np.asarray(model(ids))
    costs = np.asarray(losses.sparse_categorical_crossentropy(targets, scores, from_logits=True))
    assert found["perplexity"] == pytest.approx(np.exp(costs[ids != 0].mean()), rel=1e-5)
    kept = (ids != 0) * weights
    assert found["weighed"] == pytest.approx(np.exp((costs * kept).sum() / kept.sum()), rel=1e-5)
