"""The search of `prefix_search`, of the same results, as a part of a program: loops over tensors of fixed sizes.

At once that would be many small operations for each step; NumPy, a sample after the other, takes far less.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina import primitives as P
from lamina.ops.control import scan
from lamina.ops.core import apply, broadcast_to, cast
from lamina.ops.creation import full
from lamina.ops.elementwise import maximum
from lamina.ops.indexing import take_along_axis
from lamina.ops.logic import logical_and, logical_not, where
from lamina.ops.reduction import argmax, max
from lamina.ops.shaping import concatenate, expand_dims, reshape, squeeze, transpose
from lamina.ops.transcendental import logaddexp
from lamina.tensor.contraction import contract
from lamina.tensor.tensor import Tensor

_NEVER = float("-inf")

# What a prefix is told by: two numbers below this prime, each made of the one of the prefix before its last label.
_PRIME = 2147483647
_FACTORS = (48271, 69621)


class _Prefixes(NamedTuple):
    """Beginnings of labels, `width` for each sample, the best first.

    Attributes:
        labels: `(batch, width, steps)`, filled up with -1.
        length, last: how many labels there are, and the last one, -1 for none.
        own, before: pairs of numbers that stand for a prefix, and for the one without its last label.
        ended, open: logarithms of the chances of the readings that end with the last label, and with a blank; -inf
            where there is no prefix.
    """

    labels: Any
    length: Any
    last: Any
    own: tuple[Any, Any]
    before: tuple[Any, Any]
    ended: Any
    open: Any


def traced_prefix_search(logs: Any, lengths: Any, width: int, results: int, blank: int) -> tuple[Tensor, Tensor]:
    """As `prefix_search`, of tensors; the number of classes is known, others may be open."""
    batch, steps, _ = logs.dims
    there = apply(P.IOTA, shape=(steps, 1), dtype="int64", axis=0) < expand_dims(lengths, 0)

    def step(prefixes: _Prefixes, entry: tuple[Any, Any]) -> tuple[_Prefixes, None]:
        chances, here = entry
        return _chosen(here, _longer(prefixes, chances, width, blank), prefixes), None

    first = apply(P.IOTA, shape=(1, width), dtype="int64", axis=1) == 0
    nothing = full((batch, width), 0, dtype="int64")
    begin = _Prefixes(
        labels=full((batch, width, steps), -1, dtype="int32"),
        length=nothing,
        last=nothing - 1,
        own=(nothing + 1, nothing + 1),
        before=(nothing, nothing),
        ended=full((batch, width), _NEVER, dtype=logs.dtype),
        open=broadcast_to(where(first, cast(full((), 0.0), logs.dtype), _NEVER), (batch, width)),
    )
    found, _ = scan(step, begin, (transpose(logs, (1, 0, 2)), there))
    scores = logaddexp(found.ended, found.open)[:, :results]
    labels = where(expand_dims(scores > _NEVER, -1), found.labels[:, :results], -1)
    return transpose(labels, (1, 0, 2)), scores


def _chosen(here: Any, new: _Prefixes, old: _Prefixes) -> _Prefixes:
    """The new prefixes where a sample still has a step, otherwise the old ones."""

    def choose(x: Any, y: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(choose, x, y))
        return where(reshape(here, (-1, *[1] * (len(x.dims) - 1))), x, y)

    return _Prefixes(*(choose(x, y) for x, y in zip(new, old)))


def _longer(prefixes: _Prefixes, chances: Any, width: int, blank: int) -> _Prefixes:
    """The best of what a step makes of prefixes: they stay as they are, or get longer by a label.

    Args:
        chances: `(batch, classes)`.
    """
    classes = chances.dims[1]
    there = logaddexp(prefixes.ended, prefixes.open)
    last = maximum(prefixes.last, 0)
    of_last = where(prefixes.last >= 0, take_along_axis(chances, last, 1), _NEVER)
    numbers = apply(P.IOTA, shape=(1, 1, classes), dtype="int64", axis=2)
    again = numbers == expand_dims(prefixes.last, -1)
    # The last label once more is a new label only after a blank.
    grown = expand_dims(chances, 1) + expand_dims(there, -1)
    grown = where(again, expand_dims(prefixes.open, -1) + expand_dims(chances, 1), grown)
    grown = where(numbers == blank, _NEVER, grown)

    # Where a longer prefix is one that is kept already, its chance goes there.
    same = logical_and(_pairs(prefixes), expand_dims(there > _NEVER, 1))
    same = logical_and(same, expand_dims(logical_and(there > _NEVER, prefixes.last >= 0), 2))
    coming = take_along_axis(grown, broadcast_to(expand_dims(last, 1), (*last.dims[:1], width, width)), 2)
    coming = max(where(same, transpose(coming, (0, 2, 1)), _NEVER), -1)
    ended = logaddexp(prefixes.ended + of_last, coming)
    taken = contract(cast(same, "float32"), cast(again, "float32"), ("bij", "bic", "bjc"))
    grown = where(taken > 0, _NEVER, grown)

    open_ = there + chances[:, blank : blank + 1]
    stays = logaddexp(ended, open_)
    scores, places = _best(concatenate([stays, reshape(grown, (-1, width * classes))], 1), width)
    kept = places < width
    source = where(kept, places, (places - width) // classes)
    added = where(kept, -1, (places - width) % classes)
    return _followed(prefixes, ended, open_, scores, kept, source, added)


def _followed(
    prefixes: _Prefixes, ended: Any, open_: Any, scores: Any, kept: Any, source: Any, added: Any
) -> _Prefixes:
    """The prefixes that were chosen.

    Args:
        ended, open_: the chances of the prefixes as they are; scores: of those that were chosen.
        kept: whether one is as it was; source: the place of what it was; added: the label that came after that.
    """

    def old(x: Any) -> Any:
        return take_along_axis(x, source, 1)

    length = old(prefixes.length)
    labels = take_along_axis(prefixes.labels, expand_dims(source, -1), 1)
    places = apply(P.IOTA, shape=(1, 1, labels.dims[2]), dtype="int64", axis=2)
    new = logical_and(expand_dims(logical_not(kept), -1), places == expand_dims(length, -1))
    own = tuple(map(old, prefixes.own))
    return _Prefixes(
        labels=where(new, cast(expand_dims(added, -1), "int32"), labels),
        length=where(kept, length, length + 1),
        last=where(kept, old(prefixes.last), added),
        own=tuple(where(kept, x, (x * f + added + 1) % _PRIME) for x, f in zip(own, _FACTORS)),
        before=tuple(where(kept, old(x), y) for x, y in zip(prefixes.before, own)),
        ended=where(logical_and(kept, scores > _NEVER), old(ended), scores),
        open=where(logical_and(kept, scores > _NEVER), old(open_), _NEVER),
    )


def _pairs(prefixes: _Prefixes) -> Any:
    """Bools `(batch, width, width)`: whether the first prefix without its last label is the second."""
    found = expand_dims(prefixes.length, 2) == expand_dims(prefixes.length, 1) + 1
    for before, own in zip(prefixes.before, prefixes.own):
        found = logical_and(found, expand_dims(before, 2) == expand_dims(own, 1))
    return found


def _best(scores: Any, count: int) -> tuple[Any, Any]:
    """The largest of each row and their places, in falling order; as `top_k`, for larger numbers of them.

    Where there are not so many above -inf, the others are -inf, and their places mean nothing.
    """
    numbers = apply(P.IOTA, shape=(1, scores.dims[1]), dtype="int64", axis=1)

    def step(left: Any, _: Any) -> tuple[Any, tuple[Any, Any]]:
        place = cast(argmax(left, -1, keepdims=True), "int64")
        value = take_along_axis(left, place, 1)
        return where(numbers == place, _NEVER, left), (squeeze(value, 1), squeeze(place, 1))

    _, (values, places) = scan(step, scores, length=count)
    return transpose(values, (1, 0)), transpose(places, (1, 0))
