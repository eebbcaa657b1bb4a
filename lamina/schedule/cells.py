"""Memory, as the interpreter of the loop IR sees it: elements that remember who touched them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import evaluate_shape
from lamina.base.errors import VerificationError
from lamina.schedule.expr import Buffer

NOBODY, _SEVERAL = -1, -2


class Cells:
    """The elements of one buffer, and what is known of each.

    Args:
        name: of the buffer, for messages.
        values: the elements, one-dimensional.
        written: whether the elements hold values already.
        shared: whether other tasks can see them, so that tasks may get in each other's way.
    """

    def __init__(self, name: str, values: np.ndarray, written: bool, shared: bool):
        self.name = name
        self.values = values
        self.shared = shared
        self._written = np.full(values.size, written)
        self._writer = np.full(values.size, NOBODY)
        self._reader = np.full(values.size, NOBODY)

    def part(self, name: str, begin: int, end: int) -> Cells:
        """Some of the elements; what happens to them happens to these."""
        result = Cells.__new__(Cells)
        result.name, result.shared = f"{name} of {self.name}", self.shared
        for field in ("values", "_written", "_writer", "_reader"):
            setattr(result, field, getattr(self, field)[begin:end])
        return result

    def new_phase(self) -> None:
        """A barrier: from here on everyone may touch everything."""
        self._writer.fill(NOBODY)
        self._reader.fill(NOBODY)

    def read(self, index: int, actor: int) -> Any:
        """The element, read by the task `actor`."""
        self._check(index, actor, "read")
        if not self._written[index]:
            raise VerificationError(f"{self.name}[{index}] is read and was never written.")
        if self._reader[index] != actor:
            self._reader[index] = actor if self._reader[index] == NOBODY else _SEVERAL
        return self.values[index]

    def write(self, index: int, value: Any, actor: int) -> None:
        self._check(index, actor, "written")
        if self.shared and self._reader[index] not in (NOBODY, actor):
            raise VerificationError(f"{self.name}[{index}] is written by one task and read by another in one phase.")
        self._written[index] = True
        self._writer[index] = actor
        self.values[index] = value

    def _check(self, index: int, actor: int, verb: str) -> None:
        if not 0 <= index < self.values.size:
            raise VerificationError(f"{self.name}[{index}] is {verb}, of {self.values.size} elements.")
        if self.shared and self._writer[index] not in (NOBODY, actor):
            raise VerificationError(f"{self.name}[{index}] is written by one task and {verb} by another in one phase.")


class Memory:
    """The buffers of a program that are not private to a thread."""

    def __init__(self, symbols: Mapping[str, int], check_races: bool):
        self._symbols = symbols
        self._check_races = check_races
        self._cells: dict[Buffer, Cells] = {}

    def give(self, buffer: Buffer, array: np.ndarray) -> None:
        self._cells[buffer] = Cells(buffer.name, array.flatten(), written=True, shared=self._check_races)

    def point(self, buffer: Buffer, whole: Cells, begin: int, size: int) -> None:
        """Makes a buffer the part of another one that begins there."""
        if not 0 <= begin <= whole.values.size - size:
            raise VerificationError(f"{buffer.name} is the part from {begin} on of {whole.name}, beyond its end.")
        self._cells[buffer] = whole.part(buffer.name, begin, begin + size)

    def share(self, symbols: Mapping[str, int]) -> Memory:
        """The same buffers with other numbers for the sizes: those that differ must be pointed elsewhere."""
        result = Memory(symbols, self._check_races)
        result._cells = self._cells.copy()
        return result

    def cells(self, buffer: Buffer) -> Cells:
        if buffer not in self._cells:
            if buffer.role == "constant":
                self.give(buffer, np.asarray(buffer.value))
            else:
                self._cells[buffer] = empty_cells(buffer, self._symbols, shared=self._check_races)
        return self._cells[buffer]

    def array(self, buffer: Buffer) -> np.ndarray:
        return self.cells(buffer).values.reshape(evaluate_shape(buffer.shape, self._symbols))

    def new_phase(self) -> None:
        for cells in self._cells.values():
            cells.new_phase()


def empty_cells(buffer: Buffer, symbols: Mapping[str, int], shared: bool) -> Cells:
    size = int(np.prod(evaluate_shape(buffer.shape, symbols), dtype=np.int64))
    return Cells(buffer.name, np.zeros(size, dtypes.to_numpy(buffer.dtype)), written=False, shared=shared)
