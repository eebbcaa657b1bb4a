"""Marks of threads become times of kernels that add up to the step."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.errors import ArgumentError, CompileError
from lamina.runtime import chrome, marks
from lamina.runtime.marks import OUTSIDE, STEP, WAIT, Marks
from lamina.runtime.timing import slices_of, times_of


def recorded(*threads: list[tuple[int, int]]) -> Marks:
    """Marks with these (code, microseconds) of each thread."""
    found = Marks(len(threads), max(map(len, threads)))
    for row, pairs in enumerate(threads):
        found.words[row, 0] = len(pairs)
        ticks = [(code, round(time * 1e-6 / marks.seconds_per_tick())) for code, time in pairs]
        found.words[row, 16 : 16 + 2 * len(pairs)] = np.ravel(ticks)
    return found


# Kernels 0 and 1 between the same barriers, then kernel 2; thread 1 has less to do.
FIRST = [(STEP, 0), (0, 1), (1, 11), (WAIT, 41), (2, 42), (WAIT, 52), (OUTSIDE, 53)]
SECOND = [(STEP, 0), (0, 1), (1, 11), (WAIT, 21), (2, 42), (WAIT, 43), (OUTSIDE, 53)]


def test_times_add_up_to_the_step():
    times = times_of(slices_of(recorded(FIRST, SECOND)), [0, 0, 1])
    assert times.durations == pytest.approx([53e-6], rel=1e-3)
    assert times.busy[0] == pytest.approx([10e-6, 20e-6, 5.5e-6], rel=1e-3)
    # 11 microseconds of waiting for each thread go to kernels 0 and 1 as 1 to 2; 5.5 to kernel 2.
    assert times.kernels[0] == pytest.approx([10e-6 + 11e-6 / 3, 20e-6 + 22e-6 / 3, 11e-6], rel=1e-3)
    assert times.kernels.sum() == pytest.approx(52e-6, rel=1e-3)
    assert np.isnan(times.outside).all()


def test_steps_are_told_apart_and_what_is_between_them_is_not_counted():
    later = [(code, time + 100) for code, time in FIRST]
    epoch = [(3, 60), (WAIT, 67), (OUTSIDE, 68)]
    times = times_of(slices_of(recorded([*FIRST, *epoch, *later])), [0, 0, 1, 2])
    assert times.durations == pytest.approx([53e-6, 53e-6], rel=1e-3)
    assert times.outside[3] == pytest.approx(7e-6, rel=1e-2)
    assert times.kernels[:, 3].tolist() == [0, 0]


def test_a_thread_that_is_done_earlier_waits_in_the_last_kernel():
    first, second = [(STEP, 0), (0, 0), (OUTSIDE, 30)], [(STEP, 0), (0, 0), (OUTSIDE, 10)]
    times = times_of(slices_of(recorded(first, second)), [0])
    assert times.busy[0] == pytest.approx([20e-6], rel=1e-3)
    assert times.kernels[0] == pytest.approx([30e-6], rel=1e-3)


def test_threads_of_unequal_steps_are_refused():
    with pytest.raises(ArgumentError, match="at the same time"):
        times_of(slices_of(recorded([*FIRST, *FIRST], FIRST)), [0, 0, 1])


def test_marks_beyond_the_room_are_an_error_and_write_nowhere():
    full = Marks(1, 2)
    full.words[0, 0] = 3
    with pytest.raises(CompileError, match="3 marks where 2"):
        full.of_thread(0)


def test_counter_runs_with_the_clock():
    assert 1e-11 < marks.seconds_per_tick() < 1e-6
    assert 0 < marks.seconds_per_mark() < 1e-4


def test_events_have_a_row_for_each_thread_and_one_for_steps():
    found = chrome.events(slices_of(recorded(FIRST, SECOND)), ["a", "b", "c"], [{"FLOP": 1}, {}, {}], "title")
    names = {e["args"]["name"] for e in found if e["ph"] == "M"}
    assert names == {"title", "steps", "thread 0", "thread 1"}
    slices = [e for e in found if e["ph"] == "X"]
    assert [e["name"] for e in slices if e["tid"] == 1] == ["a", "b", "wait", "c", "wait"]
    (step,) = [e for e in slices if e["tid"] == 2]
    assert step["name"] == "step 0" and step["dur"] == pytest.approx(53, rel=1e-3)
    first = next(e for e in slices if e["name"] == "a")
    assert first["args"] == {"FLOP": 1, "step": 0} and first["ts"] == pytest.approx(1, rel=1e-2)
