"""Seeds for what was given none."""

from __future__ import annotations

from lamina import random
from lamina.tensor.state import eagerly


def fresh_seed() -> int:
    """A seed drawn from the global generator, so that `set_random_seed` decides it."""
    with eagerly():
        return int(random.bits((), seed=random.global_seed_generator()))
