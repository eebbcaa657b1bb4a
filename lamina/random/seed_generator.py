"""Where random numbers start: seeds, and generators that move on with every draw."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.tensor import Tensor, Variable, convert

_WORD = 2**32


class SeedGenerator:
    """Gives another seed at every call, inside of traced programs too, where its state moves on as the program runs.

    Args:
        seed: a whole number; None for one of `make_default_seed()`.
        name: of the state variable.

    Attributes:
        seed: the number that it began with.
        state: the variable uint32[2] with the seed and the number of draws so far.

    Example:
        generator = SeedGenerator(1)
        a = random.normal((3,), seed=generator)
        b = random.normal((3,), seed=generator)  # other numbers
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        if kwargs:
            raise ArgumentError(f"SeedGenerator: unknown arguments {sorted(kwargs)}.")
        self.name = name or "seed_generator"
        self.seed = make_default_seed() if seed is None else _checked(seed)
        self.state = Variable(_words(self.seed), dtype="uint32", trainable=False, name=f"{self.name}_state")

    def next(self, ordered: bool = True) -> Tensor:
        """The key of the next draw, uint32[2]; the state moves on by one."""
        key = self.state.value
        self.state.assign(self.state + _ONE_DRAW)
        return key

    def reset(self, seed: int | None = None) -> None:
        """Starts again from the first draw, of another seed if one is given."""
        self.seed = self.seed if seed is None else _checked(seed)
        self.state.assign(_words(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


_ONE_DRAW = np.array([0, 1], np.uint32)
# Of our own, so that making a layer does not change what the user's code draws from the module `random`.
_seeds = python_random.Random()
_global: SeedGenerator | None = None


def _checked(seed: Any) -> int:
    try:
        number = int(seed.__index__())
    except AttributeError:
        raise ArgumentError(f"A seed must be a whole number or None. Received: {seed!r}.") from None
    if number < 0:
        raise ArgumentError(f"A seed must not be negative. Received: {number}.")
    return number


def _words(seed: int) -> np.ndarray:
    """A seed as the two words of a key: the low 32 bits, and the next 32 as the stream, where draws are counted."""
    return np.array([seed % _WORD, seed // _WORD % _WORD], np.uint32)


def make_default_seed() -> int:
    """A seed for what was given none: unlike from process to process, until `set_random_seed` decides them all."""
    return _seeds.getrandbits(32)


def global_seed_generator() -> SeedGenerator:
    """The generator behind `seed=None`."""
    global _global
    if _global is None:
        _global = SeedGenerator(name="global_seed_generator")
    return _global


def set_random_seed(seed: int) -> None:
    """Makes what follows repeatable: seeds Python's `random`, NumPy, and everything of Lamina that has `seed=None`."""
    number = _checked(seed)
    python_random.seed(number)
    np.random.seed(number % _WORD)
    global_seed_generator().reset(number)
    _seeds.seed(number)  # last, as the generator draws its first seed when it is made


def draw_seed(seed: Any) -> Tensor | Variable:
    """The key, uint32[2], for one draw.

    Args:
        seed: a `SeedGenerator`, which moves on; a whole number, which gives the same numbers every time; a key; None
            for the global generator.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (Tensor, Variable, np.ndarray)):
        key = convert(seed, "uint32")
        if tuple(key.dims) == (2,):
            return key
        seed = key.numpy().item() if key.size == 1 else seed
    return Tensor.of_array(_words(_checked(seed)))
