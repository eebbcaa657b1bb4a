"""Blocks of arrays are replaced in place in loops, and what a loop leaves alone is not copied."""

from __future__ import annotations

import re

import numpy as np
import pytest

import lamina
from lamina import ops
from lamina.base.config import config
from lamina.tensor.signature import TensorSpec


def collected(x, rows):
    """Rows one after the other in the place of those of `x`, each twice what came before; and what is left alone."""

    def step(i, all_rows, kept):
        before = ops.take(all_rows, ops.maximum(i - 1, 0), axis=0)
        return i + 1, ops.slice_update(all_rows, (i, 0), ops.expand_dims(before * 2 + kept[0], 0)), kept

    begin = (ops.convert_to_tensor(0, "int32"), x, ops.ones((40,)))
    return ops.while_loop(lambda i, *_: i < rows, step, begin)[1]


SIGNATURE = [TensorSpec(("rows", 40), "float32"), TensorSpec((), "int32")]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_a_loop_writes_its_rows(rows, threads, monkeypatch):
    monkeypatch.setattr(config, "threads", threads)
    monkeypatch.setattr(config, "poison", True)
    x = np.random.default_rng(0).standard_normal((rows, 40)).astype(np.float32) * 1e-30
    expected = x.copy()
    count = min(rows, 20)
    for i in range(count):
        expected[i] = expected[max(i - 1, 0)] * 2 + 1
    found = lamina.function(collected, input_signature=SIGNATURE)(x, np.asarray(count, np.int32))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def in_place(x, rows):
    def step(i, all_rows, kept):
        return i + 1, ops.slice_update(all_rows, (i, 0), ops.expand_dims(kept * 2, 0)), kept

    begin = (ops.convert_to_tensor(0, "int32"), x, x[0])
    return ops.while_loop(lambda i, *_: i < rows, step, begin)[1]


def test_only_the_block_is_written():
    traced = lamina.function(in_place, input_signature=SIGNATURE)
    text = lamina.debug.kernels(traced, np.zeros((9, 40), np.float32), np.asarray(3, np.int32))
    loop = text[text.index("; while") : text.index("= end =")]
    assert "_copy" not in loop, "the array is not copied, its block is written"
    assert len(re.findall(r"^kernel .*# new state", loop, re.MULTILINE)) <= 1, "only the counter is"


def test_a_block_that_may_be_larger_stays_inside():
    signature = [TensorSpec((3, "a"), "float32"), TensorSpec((3, "b"), "float32"), TensorSpec((), "int32")]
    update = lamina.function(lambda x, new, i: ops.slice_update(x, (0, i), new), input_signature=signature)
    for size, block, start in ((9, 4, 2), (9, 4, 8), (5, 5, 1), (4, 6, 0), (1, 1, -3), (6, 0, 2)):
        x, new = np.zeros((3, size), np.float32), np.ones((3, block), np.float32)
        first = max(0, min(start, size - block))
        x_new = x.copy()
        x_new[:, first : first + block] = 1
        np.testing.assert_array_equal(update(x, new, np.asarray(start, np.int32)).numpy(), x_new)


def test_other_threads_do_not_look_at_what_a_single_task_reads():
    """They might see a place before it is written, and report that it is out of range."""
    text = lamina.debug.llvm(lamina.function(in_place, input_signature=SIGNATURE), np.zeros((9, 40), np.float32),
                             np.asarray(3, np.int32))  # fmt: skip
    stage = text[text.index("@stage_main(") :]
    assert "br i1 %is_first" in stage
