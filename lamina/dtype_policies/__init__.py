"""Dtype policies, found by name with `get`: see `DTypePolicy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.base import dtypes
from lamina.base.errors import ArgumentError, DTypeError
from lamina.base.policy import DTypePolicy
from lamina.objects import Registry

FloatDTypePolicy = DTypePolicy

_registry = Registry("dtype policy", "lamina.dtype_policies", [DTypePolicy], {"FloatDTypePolicy": DTypePolicy})

serialize = _registry.serialize


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """What `serialize` wrote, as a policy again."""
    return get(_registry.deserialize(config, custom_objects) if isinstance(config, dict) else config)


def get(identifier: Any = None) -> DTypePolicy:
    """The policy that an identifier stands for.

    Args:
        identifier: a name such as `"mixed_bfloat16"`, a dtype, a config or a policy; None for that of the process.

    Raises:
        ArgumentError: if there is no such policy.
    """
    if isinstance(identifier, DTypePolicy):
        return identifier
    if identifier is None or isinstance(identifier, str):
        return DTypePolicy(identifier)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    try:
        return DTypePolicy(dtypes.canonical(identifier))
    except DTypeError:
        raise ArgumentError(
            "Expected a dtype policy: a name such as 'mixed_bfloat16' or 'float32', a dtype, a config (dict) or a "
            f"DTypePolicy. Received: {identifier!r} of type {type(identifier).__name__}."
        ) from None


__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]
