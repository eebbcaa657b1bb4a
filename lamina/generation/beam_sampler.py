"""Beam search: the continuations that are likeliest as a whole."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.generation.sampler import Sampler, Task, is_end, last_place, next_logits
from lamina.layers.dense import positive_integer

# Below all sums of logarithms, and still finite.
_IMPOSSIBLE = -1e9


class BeamSampler(Sampler):
    """Follows the `num_beams` likeliest continuations of each prompt, and takes the likeliest in the end.

    A continuation that has come to an end token keeps its probability.

    Args:
        num_beams: how many; 5.
        return_all_beams: whether to give all of them, likeliest first: tokens `(batch, num_beams, max_length)` and the
            logarithms of their probabilities `(batch, num_beams)`; False.
        temperature: what logits are divided by; 1.
    """

    def __init__(self, num_beams: int = 5, return_all_beams: bool = False, temperature: float = 1.0):
        super().__init__(temperature)
        self.num_beams = positive_integer(type(self).__name__, "num_beams", num_beams)
        self.return_all_beams = bool(return_all_beams)

    def run(self, task: Task) -> Any:
        beams, last, steps = self.num_beams, last_place(task), task.tokens.dims[1]
        task = task._replace(tokens=_repeated(task.tokens, beams), lengths=_repeated(task.lengths, beams))
        rows = task.tokens.dims[0]
        place = ops.arange(rows, dtype="int32") % beams
        scores = ops.where(place == 0, 0.0, _IMPOSSIBLE)
        cache = trees.map_structure(lambda x: _repeated(ops.convert_to_tensor(x), beams), task.cache)

        def more(index: Any, tokens: Any, finished: Any, scores: Any, cache: Any) -> Any:
            # Probabilities only fall: a finished row that is the likeliest remains so.
            done = finished if self.return_all_beams else ops.logical_or(finished, place > 0)
            return ops.logical_and(index < last, ops.logical_not(ops.all(done)))

        def step(index: Any, tokens: Any, finished: Any, scores: Any, cache: Any) -> Any:
            logits, after = next_logits(task, ops.take(tokens, index, axis=1), cache, index)
            given = index + 1 < task.lengths
            scores, parents, chosen = self._best(logits, scores, finished, given)
            finished = _rows(finished, parents)
            chosen = ops.where(finished, task.pad, chosen)
            token = ops.where(given, ops.take(tokens, index + 1, axis=1), chosen)
            # What a step leaves as it is holds the same for all beams of a prompt.
            after = trees.map_structure(lambda new, old: new if new is old else _rows(new, parents), after, cache)
            ended = ops.logical_and(ops.logical_not(given), is_end(task, token))
            tokens = ops.slice_update(_rows(tokens, parents), (0, index + 1), ops.expand_dims(token, 1))
            return index + 1, tokens, ops.logical_or(finished, ended), scores, after

        begin = (ops.cast(task.start, "int32"), task.tokens, ops.zeros((rows,), "bool"), scores, cache)
        _, tokens, _, scores, _ = ops.while_loop(more, step, begin)
        tokens = ops.reshape(tokens, (-1, beams, steps))
        return (tokens, ops.reshape(scores, (-1, beams))) if self.return_all_beams else tokens[:, 0]

    def _best(self, logits: Any, scores: Any, finished: Any, given: Any) -> tuple[Any, Any, Any]:
        """The new scores of all beams, the rows that they go on from, and the tokens that they take."""
        beams, size = self.num_beams, logits.dims[1]
        gains = ops.log_softmax(ops.cast(logits, "float32") / self.temperature)
        resting = ops.where(ops.arange(size, dtype="int32") == 0, 0.0, _IMPOSSIBLE)
        gains = ops.where(ops.expand_dims(finished, 1), resting, gains)
        totals = ops.reshape(ops.expand_dims(scores, 1) + gains, (-1, beams * size))
        best, places = ops.top_k(totals, beams)
        rows = ops.arange(scores.dims[0], dtype="int32")
        from_beam = ops.reshape(places // size, (-1,))
        parents = ops.where(given, rows, rows - rows % beams + from_beam)
        chosen = ops.reshape(places % size, (-1,))
        return ops.where(given, scores, ops.reshape(best, (-1,))), parents, chosen

    def choose(self, logits: Any) -> Any:
        return ops.argmax(logits, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {"num_beams": self.num_beams, "return_all_beams": self.return_all_beams, **super().get_config()}


def _repeated(x: Any, times: int) -> Any:
    """Every row several times, one after the other."""
    shape = (x.dims[0], times, *x.dims[1:])
    return ops.reshape(ops.broadcast_to(ops.expand_dims(x, 1), shape), (x.dims[0] * times, *x.dims[1:]))


def _rows(x: Any, places: Any) -> Any:
    return ops.take(x, places, axis=0)
