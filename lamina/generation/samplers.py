"""Samplers that choose a token at a time; their names and arguments are those of KerasHub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import ops, random
from lamina.base.errors import ArgumentError
from lamina.generation.sampler import Sampler
from lamina.layers.dense import positive_integer

# Halvings of the range from 0 to the largest probability: what is left is far below any probability that matters.
_HALVINGS = 32


class GreedySampler(Sampler):
    """Takes the likeliest token each time; of equals the first.

    Args:
        temperature: has no effect here.
    """

    def get_next_token(self, probabilities: Any) -> Any:
        return ops.argmax(probabilities, axis=-1)

    def choose(self, logits: Any) -> Any:
        return ops.argmax(logits, axis=-1)


class RandomSampler(Sampler):
    """Draws tokens by their probabilities.

    Args:
        seed: a whole number, for the same texts in every run; drawn when None. It goes on from call to call: make
            another sampler, or call `seed_generator.reset()`, to begin again.
        temperature: what logits are divided by; 1.
    """

    def __init__(self, seed: int | None = None, temperature: float = 1.0):
        super().__init__(temperature)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)

    def get_next_token(self, probabilities: Any) -> Any:
        kept = self.kept(probabilities)
        if kept is not None:
            probabilities = ops.where(kept, probabilities, 0.0)
        drawn = random.categorical(ops.log(probabilities), 1, seed=self.seed_generator)
        return ops.squeeze(drawn, axis=-1)

    def kept(self, probabilities: Any) -> Any:
        """Bools: which tokens may be drawn; None for all."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, **super().get_config()}


class TopKSampler(RandomSampler):
    """Draws among the `k` likeliest tokens; what is as likely as the k-th is among them.

    Args:
        k: how many; 5.
        seed, temperature: as of `RandomSampler`.

    Source: Fan et al., 2018.
    """

    def __init__(self, k: int = 5, seed: int | None = None, temperature: float = 1.0):
        super().__init__(seed, temperature)
        self.k = positive_integer(type(self).__name__, "k", k)

    def kept(self, probabilities: Any) -> Any:
        return _largest(probabilities, lambda kept: _count(kept) >= self.k)

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k, **super().get_config()}


class TopPSampler(RandomSampler):
    """Draws among the fewest likeliest tokens whose probabilities sum to `p` (nucleus sampling).

    Args:
        p: the sum, above 0 and at most 1; 0.1.
        k: how many tokens there may be at most; any number when None.
        seed, temperature: as of `RandomSampler`.

    Source: Holtzman et al., 2020.
    """

    def __init__(self, p: float = 0.1, k: int | None = None, seed: int | None = None, temperature: float = 1.0):
        super().__init__(seed, temperature)
        if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 < p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p must be a number above 0 and at most 1. Received: {p!r}.")
        self.p = float(p)
        self.k = None if k is None else positive_integer(type(self).__name__, "k", k)

    def kept(self, probabilities: Any) -> Any:
        def enough(kept: Any) -> Any:
            mass = ops.sum(ops.where(kept, probabilities, 0.0), axis=-1, keepdims=True) >= self.p
            return mass if self.k is None else ops.logical_or(mass, _count(kept) >= self.k)

        return _largest(probabilities, enough)

    def get_config(self) -> dict[str, Any]:
        return {"p": self.p, "k": self.k, **super().get_config()}


def _count(kept: Any) -> Any:
    return ops.sum(ops.cast(kept, "int32"), axis=-1, keepdims=True)


def _largest(probabilities: Any, enough: Callable[[Any], Any]) -> Any:
    """Bools: the fewest largest elements of each row that are enough.

    The bound between them and the others is found by halving its range, which takes no sorting, and equally long for
    any number of elements.

    Args:
        enough: whether bools `(batch, vocabulary)` are enough of a row, `(batch, 1)`; more are too.
    """

    def halve(_: Any, bounds: Any) -> Any:
        low, high = bounds
        middle = (low + high) * 0.5
        held = enough(probabilities >= middle)
        return ops.where(held, middle, low), ops.where(held, high, middle)

    highest = ops.max(probabilities, axis=-1, keepdims=True)
    low, _ = ops.fori_loop(0, _HALVINGS, halve, (ops.zeros_like(highest), highest))
    return probabilities >= low
