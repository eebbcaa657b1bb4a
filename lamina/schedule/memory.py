"""Where every temporary buffer lies in one arena.

Time is counted in phases, the stretches between two barriers: all threads are in the same phase, so buffers
whose phases do not overlap can share memory. Sizes may hold symbols; the plan is made when they are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.base.dims import evaluate
from lamina.schedule.expr import Buffer

ALIGNMENT = 128


@dataclass(frozen=True)
class Lifetime:
    """A temporary buffer and the first and last phase in which it is used."""

    buffer: Buffer
    first: int
    last: int


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets of buffers in the arena, and the arena's bytes."""

    offsets: dict[Buffer, int]
    size: int


def plan_memory(lifetimes: Sequence[Lifetime], symbols: Mapping[str, int], share: bool = True) -> MemoryPlan:
    """Gives every buffer a place: largest first, at the lowest offset that is free during its whole life.

    Args:
        share: whether buffers may share memory; without, each has its own (to find defects).
    """
    placed: list[tuple[int, int, Lifetime]] = []
    offsets: dict[Buffer, int] = {}
    sized = [(_rounded(evaluate(item.buffer.size(), symbols)), item) for item in lifetimes]
    end = 0
    for size, item in sorted(sized, key=lambda pair: -pair[0]):
        offset = _lowest_free(placed, item, size) if share else end
        placed.append((offset, offset + size, item))
        offsets[item.buffer] = offset
        end = max(end, offset + size)
    return MemoryPlan(offsets, end)


def _lowest_free(placed: list[tuple[int, int, Lifetime]], item: Lifetime, size: int) -> int:
    busy = sorted((a, b) for a, b, other in placed if other.first <= item.last and item.first <= other.last)
    offset = 0
    for begin, end in busy:
        if begin - offset >= size:
            break
        offset = max(offset, end)
    return offset


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
