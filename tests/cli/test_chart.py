from __future__ import annotations

from xml.etree import ElementTree

import pytest

from lamina.cli.chart import line_chart

SVG = "{http://www.w3.org/2000/svg}"


def curves(text: str) -> list[list[tuple[float, float]]]:
    lines = ElementTree.fromstring(text).iter(f"{SVG}polyline")
    return [[tuple(map(float, p.split(","))) for p in line.get("points").split()] for line in lines]


def labels(text: str) -> list[str]:
    return [element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")]


def test_points_go_right_and_follow_the_values():
    (points,) = curves(line_chart("t", "epoch", {"a": [0.0, 1.0, 0.5]}))
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    heights = [-y for _, y in points]
    assert heights[0] < heights[2] < heights[1]
    assert heights[2] == pytest.approx((heights[0] + heights[1]) / 2, abs=0.1)


def test_title_names_and_axis_are_written_and_escaped():
    text = line_chart("a < b & c", "epoch", {"training": [1.0], "test": [2.0]})
    assert {"a < b & c", "epoch", "training", "test"} <= set(labels(text))


@pytest.mark.parametrize("values", [[], [1.0], [0.5, 0.5, 0.5], [1e-9, 2e-9], [float("nan"), 1.0, float("inf")]])
def test_awkward_values_still_make_a_picture(values):
    drawn = [point for line in curves(line_chart("t", "x", {"a": values})) for point in line]
    assert all(0 <= x <= 640 and 0 <= y <= 360 for x, y in drawn)
    assert len(drawn) == sum(v == v and abs(v) != float("inf") for v in values)


def test_ticks_are_round_numbers_around_the_values():
    numbers = [float(t) for t in labels(line_chart("t", "x", {"a": [0.83, 0.97]})) if t.replace(".", "").isdigit()]
    assert {0.85, 0.9, 0.95} <= set(numbers)
