"""The base of initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.base import dtypes
from lamina.base.config import floatx
from lamina.objects import TellsArguments


class Initializer(TellsArguments):
    """Base of first values: a subclass has `__call__(shape, dtype=None)`, which gives a tensor, and `get_config()`."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """The first value of a weight.

        Args:
            shape: of the weight.
            dtype: of the weight; `floatx()` when None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """Another initializer with the same config; one without a seed draws numbers of its own."""
        return type(self).from_config(self.get_config())


def standard_dtype(dtype: Any) -> str:
    """The dtype's name; `floatx()` for None."""
    return floatx() if dtype is None else dtypes.canonical(dtype)
