"""A line chart as an SVG file, drawn without any plotting package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 130, 40, 45
_COLOURS = ("#1f6feb", "#d1642a", "#2a8f5b", "#8250df")


def line_chart(title: str, x_label: str, lines: Mapping[str, Sequence[float]]) -> str:
    """Draws curves over 1, 2, 3, ... as the text of an SVG file.

    Args:
        title: text over the chart; x_label: text under the horizontal axis.
        lines: the points of each curve, by the name that the legend shows. Values that are not finite are left out.
    """
    ticks = _nice_ticks([v for values in lines.values() for v in values if np.isfinite(v)])
    count = max((len(values) for values in lines.values()), default=1)

    def across(i: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (i / max(count - 1, 1))

    def down(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (ticks[-1] - value) / (ticks[-1] - ticks[0])

    parts = [_text(_WIDTH / 2, 22, title, "middle", size=15)]
    for tick in ticks:
        y = down(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{tick:g}", "end"))
    for i in sorted({0, (count - 1) // 2, count - 1}):
        parts.append(_text(across(i), _HEIGHT - _BOTTOM + 18, str(i + 1), "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, x_label, "middle"))
    for k, (name, values) in enumerate(lines.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        points = " ".join(f"{across(i):.1f},{down(v):.1f}" for i, v in enumerate(values) if np.isfinite(v))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(_WIDTH - _RIGHT + 12, _TOP + 14 + 20 * k, name, "start", colour))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _nice_ticks(values: Sequence[float], wanted: int = 5) -> list[float]:
    """Evenly spaced round numbers around the values: steps of 1, 2 or 5 times a power of ten."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / wanted
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(i * step, 12) for i in range(first, last + 1)]


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333333", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
    )
