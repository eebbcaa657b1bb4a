"""Dtype policies: in which dtype a layer computes, and in which it keeps its weights."""

from __future__ import annotations

from typing import Any

from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import ArgumentError, DTypeError

# With these the weights stay float32: updates smaller than a half float can tell apart would be lost otherwise.
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """The dtype in which a layer computes and the dtype of its weights.

    Args:
        name: a dtype such as `"float32"`, which both are then; or `"mixed_bfloat16"` or `"mixed_float16"`: inputs,
            computation and outputs in that half float, weights in float32. The policy of the process when None.

    Attributes:
        name: as given.
        compute_dtype: of inputs, computation and outputs.
        variable_dtype: of weights.
        quantization_mode: None, as weights are not quantized.

    Raises:
        ArgumentError: if there is no such policy.

    Source: Micikevicius et al., 2017, "Mixed precision training".
    """

    quantization_mode = None

    def __init__(self, name: str | None = None):
        name = config.dtype_policy or config.floatx if name is None else name
        if not isinstance(name, str):
            raise ArgumentError(
                "DTypePolicy: name must be a string such as 'mixed_bfloat16' or 'float32'. Received: "
                f"{name!r} of type {type(name).__name__}."
            )
        self.compute_dtype, self.variable_dtype = _dtypes_of(name)
        # Python's "float" and "int" have no names of their own here.
        self.name = name if name in _MIXED else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def _dtypes_of(name: str) -> tuple[str, str]:
    """The dtypes of computation and of weights."""
    if name in _MIXED:
        return _MIXED[name], "float32"
    try:
        known = dtypes.canonical(name)
    except DTypeError:
        raise ArgumentError(
            f"There is no dtype policy {name!r}. Expected 'mixed_bfloat16', 'mixed_float16', or a dtype, one of: "
            f"{', '.join(dtypes.NAMES)}."
        ) from None
    return known, known
