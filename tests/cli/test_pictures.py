from __future__ import annotations

import io

import numpy as np

from lamina.cli.pictures import picture, shades_for, side_by_side


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def test_shades_are_plain_where_blocks_cannot_be_shown():
    assert shades_for(stream("utf-8")) == " ░▒▓█"
    assert shades_for(stream("ascii")).isascii()


def test_darker_pixels_give_darker_shades():
    lines = picture(np.array([[0, 4, 8], [12, 16, 99]]), " .:*#", darkest=16)
    assert lines == ["  ..::", "**####"]


def test_side_by_side_keeps_columns():
    text = side_by_side([["##", "##"], [". ", " ."]], ["a", "wide"])
    assert text == "##  .\n##   .\na   wide"
