"""Memory, as kernels see it."""

from __future__ import annotations

from typing import Any

from lamina.base import dtypes
from lamina.base.dims import Dimension, element_count


class Buffer:
    """A piece of memory that kernels read and write, of one dtype, row-major and contiguous.

    Attributes:
        name: unique in a program; role: `input`, `weight` (an input that seldom changes from call to call), `state`,
            `output`, `constant`, `temporary`, or `local` (scratch of one thread, alive in one kernel).
        shape: may hold symbols.
    """

    __slots__ = ("dtype", "name", "role", "shape", "value")

    def __init__(self, name: str, shape: tuple[Dimension, ...], dtype: str, role: str, value: Any = None):
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.role = role
        self.value = value

    def size(self) -> Dimension:
        """Bytes."""
        return element_count(self.shape) * dtypes.size(self.dtype)

    def __repr__(self) -> str:
        return self.name
