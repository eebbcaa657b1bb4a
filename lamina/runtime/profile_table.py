"""A profile as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.runtime.profile import KernelProfile, Profile

_HEADINGS = ("kernel", "kind", "time", "share", "busy", "MFLOP", "GFLOP/s", "of peak", "MB", "GB/s", "of peak", "from")
_NUMBERS = range(2, 11)
_WIDEST_PLACE = 60


def profile_table(profile: Profile, most: int | None) -> str:
    """The kernels of a profile, the longest first, with sums and an explanation.

    Args:
        most: kernels to show; None for all.
    """
    inside = [k for k in profile.kernels if k.in_step]
    outside = [k for k in profile.kernels if not k.in_step]
    shown = inside if most is None else inside[:most]
    rows = [_HEADINGS, *map(_row, shown)]
    if len(inside) > len(shown):
        rows.append(_rest(inside[len(shown) :], profile))
    rows.append(_cells("between kernels", "", profile.between * profile.seconds, profile.between))
    rows.append(_total(profile))
    lines = _aligned(rows)
    lines.insert(len(lines) - 1, "-" * len(lines[0]))
    sections = ["\n".join([_title(profile), "", *lines])]
    if outside:
        cut = outside if most is None else outside[:most]
        sections.append("\n".join(["Once an epoch:", *_aligned([_HEADINGS, *map(_row, cut)])]))
    return "\n\n".join([*sections, _notes(profile)])


def _title(profile: Profile) -> str:
    return (
        f"{profile.title}: {_time(profile.seconds)} a step on {_count(profile.threads, 'thread')} "
        f"({_count(profile.steps, 'step')} measured, mean of the faster half)"
    )


def _row(kernel: KernelProfile) -> tuple[str, ...]:
    work = (kernel.flops, kernel.flops_per_second, kernel.flops_of_peak)
    traffic = (kernel.read + kernel.written, kernel.bytes_per_second, kernel.bytes_of_peak)
    share = kernel.share if kernel.in_step else None
    return _cells(kernel.name, kernel.kind, kernel.seconds, share, kernel.busy, work, traffic, _place(kernel))


def _rest(kernels: Sequence[KernelProfile], profile: Profile) -> tuple[str, ...]:
    seconds = sum(k.seconds for k in kernels)
    flops, moved = sum(k.flops for k in kernels), sum(k.read + k.written for k in kernels)
    busy = sum(k.busy * k.seconds for k in kernels) / seconds if seconds else None
    name = f"{len(kernels)} more"
    return _sums(profile, name, seconds, seconds / profile.seconds, busy, flops, moved)


def _total(profile: Profile) -> tuple[str, ...]:
    busy = 1.0 - profile.waiting - profile.between
    return _sums(profile, "total", profile.seconds, 1.0, busy, profile.flops, profile.bytes)


def _sums(
    profile: Profile, name: str, seconds: float, share: float, busy: float | None, flops: int, moved: int
) -> tuple[str, ...]:
    rates = [n / seconds if seconds else 0.0 for n in (flops, moved)]
    work = (flops, rates[0], rates[0] / profile.peak_flops)
    return _cells(name, "", seconds, share, busy, work, (moved, rates[1], rates[1] / profile.peak_bytes))


def _cells(
    name: str,
    kind: str,
    seconds: float,
    share: float | None,
    busy: float | None = None,
    work: tuple[int, float, float] | None = None,
    traffic: tuple[int, float, float] | None = None,
    place: str = "",
) -> tuple[str, ...]:
    cells = [name, kind, _time(seconds), _percent(share), _percent(busy)]
    for amount in (work, traffic):
        if amount is None or not amount[0]:
            cells += ["", "", ""]
        else:
            cells += [_amount(amount[0] / 1e6), _amount(amount[1] / 1e9), _percent(amount[2])]
    return (*cells, place)


def _place(kernel: KernelProfile) -> str:
    text = ", ".join(kernel.layers) + (f" ({', '.join(kernel.lines)})" if kernel.lines else "")
    text = text.strip()
    return text if len(text) <= _WIDEST_PLACE else text[: _WIDEST_PLACE - 3] + "..."


def _notes(profile: Profile) -> str:
    return (
        f"Peaks on {_count(profile.threads, 'thread')}: {profile.peak_flops / 1e9:.1f} GFLOP/s of float32 "
        f"multiply-adds, {profile.peak_bytes / 1e9:.1f} GB/s copied.\n"
        f"Threads waited for each other {100 * profile.waiting:.1f} % of the time, which is in the kernels' times "
        f"(busy: the rest of it); measuring took about {100 * profile.marking:.2g} %.\n"
        "FLOP: a multiply-add is two, a function is one. MB: what is read and written, each place once; caches may "
        "pass the peak of memory."
    )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _amount(number: float) -> str:
    return f"{number:.1f}" if number >= 10 else f"{number:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if k in _NUMBERS else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines
