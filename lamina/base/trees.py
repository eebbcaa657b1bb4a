"""Nested structures (lists, tuples, dicts, named tuples) and their leaves. None is an empty structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def flatten(tree: Any) -> list[Any]:
    """The leaves in order; dict entries in the order of their sorted keys."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flatten(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in flatten(item)]
    return [tree]


def map_structure(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Applies `function` to corresponding leaves, keeping the structure of the first tree."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: map_structure(function, tree[key], *(o[key] for o in others)) for key in tree}
    if isinstance(tree, (list, tuple)):
        items = [map_structure(function, item, *(o[i] for o in others)) for i, item in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return function(tree, *others)


def unflatten(tree: Any, leaves: list[Any]) -> Any:
    """Puts `leaves`, in the order that `flatten` gives, into the structure of `tree`."""
    remaining = iter(leaves)

    def fill(item: Any) -> Any:
        if item is None:
            return None
        if isinstance(item, dict):
            filled = {key: fill(item[key]) for key in sorted(item)}
            return {key: filled[key] for key in item}
        if isinstance(item, (list, tuple)):
            items = [fill(part) for part in item]
            return type(item)(*items) if hasattr(item, "_fields") else type(item)(items)
        return next(remaining)

    return fill(tree)
