"""The measured peaks are of a believable size; their exact values belong to no test."""

from __future__ import annotations

import numpy as np

from lamina.runtime import peaks
from lamina.runtime.buffers import empty_aligned


def test_multiply_add_speed_is_believable() -> None:
    assert 1e8 < peaks.multiply_add_speed(1, steps=20_000) < 1e13


def test_copies_copy_everything_on_any_number_of_threads() -> None:
    source, goal = empty_aligned((5 * 4096,), "uint8"), empty_aligned((5 * 4096,), "uint8")
    source[:] = np.arange(source.size) % 251
    for count in (1, 2, 3):
        for streaming in (False, True):
            goal.fill(0)
            assert peaks.copy_speed(count, streaming, source, goal) > 1e6
            np.testing.assert_array_equal(goal, source)


def test_text_for_people(monkeypatch) -> None:
    found = peaks.Peaks("avx2", 2, 100e9, 190e9, 10e9, 15e9, 12e9, 14e9)
    monkeypatch.setattr(peaks, "of_this_machine", lambda: found)
    text = " ".join(peaks.measure().values())
    for part in ("100.0 GFLOP/s", "190.0 on 2 threads", "10.0 GB/s", "14.0 on 2 threads"):
        assert part in text
    assert (found.copy_one, found.copy_all) == (12e9, 15e9)
