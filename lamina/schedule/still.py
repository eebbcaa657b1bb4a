"""Kernels that do the same each time: what they read does not change, so once is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from lamina.base.dims import Dim, Dimension, is_static
from lamina.schedule.expr import Buffer, Expr, expressions
from lamina.schedule.loops import Kernel, operands, walk
from lamina.schedule.regions import Item, kernels_of, regions_of


def split_still(
    items: Sequence[Item],
    unchanging: Collection[Buffer],
    aliases: Mapping[Buffer, Buffer],
    results: Collection[Buffer] = (),
    allowed: Callable[[Kernel], bool] = lambda kernel: True,
) -> tuple[list[Kernel], list[Item]]:
    """Splits off the kernels that read nothing but what does not change, and write temporary memory of their own.

    Args:
        unchanging: buffers that stay as they are.
        aliases: buffers that are another buffer's memory.
        results: buffers that are read from outside, which are left to the others.
        allowed: what else must hold of a kernel.
    """
    slices = {b: s.whole for region in regions_of(items) for b, s in region.slices.items()}

    def memory_of(buffer: Buffer) -> Buffer:
        while buffer in aliases or buffer in slices:
            buffer = aliases.get(buffer) or slices[buffer]
        return buffer

    writers = Counter(memory_of(b) for k in kernels_of(items) for b in k.written())
    own = {b for b, n in writers.items() if n == 1 and b.role == "temporary" and b not in results}
    still = {b for b in unchanging if b not in writers}
    out: list[Kernel] = []
    rest: list[Item] = []
    for item in items:
        if isinstance(item, Kernel) and _is_still(item, still, own) and allowed(item):
            still |= item.written()
            out.append(item)
        else:
            rest.append(item)
    return out, rest


def _is_still(kernel: Kernel, still: set[Buffer], own: set[Buffer]) -> bool:
    written = kernel.written()
    reads = all(b in still or b in written or b.role in ("constant", "local") for b in kernel.read())
    return reads and all(b in own or b.role == "local" for b in written) and not checks_index(kernel)


def checks_index(kernel: Kernel) -> bool:
    """Whether a kernel reads at places that data gives, and reports those that are out of range."""
    roots: list[Expr] = [e for s in walk(kernel.body) for e in operands(s)]
    return any(e.op == "check_index" for e in expressions(roots))


def needs_no_sizes(kernel: Kernel) -> bool:
    """Whether a kernel does the same whatever the sizes that stay open until the program runs."""
    if not is_static([d for b in kernel.buffers() for d in b.shape]):
        return False
    roots = [kernel.tasks, *(e for s in walk(kernel.body) for e in operands(s))]
    return not any(isinstance(d, Dim) for e in expressions(roots) for d in _dimensions(e))


def _dimensions(e: Expr) -> Sequence[Dimension]:
    """The dimensions that an expression itself holds."""
    if e.op == "affine":
        coefficients, constant = e.attr
        return [*coefficients, constant]
    return [e.attr] if e.op == "dim" else []
