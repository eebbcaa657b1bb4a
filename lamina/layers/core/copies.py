"""Copies of initializers, for layers that make several weights alike."""

from __future__ import annotations

from typing import Any


def copied(initializer: Any) -> Any:
    """Another initializer with the same arguments, which draws numbers of its own unless it was given a seed.

    A function, which has no arguments, is shared.
    """
    if not hasattr(initializer, "get_config"):
        return initializer
    return type(initializer).from_config(initializer.get_config())
