"""Memory of compiled programs: plain NumPy arrays that begin on a cache line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from lamina.base import dtypes
from lamina.base.config import config

ALIGNMENT = 64


def empty_aligned(shape: Sequence[int], dtype: str) -> np.ndarray:
    """A C-contiguous array whose memory begins on a 64-byte boundary; its values are not set.

    With `config.poison` it is filled with NaN (all bits set, which is -1 in integers; True in bool).

    Args:
        shape: sizes of the dimensions; 0 is allowed.
        dtype: name of the element type.
    """
    size = math.prod(shape) * dtypes.size(dtype)
    array = _aligned_bytes(size).view(dtypes.to_numpy(dtype)).reshape(tuple(shape))
    if config.poison:
        poison(array)
    return array


def zeros_aligned(shape: Sequence[int], dtype: str) -> np.ndarray:
    """As `empty_aligned`, filled with zeros; large ones cost nothing until they are written."""
    size = math.prod(shape) * dtypes.size(dtype)
    return _aligned_bytes(size, np.zeros).view(dtypes.to_numpy(dtype)).reshape(tuple(shape))


def poison(array: np.ndarray) -> None:
    """Fills a C-contiguous array with NaN (integers: all bits set; bool: True), so that reading it shows."""
    if array.dtype == np.bool_:
        array.fill(True)
    else:
        array.reshape(-1).view(np.uint8).fill(0xFF)


def is_aligned(array: np.ndarray) -> bool:
    """Whether the array's memory begins on a 64-byte boundary; an empty array has none, and is."""
    return array.size == 0 or array.ctypes.data % ALIGNMENT == 0


def _aligned_bytes(size: int, allocate: Callable[..., np.ndarray] = np.empty) -> np.ndarray:
    raw = allocate(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


class Arena:
    """One block of memory that holds the intermediate buffers of a program, each at its planned place.

    The block grows when a larger batch asks for more, and is never given back while the program lives.
    """

    def __init__(self) -> None:
        self._memory = _aligned_bytes(0)

    @property
    def size(self) -> int:
        """Bytes that the arena holds."""
        return self._memory.size

    @property
    def address(self) -> int:
        """Where the arena begins; changes when it grows."""
        return self._memory.ctypes.data

    def reserve(self, size: int) -> int:
        """Makes the arena at least `size` bytes long and returns its address. What was in it may be lost."""
        if size > self._memory.size:
            self._memory = _aligned_bytes(size)
            if config.poison:
                poison(self._memory)
        return self.address

    def view(self, offset: int, shape: Sequence[int], dtype: str) -> np.ndarray:
        """The buffer at `offset` (in bytes, a multiple of the element size) as an array."""
        size = math.prod(shape) * dtypes.size(dtype)
        return self._memory[offset : offset + size].view(dtypes.to_numpy(dtype)).reshape(tuple(shape))
