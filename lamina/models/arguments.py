"""Checks of arguments that fit, evaluate and predict share."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError

DEFAULT_BATCH_SIZE = 32


def check_count(name: str, value: Any, default: int, least: int = 1) -> int:
    """A whole number of at least `least`; `default` for None."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ArgumentError(f"{name} must be a whole number of at least {least}. Received: {value!r}.")
    return int(value)


def optional_count(name: str, value: Any) -> int | None:
    return None if value is None else check_count(name, value, 1)


def verbosity(verbose: Any) -> int:
    """0, 1 or 2; `"auto"` is 1."""
    if verbose == "auto":
        return 1
    if verbose not in (0, 1, 2):
        raise ArgumentError(f"verbose must be 0, 1, 2 or 'auto'. Received: {verbose!r}.")
    return int(verbose)


def refuse_with_batches(**given: Any) -> None:
    """Raises ArgumentError if something was given that the batches themselves must hold."""
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{name} cannot be given when x is a generator or dataset of batches: each batch must hold it, as "
                "(x, y) or (x, y, sample_weight)."
            )
