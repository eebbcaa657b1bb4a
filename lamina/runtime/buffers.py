"""Memory of programs and variables: plain NumPy arrays that begin on a cache line."""

from __future__ import annotations

import ctypes
import math
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np

from lamina.base import dtypes
from lamina.base.config import config

# Two cache lines: processors fetch them in pairs, so threads that write either half would slow each other.
ALIGNMENT = 128
# Results from this size on are worth keeping when dropped: touching fresh memory costs more than filling it.
RECYCLED_FROM = 1 << 20
RECYCLED_AT_MOST = 512 << 20


def empty_aligned(shape: Sequence[int], dtype: str) -> np.ndarray:
    """A C-contiguous array whose memory begins on a 128-byte boundary; its values are not set.

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


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """A C-contiguous copy in aligned memory of its own."""
    size = array.nbytes
    copy = _aligned_bytes(size).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def poison(array: np.ndarray) -> None:
    """Fills a C-contiguous array with NaN (integers: all bits set; bool: True), so that reading it shows."""
    if array.dtype == np.bool_:
        array.fill(True)
    else:
        array.reshape(-1).view(np.uint8).fill(0xFF)


class Recycler:
    """Memory of large results, used again once nothing refers to it any more.

    The system hands out fresh memory page by page, as it is first written, at a fraction of the speed of memory
    itself. A result that the user still holds, a view of it, or an export through DLPack keeps its memory from that.
    """

    def __init__(self, most: int = RECYCLED_AT_MOST):
        self._most = most
        self._blocks: list[np.ndarray] = []
        self._lock = threading.Lock()

    def empty(self, size: int) -> np.ndarray:
        """At least `size` aligned bytes, of which the first `size` are given."""
        with self._lock:
            for position in range(len(self._blocks)):
                # Three references: the list's, the loop variable's, and the argument of getrefcount itself.
                block = self._blocks[position]
                if block.size == size + ALIGNMENT and sys.getrefcount(block) <= 3:
                    self._blocks.append(self._blocks.pop(position))
                    break
            else:
                block = np.empty(size + ALIGNMENT, np.uint8)
                self._keep(block)
        start = -block.ctypes.data % ALIGNMENT
        return block[start : start + size]

    def _keep(self, block: np.ndarray) -> None:
        """Keeps a block for later, and lets go of the oldest ones beyond the limit."""
        self._blocks.append(block)
        held = sum(b.size for b in self._blocks)
        while held > self._most:
            held -= self._blocks.pop(0).size


_recycler = Recycler()


def result_array(shape: Sequence[int], dtype: str) -> np.ndarray:
    """As `empty_aligned`, for results that are handed to the user; large ones use dropped results' memory again."""
    size = math.prod(shape) * dtypes.size(dtype)
    if config.poison:
        return empty_aligned(shape, dtype)
    if size < RECYCLED_FROM:
        return np.empty(shape, dtypes.to_numpy(dtype))
    return _recycler.empty(size).view(dtypes.to_numpy(dtype)).reshape(tuple(shape))


def _address_by_interface(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _address_by_layout(array: np.ndarray) -> int:
    return ctypes.c_void_p.from_address(id(array) + object.__basicsize__).value or 0


def _fastest_address() -> Callable[[np.ndarray], int]:
    """Reads the pointer from the array's own record where that is laid out as NumPy's C interface documents.

    There it is the first field after the object's header, and reading it takes a sixth of the time of
    `__array_interface__`, which would otherwise be most of a small call.
    """
    if sys.implementation.name == "cpython":
        sample = np.arange(7)
        if all(_address_by_layout(a) == _address_by_interface(a) for a in (sample, sample[3:], np.zeros((2, 3), "f4"))):
            return _address_by_layout
    return _address_by_interface


address = _fastest_address()


def is_aligned(array: np.ndarray) -> bool:
    """Whether the array's memory begins on a 128-byte boundary; an empty array has none, and is."""
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
