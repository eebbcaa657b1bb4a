"""Temporary results written over what they are computed from, where nothing else needs that any more.

It saves memory, and the processor need not fetch lines that are only written: it has just read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lamina.base.dims import element_count
from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel
from lamina.schedule.overwriting import can_overwrite
from lamina.schedule.regions import Item, Region, kernels_of

if TYPE_CHECKING:
    from lamina.schedule.schedule import Schedule


def share_in_place(plan: Schedule) -> dict[Buffer, Buffer]:
    """For buffers that can lie in another one's memory, that one; its last reader is then the first writer of the new.

    Kernels in loops and branches are left alone, and so is what they use. A kernel of the same phase that reads the old
    buffer too would have to be waited for.

    Args:
        plan: with phases; its own aliases are left out of account.
    """
    uses = _uses(plan.items)
    taken = _untouchable(plan)
    phases = {id(kernel): phase for kernel, phase in zip(plan.kernels, plan.phases)}
    found: dict[Buffer, Buffer] = {}
    for item in plan.items:
        if isinstance(item, Region):
            continue
        for new in item.written():
            if new in taken or uses[new][0] is not item or new in item.read():
                continue
            old = next((b for b in item.read() if b not in taken and _fits(b, new, item, uses, phases)), None)
            if old is not None:
                found[new] = found.get(old, old)
                taken.add(old)
    return found


def _uses(items: Sequence[Item]) -> Mapping[Buffer, list[Kernel]]:
    """The kernels that use a buffer, in order."""
    uses: dict[Buffer, list[Kernel]] = {}
    for kernel in kernels_of(items):
        for buffer in kernel.buffers():
            uses.setdefault(buffer, []).append(kernel)
    return uses


def _untouchable(plan: Schedule) -> set[Buffer]:
    """What has memory of its own for other reasons: what is no temporary, lives in loops, or is kept between calls."""
    taken = {b for k in plan.kernels for b in [*k.locals, *k.buffers()] if b.role != "temporary"}
    for region in (item for item in plan.items if isinstance(item, Region)):
        taken.update(plan.whole(b) for k in kernels_of([region]) for b in k.buffers())
        taken.update(b for k in kernels_of([region]) for b in k.buffers())
        taken.update([] if region.flag is None else [region.flag])
    taken.update(plan.kept_buffers())
    return taken.union(plan.aliases, plan.aliases.values(), plan.slices, (s.whole for s in plan.slices.values()))


def _fits(
    old: Buffer, new: Buffer, kernel: Kernel, uses: Mapping[Buffer, list[Kernel]], phases: Mapping[int, int]
) -> bool:
    if old.dtype != new.dtype or element_count(old.shape) != element_count(new.shape) or uses[old][-1] is not kernel:
        return False
    if any(phases[id(other)] == phases[id(kernel)] for other in uses[old] if other is not kernel):
        return False
    return can_overwrite([kernel], old, new)
