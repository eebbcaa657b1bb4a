"""From samples to lines of text, verdicts on goals, and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.runner import Measured, Result
from benchmarks.workload import Workload

COLUMNS = ("peer", "median", "min .. max", "Lamina is", "of peak", "loss")


def render(measured: Measured) -> str:
    """The table of one case: a line per peer, then a line per goal."""
    workload, case = measured.workload, measured.case
    rows = [COLUMNS] + [_cells(measured, result) for result in measured.results]
    widths = [max(len(row[i]) for row in rows if len(row) > 2) for i in range(len(COLUMNS))]
    lines = [f"## {workload.name}: {case.name} ({measured.threads} threads), {workload.unit}"]
    for row in rows:
        lines.append("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    return "\n".join([*lines, *(f"  goal: {verdict['text']}" for verdict in verdicts(measured))])


def peers_line(measured: Measured, asked: Iterable[str] | None = None) -> str:
    """Which peers a figure stands against: who ran, who failed, who was not found or not asked for.

    Args:
        asked: names given with `--peers`; None for all.
    """
    ran = [r.peer for r in measured.results if r.samples]
    groups = {
        "ran": ran,
        "did not run": [r.peer for r in measured.results if not r.samples],
        "not found": [],
        "not asked for": [],
    }
    present = {r.peer for r in measured.results}
    for peer in measured.workload.peers:
        if peer not in present:
            groups["not found" if asked is None or peer in asked else "not asked for"].append(peer)
    return "  peers: " + "; ".join(f"{what}: {', '.join(names)}" for what, names in groups.items() if names)


def _cells(measured: Measured, result: Result) -> tuple[str, ...]:
    if not result.samples:
        return result.peer, f"did not run: {result.failed or 'no samples'}"
    spread = f"{number(min(result.samples))} .. {number(max(result.samples))}"
    share = share_of_peak(measured, result)
    return (
        result.peer,
        number(statistics.median(result.samples)),
        spread,
        _ratio_text(measured, result),
        "" if share is None else f"{share:.0%}",
        _loss_text(measured, result),
    )


def number(value: float) -> str:
    """Three digits that matter, without an exponent."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def _ratio_text(measured: Measured, result: Result) -> str:
    ratio = times_better(measured, result)
    return "" if ratio is None or result.peer in ("lamina", "peak") else f"{number(ratio)}x"


def median_of(measured: Measured, peer: str) -> float | None:
    for result in measured.results:
        if result.peer == peer and result.samples:
            return statistics.median(result.samples)
    return None


def times_better(measured: Measured, result: Result) -> float | None:
    """How many times better Lamina's median is than the peer's."""
    ours, theirs = median_of(measured, "lamina"), statistics.median(result.samples) if result.samples else None
    if not ours or not theirs:
        return None
    return ours / theirs if measured.workload.more_is_better else theirs / ours


def share_of_peak(measured: Measured, result: Result) -> float | None:
    """The part of what the machine can do: speed over the peak's speed, or the peak's time over the time."""
    peak = median_of(measured, "peak")
    if not peak or result.peer == "peak":
        return None
    share = statistics.median(result.samples) / peak
    return share if measured.workload.more_is_better else 1 / share


def agrees(measured: Measured, result: Result) -> bool | None:
    """Whether the peer computed the same as the reference: NumPy by hand where there is one, else what most peers say.

    That is the median of all but Lamina, which is not its own judge.
    """
    losses = {r.peer: r.loss for r in measured.results if r.loss is not None}
    if result.loss is None or len(losses) < 2:
        return None
    others = [loss for peer, loss in losses.items() if peer != "lamina"]
    reference = losses["numpy"] if "numpy" in losses else statistics.median_low(others)
    return abs(result.loss - reference) <= measured.workload.tolerance * abs(reference) + 1e-6


def _loss_text(measured: Measured, result: Result) -> str:
    agreement = agrees(measured, result)
    if result.loss is None or agreement is None:
        return "" if result.loss is None else f"{result.loss:.6g}"
    return f"{result.loss:.6g} {'agree' if agreement else 'DIFFER'}"


def verdicts(measured: Measured) -> list[dict[str, Any]]:
    """Each goal of the case, whether it is met, and a sentence."""
    ours = next((r for r in measured.results if r.peer == "lamina" and r.samples), None)
    if ours is None:
        return []
    found: list[tuple[str, float | None, float, bool]] = []
    goal, workload, median = measured.case.goal, measured.workload, statistics.median(ours.samples)
    if goal.limit is not None:
        sign = "≥" if workload.more_is_better else "≤"
        found.append((f"{sign} {number(goal.limit)} {workload.unit}", median, goal.limit, workload.more_is_better))
    if goal.share is not None:
        found.append((f"≥ {goal.share:.0%} of peak", share_of_peak(measured, ours), goal.share, True))
    for peer, times in goal.times.items():
        found.append((f"≥ {times:g}x {peer}", _times_of(measured, peer), times, True))
    return [_verdict(*entry) for entry in found]


def _times_of(measured: Measured, peer: str) -> float | None:
    """How many times better than a peer; `fastest` stands for the best of those that are not ours."""
    others = [r for r in measured.results if r.peer not in ("lamina", "peak") and r.samples]
    chosen = others if peer == "fastest" else [r for r in others if r.peer == peer]
    ratios = [ratio for r in chosen if (ratio := times_better(measured, r)) is not None]
    return min(ratios, default=None)


def _verdict(text: str, value: float | None, bound: float, more_is_better: bool) -> dict[str, Any]:
    if value is None:
        return {"goal": text, "value": None, "met": None, "text": f"{text}: not measured"}
    met = value >= bound if more_is_better else value <= bound
    return {"goal": text, "value": value, "met": met, "text": f"{text}: {number(value)}, {'met' if met else 'NOT MET'}"}


def to_json(measured: Measured) -> dict[str, Any]:
    """The case as JSON values: all samples, not only their median."""
    return {
        "workload": measured.workload.name,
        "title": measured.workload.title,
        "unit": measured.workload.unit,
        "case": measured.case.name,
        "threads": measured.threads,
        "goals": verdicts(measured),
        "absent": [peer for peer in measured.workload.peers if peer not in {r.peer for r in measured.results}],
        "results": [
            {
                "peer": r.peer,
                "samples": r.samples,
                "median": statistics.median(r.samples) if r.samples else None,
                "loss": r.loss,
                "agrees": agrees(measured, r),
                "failed": r.failed or None,
                "share_of_peak": share_of_peak(measured, r) if r.samples else None,
            }
            for r in measured.results
        ],
    }


def title(workload: Workload) -> str:
    better = "more is better" if workload.more_is_better else "less is better"
    return f"# {workload.title} [{workload.unit}, {better}]"
