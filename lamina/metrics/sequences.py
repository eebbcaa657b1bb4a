"""Measures of written sequences against what should have been written: in Python, over lists of tokens.

Tokens are whatever can be compared: words, characters, phonemes, or their numbers. Padding is to be taken off before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from lamina.base.errors import ArgumentError

Tokens = Sequence[Hashable]


def edit_distance(reference: Tokens, hypothesis: Tokens) -> int:
    """The least number of tokens to insert, leave out or replace, that makes one sequence of the other.

    Source: Levenshtein, Binary codes capable of correcting deletions, insertions and reversals, 1966; row by row after
    Wagner and Fischer, 1974.
    """
    before = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        row = [i]
        for j, found in enumerate(hypothesis, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (wanted != found)))
        before = row
    return before[-1]


def phoneme_error_rate(references: Sequence[Tokens], hypotheses: Sequence[Tokens]) -> float:
    """Edits for each token of the references: the error rate of phonemes, or, of lists of words, that of words.

    Args:
        references: what should have been written: a sequence of tokens for each sample.
        hypotheses: what was written, in the same order.

    Returns:
        The sum of all edit distances over the sum of the lengths of the references; 0 is perfect, and more than 1 is
        possible.

    Raises:
        ArgumentError: if there are not as many of one as of the other, or there is not one token to compare with.
    """
    _check("phoneme_error_rate", references, hypotheses)
    total = sum(len(reference) for reference in references)
    if total == 0:
        raise ArgumentError("phoneme_error_rate: the references must hold at least one token. Received: none.")
    return sum(map(edit_distance, references, hypotheses)) / total


def token_accuracy(references: Sequence[Tokens], hypotheses: Sequence[Tokens]) -> float:
    """The share of the tokens of the references that the hypotheses have at the same place.

    Args:
        references, hypotheses: as of `phoneme_error_rate`. Places that a shorter hypothesis lacks are wrong; what a
            longer one has beyond the reference does not count.

    Raises:
        ArgumentError: as `phoneme_error_rate`.
    """
    _check("token_accuracy", references, hypotheses)
    total = sum(len(reference) for reference in references)
    if total == 0:
        raise ArgumentError("token_accuracy: the references must hold at least one token. Received: none.")
    right = sum(bool(a == b) for pair in zip(references, hypotheses) for a, b in zip(*pair))
    return right / total


def bleu(references: Sequence[Any], hypotheses: Sequence[Tokens], max_order: int = 4, smooth: bool = False) -> float:
    """The BLEU score of a corpus, from 0 to 1: how much of what was written stands in the references.

    The geometric mean of the precisions of n-grams up to `max_order`, where a reference gives an n-gram only as often
    as it has it, times `exp(1 - r / c)` if the hypotheses together have fewer tokens `c` than the references closest
    to them in length, `r`.

    Args:
        references: for each hypothesis a list of tokens, or a list of such lists, of which each is right.
        hypotheses: a list of tokens for each sample.
        max_order: of n-grams; 4.
        smooth: whether 1 is added to both numbers of each precision beyond that of single tokens (Lin and Och, 2004),
            so that a missing order does not make the score 0; False.

    Raises:
        ArgumentError: if there are not as many of one as of the other, or a text is a string and not a list.

    Source: Papineni, Roukos, Ward and Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation, 2002.
    """
    _check("bleu", references, hypotheses)
    if isinstance(max_order, bool) or not isinstance(max_order, int) or max_order < 1:
        raise ArgumentError(f"bleu: max_order must be a whole number of at least 1. Received: {max_order!r}.")
    matches, possible = [0] * max_order, [0] * max_order
    written = wanted = 0
    for given, hypothesis in zip(references, hypotheses):
        options = _options(given)
        written += len(hypothesis)
        wanted += min((len(option) for option in options), key=lambda n: (abs(n - len(hypothesis)), n))
        for n in range(1, max_order + 1):
            allowed: Counter[Any] = Counter()
            for option in options:
                allowed |= _ngrams(option, n)
            found = _ngrams(hypothesis, n)
            matches[n - 1] += (found & allowed).total()
            possible[n - 1] += found.total()
    added = [int(smooth and n > 0) for n in range(max_order)]
    shares = [(m + a) / (p + a) if p + a else 0.0 for m, p, a in zip(matches, possible, added)]
    if min(shares) == 0.0:
        return 0.0
    brevity = 1.0 if written >= wanted else math.exp(1.0 - wanted / written)
    return brevity * math.exp(sum(map(math.log, shares)) / max_order)


def _options(given: Any) -> list[Tokens]:
    """The references of a sample: one, or several."""
    if isinstance(given, str) or any(isinstance(item, str) and " " in item for item in given):
        raise ArgumentError(f"bleu: texts must be lists of tokens, such as text.split(). Received: {given!r}.")
    several = len(given) > 0 and all(isinstance(item, (list, tuple)) for item in given)
    return list(given) if several else [given]


def _ngrams(tokens: Tokens, n: int) -> Counter[Any]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _check(name: str, references: Any, hypotheses: Any) -> None:
    if len(references) != len(hypotheses):
        raise ArgumentError(
            f"{name}: there must be a hypothesis for each reference. Received: {len(references)} reference(s), "
            f"{len(hypotheses)} hypothesis(es)."
        )
