"""Samplers by their names."""

from __future__ import annotations

import inspect
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.generation.beam_sampler import BeamSampler
from lamina.generation.sampler import Sampler
from lamina.generation.samplers import GreedySampler, RandomSampler, TopKSampler, TopPSampler
from lamina.objects import Registry

_NAMES: dict[str, type[Sampler]] = {
    "beam": BeamSampler, "greedy": GreedySampler, "random": RandomSampler, "top_k": TopKSampler, "top_p": TopPSampler,
}  # fmt: skip
_registry = Registry("sampler", "lamina.generation", list(_NAMES.values()), _NAMES)

serialize = _registry.serialize
deserialize = _registry.deserialize


def get(identifier: Any, **arguments: Any) -> Sampler:
    """A sampler by its name, class or config; a sampler is itself.

    Args:
        identifier: `"greedy"`, `"random"`, `"top_k"`, `"top_p"`, `"beam"`, a class, a config, or a sampler.
        arguments: of the constructor, with a name or class.

    Raises:
        ArgumentError: if there is none of this name, or it is no sampler.
    """
    if isinstance(identifier, str):
        identifier = _registry.find(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, Sampler):
        return identifier(**arguments)
    found = _registry.deserialize(identifier) if isinstance(identifier, dict) else identifier
    if not isinstance(found, Sampler) or arguments:
        raise ArgumentError(
            "Expected a sampler: a name such as 'greedy', a config (dict), a class (these with arguments, if any), or "
            f"an instance of lamina.generation.Sampler. Received: {identifier!r} of type {type(identifier).__name__}"
            f"{f' with arguments {sorted(arguments)}' if arguments else ''}."
        )
    return found


def is_known(sampler: Sampler) -> bool:
    """Whether a sampler is wholly described by its class and its config."""
    return type(sampler) in _NAMES.values()
