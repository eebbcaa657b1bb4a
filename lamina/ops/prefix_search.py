"""The search for the most likely labels of a classification in time: beginnings of labels are kept, not readings.

Graves, Sequence Transduction with Recurrent Neural Networks, 2012, section 3; Hannun, Maas, Jurafsky and Ng, First-Pass
Large Vocabulary Continuous Speech Recognition, 2014.
"""

from __future__ import annotations

import numpy as np

Prefix = tuple[int, ...]

_NEVER = -np.inf


def prefix_search(
    logs: np.ndarray, lengths: np.ndarray, width: int, results: int, blank: int
) -> tuple[np.ndarray, np.ndarray]:
    """The most likely labels of each sample.

    Args:
        logs: logarithms of the chances of the classes, `(batch, steps, classes)`.
        lengths: the steps of each sample.
        width: how many beginnings are kept at each step; results: how many are returned.
        blank: the class that stands for no label.

    Returns:
        Labels `(results, batch, steps)` int32, filled up with -1; and the logarithms of their chances `(batch,
        results)`, -inf where there are fewer results.
    """
    batch, steps, _ = logs.shape
    paths = np.full((results, batch, steps), -1, np.int32)
    scores = np.full((batch, results), _NEVER, logs.dtype)
    for row in range(batch):
        for place, (prefix, score) in enumerate(
            _search(logs[row, : max(int(lengths[row]), 0)], width, blank)[:results]
        ):
            paths[place, row, : len(prefix)] = prefix
            scores[row, place] = score
    return paths, scores


def _search(logs: np.ndarray, width: int, blank: int) -> list[tuple[Prefix, float]]:
    """The kept labels of one sample with their chances, the best first."""
    prefixes: list[Prefix] = [()]
    # Of each prefix: the chance of readings that end with its last label, and of those that end with a blank.
    label, space = np.array([_NEVER]), np.array([0.0])
    for chances in logs.astype(np.float64):
        whole = np.logaddexp(label, space)
        tails = np.array([p[-1] if p else -1 for p in prefixes])
        longer = whole[:, None] + chances
        ended = np.flatnonzero(tails >= 0)
        # The last label once more is a new label only after a blank.
        longer[ended, tails[ended]] = space[ended] + chances[tails[ended]]
        longer[:, blank] = _NEVER
        label = np.where(tails >= 0, label + chances[tails], _NEVER)
        space = whole + chances[blank]
        # Where a longer prefix is one that is kept already, its chance goes there.
        known = {prefix: i for i, prefix in enumerate(prefixes)}
        for i in ended:
            parent = known.get(prefixes[i][:-1])
            if parent is not None:
                label[i] = np.logaddexp(label[i], longer[parent, tails[i]])
                longer[parent, tails[i]] = _NEVER
        prefixes, label, space = _pruned(prefixes, label, space, longer, width)
    total = np.logaddexp(label, space)
    order = np.argsort(-total, kind="stable")
    return [(prefixes[i], float(total[i])) for i in order if total[i] > _NEVER]


def _pruned(
    prefixes: list[Prefix], label: np.ndarray, space: np.ndarray, longer: np.ndarray, width: int
) -> tuple[list[Prefix], np.ndarray, np.ndarray]:
    """The best of the prefixes that stayed and of those that got longer by a label."""
    count, classes = longer.shape
    scores = np.concatenate([np.logaddexp(label, space), longer.ravel()])
    best = np.argsort(-scores, kind="stable")[:width]
    best = best[scores[best] > _NEVER]
    kept: list[Prefix] = []
    for i in best:
        parent, added = divmod(int(i) - count, classes)
        kept.append(prefixes[i] if i < count else (*prefixes[parent], added))
    new = np.maximum(best - count, 0)
    stays = best < count
    old = np.where(stays, best, 0)
    return (
        kept,
        np.where(stays, label[old], longer.ravel()[new]),
        np.where(stays, space[old], _NEVER),
    )
