"""Projections of weights, applied after each update."""

from __future__ import annotations

from lamina.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from lamina.objects import Registry

max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_registry = Registry(
    "constraint", "lamina.constraints", [Constraint, MaxNorm, NonNeg, UnitNorm, MinMaxNorm],
    {"max_norm": MaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm, "min_max_norm": MinMaxNorm},
)  # fmt: skip

get = _registry.get
serialize = _registry.serialize
deserialize = _registry.deserialize

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm", "min_max_norm",
    "non_neg", "serialize", "unit_norm",
]  # fmt: skip
