"""The memory plan: buffers that are in use at the same time never overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lamina.base.dims import Dim, evaluate
from lamina.schedule.expr import Buffer
from lamina.schedule.memory import ALIGNMENT, Lifetime, plan_memory

BATCH = Dim("batch")
LIVES = st.lists(
    st.tuples(st.integers(0, 400), st.booleans(), st.integers(0, 9), st.integers(0, 5)).map(
        lambda item: Lifetime(
            Buffer("t", (BATCH, item[0]) if item[1] else (item[0],), "float32", "temporary"), item[2], item[2] + item[3]
        )
    ),
    max_size=20,
)


def spans(plan, lives, symbols):
    for life in lives:
        begin = plan.offsets[life.buffer]
        yield life, begin, begin + evaluate(life.buffer.size(), symbols)


@given(LIVES, st.integers(0, 9), st.booleans())
def test_what_lives_together_does_not_overlap(lives, batch, share):
    symbols = {"batch": batch}
    plan = plan_memory(lives, symbols, share)
    placed = list(spans(plan, lives, symbols))
    for k, (life, begin, end) in enumerate(placed):
        assert begin % ALIGNMENT == 0 and begin >= 0 and end <= plan.size
        for other, start, stop in placed[:k]:
            together = life.first <= other.last and other.first <= life.last
            if together or not share:
                assert end <= start or stop <= begin


@given(LIVES)
def test_sharing_never_takes_more(lives):
    shared, apart = (plan_memory(lives, {"batch": 3}, share).size for share in (True, False))
    assert shared <= apart


def test_memory_is_used_again():
    lives = [Lifetime(Buffer(f"t{k}", (1000,), "float32", "temporary"), k, k + 1) for k in range(10)]
    one = plan_memory(lives[:1], {}).size
    assert plan_memory(lives, {}).size == 2 * one
    assert plan_memory(lives, {}, share=False).size == 10 * one


def test_nothing():
    assert plan_memory([], {}).size == 0
