"""Small grey pictures as text, for a terminal with or without colour."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

import numpy as np

_BLOCKS = " ░▒▓█"
_ASCII = " .:*#"


def shades_for(stream: TextIO | None = None) -> str:
    """The five shades, light to dark, that a stream can show: block characters, else plain ASCII."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        _BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _BLOCKS


def picture(image: np.ndarray, shades: str, darkest: float) -> list[str]:
    """One line of text for each row of pixels; a pixel is two characters wide, so that it looks square.

    Args:
        image: `(height, width)`, 0 for paper.
        shades: characters from light to dark.
        darkest: the value of the last shade.
    """
    levels = np.rint(np.asarray(image, dtype=np.float64) / darkest * (len(shades) - 1))
    levels = np.clip(levels, 0, len(shades) - 1).astype(int)
    return ["".join(shades[level] * 2 for level in row) for row in levels]


def side_by_side(pictures: Sequence[Sequence[str]], captions: Sequence[str], gap: str = "  ") -> str:
    """Pictures of equal size in one row, each over its caption."""
    width = max((len(line) for lines in pictures for line in lines), default=0)
    rows = [gap.join(line.ljust(width) for line in lines).rstrip() for lines in zip(*pictures)]
    return "\n".join([*rows, gap.join(caption.ljust(width) for caption in captions).rstrip()])
