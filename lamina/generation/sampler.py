"""The base of samplers: the loop that appends a token at each step, and how one is chosen from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError


class Task(NamedTuple):
    """What is to be continued.

    Attributes:
        next_token: `f(token, cache, index)` with the tokens `(batch,)` at the place `index`; gives the logits
            `(batch, vocabulary)` of the tokens after them, and the new cache.
        tokens: `(batch, max_length)`: the prompts, then padding.
        lengths: `(batch,)`: of the prompts.
        start: the place of the first token that `next_token` is to see.
        cache: tensors in any nested structure, the batch first.
        ends: tokens after which a row is finished; none.
        pad: what follows them.
    """

    next_token: Any
    tokens: Any
    lengths: Any
    start: Any
    cache: Any = None
    ends: Sequence[int] = ()
    pad: int = 0


class Sampler:
    """Chooses tokens; a subclass says how in `get_next_token`.

    Args:
        temperature: what logits are divided by: below 1 likely tokens become likelier, above 1 less so; 1.

    Raises:
        ArgumentError: if the temperature is not a positive number.
    """

    def __init__(self, temperature: float = 1.0):
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ArgumentError(
                f"{type(self).__name__}: temperature must be a number above 0. Received: {temperature!r}. For the "
                "likeliest token each time use GreedySampler."
            )
        self.temperature = float(temperature)

    def get_next_token(self, probabilities: Any) -> Any:
        """Tokens `(batch,)`, chosen by probabilities `(batch, vocabulary)`."""
        raise NotImplementedError(f"{type(self).__name__} has no `get_next_token(self, probabilities)`.")

    def compute_probabilities(self, logits: Any) -> Any:
        """The softmax of the logits, divided by the temperature."""
        return ops.softmax(ops.cast(logits, "float32") / self.temperature)

    def choose(self, logits: Any) -> Any:
        """Tokens `(batch,)`, chosen by logits `(batch, vocabulary)`."""
        return self.get_next_token(self.compute_probabilities(logits))

    def run(self, task: Task) -> Any:
        """The tokens of a task, continued to their full length, or until all rows are finished."""
        last = last_place(task)

        def more(index: Any, tokens: Any, finished: Any, cache: Any) -> Any:
            return ops.logical_and(index < last, ops.logical_not(ops.all(finished)))

        def step(index: Any, tokens: Any, finished: Any, cache: Any) -> Any:
            logits, cache = next_logits(task, ops.take(tokens, index, axis=1), cache, index)
            given = index + 1 < task.lengths
            chosen = ops.where(finished, task.pad, ops.cast(self.choose(logits), "int32"))
            token = ops.where(given, ops.take(tokens, index + 1, axis=1), chosen)
            ended = ops.logical_and(ops.logical_not(given), is_end(task, token))
            tokens = ops.slice_update(tokens, (0, index + 1), ops.expand_dims(token, 1))
            return index + 1, tokens, ops.logical_or(finished, ended), cache

        begin = (ops.cast(task.start, "int32"), task.tokens, ops.zeros_like(task.lengths, dtype="bool"), task.cache)
        return ops.while_loop(more, step, begin)[1]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"temperature": self.temperature}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sampler:
        """A sampler with these arguments."""
        return cls(**config)


def last_place(task: Task) -> Any:
    """The last place of the tokens; 0, so that nothing is generated, where a prompt is empty."""
    return ops.where(ops.min(task.lengths) > 0, ops.cast(ops.convert_to_tensor(task.tokens.dims[1] - 1), "int32"), 0)


def next_logits(task: Task, token: Any, cache: Any, index: Any) -> tuple[Any, Any]:
    """What `next_token` gives, checked."""
    found = task.next_token(token, cache, index)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ArgumentError(
            f"generate: next_token must return a pair: logits (batch, vocabulary) and the new cache. Received: "
            f"{type(found).__name__}."
        )
    logits = ops.convert_to_tensor(found[0])
    if len(logits.shape) != 2:
        raise ShapeError(
            f"generate: the logits that next_token returns must have shape (batch, vocabulary). Received: "
            f"{tuple(logits.shape)}."
        )
    return logits, found[1]


def is_end(task: Task, token: Any) -> Any:
    """Whether tokens finish their rows."""
    found = ops.zeros_like(token, dtype="bool")
    for end in task.ends:
        found = ops.logical_or(found, token == end)
    return found
