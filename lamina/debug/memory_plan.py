"""Where every buffer lies, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from lamina.base.dims import evaluate, format_shape
from lamina.debug.listings import counted, meanings
from lamina.debug.subject import Subject
from lamina.schedule.expr import Buffer
from lamina.schedule.memory import Lifetime, plan_memory
from lamina.schedule.schedule import Schedule


def memory_text(subject: Subject) -> str:
    stages, sizes = subject.compilation.stages, subject.sizes
    heading = ", ".join(f"{s} = {n}" for s, n in sizes.items())
    blocks = [f"sizes: {heading}"] if sizes else []
    blocks += [_stage_memory(s.name, s.schedule, sizes) for s in stages]
    arena = max([plan_memory(s.schedule.lifetimes(), sizes).size for s in stages])
    alone = sum(plan_memory(s.schedule.lifetimes(), sizes, share=False).size for s in stages)
    lines = [f"arena: {arena:,} bytes; {alone:,} if every temporary buffer had memory of its own"]
    totals: Counter[str] = Counter()
    for buffer in dict.fromkeys(b for s in stages for b in s.schedule.buffers()):
        totals[buffer.role] += _bytes(buffer, sizes)
    lines += [f"{role}: {totals[role]:,} bytes" for role in ("state", "input", "output", "constant") if totals[role]]
    scratch = max([sum(_bytes(b, sizes) for b in k.locals) for s in stages for k in s.schedule.kernels] or [0])
    lines.append(f"scratch: {scratch:,} bytes for each thread")
    return "\n\n".join([*blocks, "\n".join(lines)])


def _stage_memory(name: str, plan: Schedule, sizes: Mapping[str, int]) -> str:
    lifetimes = plan.lifetimes()
    offsets = plan_memory(lifetimes, sizes).offsets
    lives = {item.buffer: item for item in lifetimes}
    known = meanings(plan)
    replaced = set(plan.aliases.values())
    rows = [("buffer", "type", "bytes", "offset", "phases", "written by")]
    for buffer in plan.buffers():
        writers = [k.name for k in plan.kernels if buffer in map(plan.whole, k.written())]
        life = lives.get(buffer)
        rows.append((
            known[buffer],
            f"{buffer.dtype}{format_shape(buffer.shape)}",
            f"{_bytes(buffer, sizes):,}",
            f"{offsets[buffer]:,}" if life else "",
            f"{life.first}-{life.last}" if life else "",
            ", ".join(writers) + (" (in place)" if buffer in replaced else ""),
        ))  # fmt: skip
    return "\n".join([f"stage {name}: {_sharing(lifetimes, sizes)}", *_table(rows)])


def _sharing(lifetimes: list[Lifetime], sizes: Mapping[str, int]) -> str:
    """The temporary memory of a stage: with sharing, without, and what no plan could do without."""
    if not lifetimes:
        return "no temporary buffers"
    shared, alone = plan_memory(lifetimes, sizes).size, plan_memory(lifetimes, sizes, share=False).size
    alive: Counter[int] = Counter()
    for item in lifetimes:
        for phase in range(item.first, item.last + 1):
            alive[phase] += _bytes(item.buffer, sizes)
    busiest = max(alive, key=lambda phase: (alive[phase], -phase))
    return (
        f"{counted(len(lifetimes), 'temporary buffer')} in {shared:,} bytes (unshared {alone:,}); the most alive at "
        f"once: {alive[busiest]:,}, in phase {busiest}"
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of text with aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if k in (2, 3) else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths))]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _bytes(buffer: Buffer, sizes: Mapping[str, int]) -> int:
    return evaluate(buffer.size(), sizes)
