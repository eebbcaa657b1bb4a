"""Penalties on weights or activities, added to the loss."""

from __future__ import annotations

from lamina.objects import Registry
from lamina.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_registry = Registry(
    "regularizer", "lamina.regularizers", [Regularizer, L1, L2, L1L2, OrthogonalRegularizer],
    {"l1": L1, "l2": L2, "l1_l2": L1L2, "orthogonal_regularizer": OrthogonalRegularizer},
)  # fmt: skip

get = _registry.get
serialize = _registry.serialize
deserialize = _registry.deserialize

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip
