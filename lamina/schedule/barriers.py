"""Where threads meet: a barrier goes where a kernel needs what other threads may still be at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel
from lamina.schedule.regions import Item, Region, is_alone, kernels_of


class Barriers:
    """Gives every kernel its phase: the number of barriers before it, in the order in which kernels are written down.

    Kernels of a single task all run on the first thread, one after the other, and need none among themselves. A region
    begins with a barrier, and each of its steps ends with one, but for a loop in which threads have rows of their own.

    Args:
        whole: the buffer in whose memory another one lies.
        guard: a kernel before which there is a barrier in any case.
    """

    def __init__(self, whole: Callable[[Buffer], Buffer], guard: Kernel | None):
        self._whole, self._guard = whole, guard
        self.phases: list[int] = []
        self._phase = 0
        self._written: dict[Buffer, bool] = {}
        self._read: dict[Buffer, bool] = {}

    def place(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Region):
                self._region(item)
            else:
                self._kernel(item)

    def meet(self) -> None:
        """A barrier here, in any case."""
        self._phase += 1
        self._written, self._read = {}, {}

    def _region(self, region: Region) -> None:
        self.meet()
        region.first = self._phase
        kernels = kernels_of(region.items)
        if region.rows is not None and self._guard not in kernels:
            region.tested = region.last = self._phase
            self.phases += [self._phase] * len(kernels)
            self.meet()
            return
        region.rows = None
        region.solo = all(is_alone(kernel) for kernel in kernels)
        self.place(region.test)
        if region.kind == "while" and not region.solo:
            self.meet()
        region.tested = self._phase
        self.place(region.body)
        region.last = self._phase
        self.meet()

    def _kernel(self, kernel: Kernel) -> None:
        alone = is_alone(kernel)
        reads = {self._whole(b) for b in kernel.read()}
        writes = {self._whole(b) for b in kernel.written()}
        waits = any(b in self._written and not (alone and self._written[b]) for b in reads | writes)
        waits = waits or any(b in self._read and not (alone and self._read[b]) for b in writes)
        if waits or kernel is self._guard:
            self.meet()
        self.phases.append(self._phase)
        for b in writes:
            self._written[b] = self._written.get(b, True) and alone
        for b in reads:
            self._read[b] = self._read.get(b, True) and alone
