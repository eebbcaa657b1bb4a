"""First values of weights, found by name with `get`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lamina.initializers.constant import Constant, Identity, Ones, Zeros
from lamina.initializers.initializer import Initializer
from lamina.initializers.random import Orthogonal, RandomInitializer, RandomNormal, RandomUniform, TruncatedNormal
from lamina.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)  # fmt: skip
from lamina.objects import Registry, snake_case

_CLASSES = [
    Zeros, Ones, Constant, Identity, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, GlorotNormal,
    GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, Orthogonal,
]  # fmt: skip

zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform

_ALIASES = {snake_case(c.__name__): c for c in _CLASSES} | {
    "IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "normal": RandomNormal,
    "uniform": RandomUniform, "one": Ones, "zero": Zeros,
}  # fmt: skip

_registry = Registry("initializer", "lamina.initializers", _CLASSES, _ALIASES)

serialize = _registry.serialize
deserialize = _registry.deserialize


def get(identifier: Any) -> Callable[..., Any] | None:
    """The initializer that an identifier stands for.

    Args:
        identifier: a name such as `"glorot_uniform"` or `"GlorotUniform"`, a config, a class, an instance, a
            function `f(shape, dtype)`, or an array (its values become the weight's); None stays None.

    Raises:
        ArgumentError: if there is none of this name; the message suggests similar ones.
    """
    if not inspect.isclass(identifier) and hasattr(identifier, "__array__"):
        return Constant(identifier)
    return _registry.get(identifier)


__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer", "LecunNormal",
    "LecunUniform", "Ones", "Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal",
    "random_uniform", "serialize", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip
