"""Mixed precision: computation in half floats, weights in float32. The names that Keras has for it."""

from __future__ import annotations

from lamina.base.config import dtype_policy, set_dtype_policy
from lamina.base.policy import DTypePolicy
from lamina.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy", "set_dtype_policy",
    "set_global_policy",
]  # fmt: skip
