"""The state of the whole process: seeds and names."""

from __future__ import annotations

import random as python_random

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.objects import reset_names


def set_random_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and Lamina's random numbers, so that a program gives the same results again.

    Args:
        seed: from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**32 - 1. Received: {seed!r}.")
    from lamina import random

    python_random.seed(int(seed))
    np.random.seed(int(seed))
    random.set_random_seed(int(seed))


def clear_session(free_memory: bool = True) -> None:
    """Starts the numbering of names anew.

    Args:
        free_memory: accepted as in Keras; models are freed when nothing refers to them.
    """
    reset_names()
