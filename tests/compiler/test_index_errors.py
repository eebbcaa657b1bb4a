"""Indices out of range are found in native code too: an error, no crash, and a program that can go on."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import IndexRangeError
from lamina.compiler import compile_graph, compile_loop
from lamina.graph import Graph, input_node, interpret
from lamina.graph.loop import LoopProgram, LoopState
from tests.compiler.agreement import assert_agrees, assert_close, floats

TABLE = input_node((9, 20), "float32", name="table")


def rows(count):
    return input_node((count,), "int64", name="rows")


def taken(i):
    return Graph((TABLE, i), (p.exp(p.take(TABLE, i, 0)),))


def taken_columns(i):
    columns = p.take(p.transpose(TABLE, (1, 0)), i, 1)
    return Graph((TABLE, i), (p.reduce_sum(columns, (0,)),))


def along(i):
    wide = p.broadcast(p.reshape(i, (i.shape[0], 1)), (i.shape[0], 20))
    return Graph((TABLE, i), (p.take_along_axis(TABLE, wide, 0),))


def scattered(i):
    updates = p.full((i.shape[0], 20), 1.0, "float32")
    return Graph((TABLE, i), (p.scatter_add(TABLE, i, updates, 0),))


@pytest.mark.parametrize("wrong", [-1, 9, 2**40, -(2**60)])
@pytest.mark.parametrize("make", [taken, taken_columns, along, scattered], ids=lambda f: f.__name__)
def test_each_way_to_be_out_of_range(make, wrong, rng):
    graph = make(rows(13))
    compiled = compile_graph(graph, interpret=False)
    table, indices = floats(rng, 9, 20), rng.integers(0, 9, 13)
    expected = interpret(graph, [table, indices])
    bad = indices.copy()
    bad[11] = wrong
    with pytest.raises(IndexRangeError, match="out of range"):
        compiled([table, bad])
    assert_close(compiled([table, indices]), expected)


@pytest.mark.parametrize("threads", [1, 4])
def test_in_any_task_of_a_large_array(threads, rng):
    config.threads = threads
    i = input_node((Dim("batch"),), "int32")
    graph = Graph((TABLE, i), (p.take(TABLE, i, 0),))
    compiled = compile_graph(graph, interpret=False)
    table, indices = floats(rng, 9, 20), rng.integers(0, 9, 20000).astype(np.int32)
    for place in (0, 777, 19999):
        bad = indices.copy()
        bad[place] = 9
        with pytest.raises(IndexRangeError):
            compiled([table, bad])
    assert_close(compiled([table, indices]), [table[indices]])


def test_an_index_that_is_not_used_is_no_error():
    """The lanes beyond the end of a row hold whatever is there."""
    i = rows(13)
    store = np.full(16, 2**40)
    store[:13] = 3
    graph = taken(i)
    table = np.ones((9, 20), np.float32)
    assert_close(compile_graph(graph, interpret=False)([table, store[:13]]), interpret(graph, [table, store[:13]]))


def test_scratch_memory_is_not_touched_by_the_check(rng):
    """Rows that wait in scratch memory while more indices are looked at."""
    x, i = input_node((7, 300), "float32"), input_node((300,), "int64")
    e = p.exp(p.take(x, i, 1))
    total = p.broadcast(p.reshape(p.reduce_sum(e, (1,)), (7, 1)), (7, 300))
    assert_agrees(Graph((x, i), (p.divide(e, total),)), [floats(rng, 7, 300), rng.integers(0, 300, 300)])


def test_a_loop_stays_where_it_was(rng):
    batch = Dim("batch")
    i, total = input_node((batch,), "int64"), input_node((20,), "float32")
    body = Graph((TABLE, i, total), (), ((total, p.add(total, p.reduce_sum(p.take(TABLE, i, 0), (0,)))),))
    loop = compile_loop(LoopProgram(body, (i,)), interpret=False)
    state = LoopState(rows=40, batch_size=8, steps=5, epochs=2)
    indices = rng.integers(0, 9, 40)
    arrays = {TABLE: floats(rng, 9, 20), i: indices, total: np.zeros(20, np.float32)}
    loop.advance(state, arrays, [], [], 3)
    assert (state.epoch, state.step) == (0, 3)
    indices[30] = 9
    with pytest.raises(IndexRangeError):
        loop.advance(state, arrays, [], [], 100)
    assert (state.epoch, state.step) == (0, 3)
    assert np.isfinite(arrays[total]).all()
    indices[30] = 0
    loop.advance(state, arrays, [], [], 100)
    assert state.done
