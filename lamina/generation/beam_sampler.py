"""Beam search: the continuations that are likeliest as a whole."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from lamina import ops
from lamina.base import trees
from lamina.base.errors import ArgumentError
from lamina.generation.sampler import Sampler, Task, is_end, last_place, next_logits
from lamina.layers.dense import positive_integer

# Below all sums of logarithms, and still finite.
_IMPOSSIBLE = -1e9


class _Beams(NamedTuple):
    """What is known of `batch * num_beams` rows, those of a prompt one after the other, the best first.

    Attributes:
        tokens: `(rows, max_length)`.
        finished: whether a row has come to an end token.
        scores: logarithms of the probabilities of what was generated.
        made: how many tokens were, the end token included.
        cache: the model's.
    """

    tokens: Any
    finished: Any
    scores: Any
    made: Any
    cache: Any


class BeamSampler(Sampler):
    """Follows the `num_beams` likeliest continuations of each prompt, and takes the best in the end.

    A continuation is as good as the logarithm of its probability, divided by `length ** length_penalty`, where the
    length counts generated tokens, the end token included. This is the formula of the transformers library. One that
    has come to an end token keeps its probability and its length, and its place as long as it is among the best.

    Args:
        num_beams: how many; 5.
        return_all_beams: whether to give all of them, the best first: tokens `(batch, num_beams, max_length)` and how
            good they are `(batch, num_beams)`; False.
        temperature: what logits are divided by; 1.
        length_penalty: above 0 for longer texts, below 0 for shorter ones; 0 for the likeliest, which tend to be short.

    Raises:
        ArgumentError: if an argument is not of these.

    Source: Graves, 2012; why lengths count: Wu et al., 2016, section 7, with another formula.
    """

    def __init__(
        self,
        num_beams: int = 5,
        return_all_beams: bool = False,
        temperature: float = 1.0,
        length_penalty: float = 0.0,
    ):
        super().__init__(temperature)
        self.num_beams = positive_integer(type(self).__name__, "num_beams", num_beams)
        self.return_all_beams = bool(return_all_beams)
        if (
            isinstance(length_penalty, bool)
            or not isinstance(length_penalty, (int, float))
            or not math.isfinite(length_penalty)
        ):
            raise ArgumentError(
                f"{type(self).__name__}: length_penalty must be a number, 0 for none. Received: {length_penalty!r}."
            )
        self.length_penalty = float(length_penalty)

    def run(self, task: Task) -> Any:
        beams, last, steps = self.num_beams, last_place(task), task.tokens.dims[1]
        task = task._replace(tokens=_repeated(task.tokens, beams), lengths=_repeated(task.lengths, beams))
        rows = task.tokens.dims[0]
        place = ops.arange(rows, dtype="int32") % beams
        most = last + 1 - task.lengths

        def more(index: Any, *values: Any) -> Any:
            going = ops.logical_not(self._is_settled(_Beams(*values), place, most))
            return ops.logical_and(index < last, ops.any(going))

        def step(index: Any, *values: Any) -> Any:
            return index + 1, *self._step(task, index, _Beams(*values))

        begin = _Beams(
            task.tokens,
            ops.zeros((rows,), "bool"),
            ops.where(place == 0, 0.0, _IMPOSSIBLE),
            ops.zeros((rows,), "int32"),
            trees.map_structure(lambda x: _repeated(ops.convert_to_tensor(x), beams), task.cache),
        )
        _, *values = ops.while_loop(more, step, (ops.cast(task.start, "int32"), *begin))
        found = _Beams(*values)
        tokens = ops.reshape(found.tokens, (-1, beams, steps))
        if not self.return_all_beams:
            return tokens[:, 0]
        return tokens, ops.reshape(self._worth(found.scores, found.made), (-1, beams))

    def _is_settled(self, beams: _Beams, place: Any, most: Any) -> Any:
        """Bools `(rows,)`: whether nothing more can come of a row that would change the result.

        Args:
            place: of each row among those of its prompt; most: how many tokens may be generated for it.
        """
        if self.return_all_beams:
            return beams.finished
        if self.length_penalty <= 0:
            # What is not finished only gets worse: a finished row that is the best remains so.
            return ops.logical_or(beams.finished, place > 0)
        # At best a row goes on to the full length with tokens that are certain.
        longest = ops.where(beams.finished, beams.made, most)
        best = ops.reshape(self._worth(beams.scores, longest), (-1, self.num_beams))
        first = ops.logical_and(beams.finished, place == 0)
        first = ops.any(ops.reshape(first, (-1, self.num_beams)), axis=1, keepdims=True)
        beaten = ops.logical_and(first, best <= best[:, :1])
        return ops.logical_or(beams.finished, ops.reshape(beaten, (-1,)))

    def _step(self, task: Task, index: Any, beams: _Beams) -> _Beams:
        """The rows with one more token."""
        logits, cache = next_logits(task, ops.take(beams.tokens, index, axis=1), beams.cache, index)
        given = index + 1 < task.lengths
        scores, parents, chosen = self._best(logits, beams, given)
        finished, made = _rows(beams.finished, parents), _rows(beams.made, parents)
        made = ops.where(ops.logical_or(finished, given), made, made + 1)
        chosen = ops.where(finished, task.pad, chosen)
        token = ops.where(given, ops.take(beams.tokens, index + 1, axis=1), chosen)
        # What a step leaves as it is holds the same for all beams of a prompt.
        cache = trees.map_structure(lambda new, old: new if new is old else _rows(new, parents), cache, beams.cache)
        ended = ops.logical_and(ops.logical_not(given), is_end(task, token))
        tokens = ops.slice_update(_rows(beams.tokens, parents), (0, index + 1), ops.expand_dims(token, 1))
        return _Beams(tokens, ops.logical_or(finished, ended), scores, made, cache)

    def _best(self, logits: Any, beams: _Beams, given: Any) -> tuple[Any, Any, Any]:
        """The new scores of all rows, the rows that they go on from, and the tokens that they take."""
        count, size = self.num_beams, logits.dims[1]
        gains = ops.log_softmax(ops.cast(logits, "float32") / self.temperature)
        resting = ops.where(ops.arange(size, dtype="int32") == 0, 0.0, _IMPOSSIBLE)
        gains = ops.where(ops.expand_dims(beams.finished, 1), resting, gains)
        totals = ops.expand_dims(beams.scores, 1) + gains
        made = ops.expand_dims(ops.where(beams.finished, beams.made, beams.made + 1), 1)
        best, places = ops.top_k(ops.reshape(self._worth(totals, made), (-1, count * size)), count)
        if self.length_penalty:
            best = ops.take_along_axis(ops.reshape(totals, (-1, count * size)), places, axis=1)
        rows = ops.arange(beams.scores.dims[0], dtype="int32")
        from_beam = ops.reshape(places // size, (-1,))
        parents = ops.where(given, rows, rows - rows % count + from_beam)
        chosen = ops.reshape(places % size, (-1,))
        return ops.where(given, beams.scores, ops.reshape(best, (-1,))), parents, chosen

    def _worth(self, scores: Any, made: Any) -> Any:
        """How good continuations of so many tokens are."""
        if not self.length_penalty:
            return scores
        lengths = ops.cast(ops.maximum(made, 1), "float32")
        return ops.where(scores > 0.5 * _IMPOSSIBLE, scores / lengths**self.length_penalty, scores)

    def choose(self, logits: Any) -> Any:
        return ops.argmax(logits, axis=-1)

    def get_config(self) -> dict[str, Any]:
        own = {"num_beams": self.num_beams, "return_all_beams": self.return_all_beams}
        return {**own, "length_penalty": self.length_penalty, **super().get_config()}


def _repeated(x: Any, times: int) -> Any:
    """Every row several times, one after the other."""
    shape = (x.dims[0], times, *x.dims[1:])
    return ops.reshape(ops.broadcast_to(ops.expand_dims(x, 1), shape), (x.dims[0] * times, *x.dims[1:]))


def _rows(x: Any, places: Any) -> Any:
    return ops.take(x, places, axis=0)
