"""Loops and branches around kernels: what the native program repeats, and what it may leave out.

A region's kernels are like any others; they do not know that they are repeated. What differs from one step to the next
are the addresses that they are given: a *slice* is the part of a buffer that the present step sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from lamina.base.dims import Dimension, evaluate
from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel


@dataclass(frozen=True)
class Slice:
    """The entry `step + shift` on the first axis of a buffer, where steps are counted from 0."""

    whole: Buffer
    shift: Dimension = 0


@dataclass(eq=False)
class Region:
    """Kernels, and regions among them, that are run several times or perhaps not at all.

    Attributes:
        kind: `scan` runs the body `length` times; `while` runs `test` and then the body as long as the flag is True,
            at most `length` times where that is given; `cond` runs the body if the flag is `wanted`.
        reverse: whether a scan counts its steps backwards.
        slices: buffers that are slices, and of what.
        flag: one bool.
        solo: whether no kernel has more than one task, so that the first thread runs the region by itself.
        rows: where every row of a batch is by itself, the symbol of their number: each thread then runs all steps on
            rows of its own, and meets nobody on the way.
        wide: whether a step has so much to do for a single row that threads share that where there are few rows.
        first, last: the phases of its first and last kernel; tested: of the first kernel after a test.
    """

    kind: str
    body: list[Item]
    length: Dimension | None = None
    reverse: bool = False
    slices: dict[Buffer, Slice] = field(default_factory=dict)
    test: list[Item] = field(default_factory=list)
    flag: Buffer | None = None
    wanted: bool = True
    solo: bool = False
    rows: str | None = None
    wide: bool = False
    first: int = 0
    last: int = 0
    tested: int = 0

    @property
    def items(self) -> list[Item]:
        """The test, then the body."""
        return [*self.test, *self.body]

    def describe(self) -> str:
        """The head of the loop or branch, for people."""
        if self.kind == "cond":
            return f"if {'' if self.wanted else 'not '}{self.flag}"
        if self.kind == "while":
            return f"while {self.flag}" + ("" if self.length is None else f", at most {self.length} times")
        slices = [f"{b} = {s.whole}[step{f' + {s.shift}' if s.shift != 0 else ''}]" for b, s in self.slices.items()]
        order = f"{'reversed ' if self.reverse else ''}[0, {self.length})"
        each = "" if self.rows is None else f", each thread with rows of its own among {self.rows}"
        return f"for step in {order}{each}: {', '.join(slices)}"


Item = Union[Kernel, Region]


def kernels_of(items: Sequence[Item]) -> list[Kernel]:
    """All kernels, in the order in which they are written down."""
    found: list[Kernel] = []
    for item in items:
        found += kernels_of(item.items) if isinstance(item, Region) else [item]
    return found


def regions_of(items: Sequence[Item]) -> Iterator[Region]:
    """All regions, inner ones before those around them."""
    for item in items:
        if isinstance(item, Region):
            yield from regions_of(item.items)
            yield item


# Steps of a loop that nobody knows the length of, beyond which a profile of it is not made.
UNKNOWN_STEPS = 10_000


def most_runs(items: Sequence[Item], symbols: Mapping[str, int]) -> int:
    """How many kernels and barriers of regions are run at most when the symbols of sizes have these values."""
    total = 0
    for item in items:
        if isinstance(item, Region):
            times = (
                1 if item.kind == "cond" else UNKNOWN_STEPS if item.length is None else evaluate(item.length, symbols)
            )
            total += 2 + (most_runs(item.items, symbols) + 2) * (times + 1)
        else:
            total += 1
    return total


def runs_of(items: Sequence[Item], symbols: Mapping[str, int], times: int = 1) -> list[int]:
    """How often each kernel is run, where that is known; a loop of unknown length counts as one step."""
    found: list[int] = []
    for item in items:
        if isinstance(item, Region):
            length = 1 if item.kind != "scan" or item.length is None else evaluate(item.length, symbols)
            found += runs_of(item.items, symbols, times * length)
        else:
            found.append(times)
    return found


def is_alone(kernel: Kernel) -> bool:
    """Whether a kernel is a single task, which the first thread runs."""
    return kernel.tasks.op == "const" and kernel.tasks.attr == 1
