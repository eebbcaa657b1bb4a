"""Compiled loops do what interpreted ones do: prologue, body and epilogue, streams, partial batches, resuming."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import VerificationError
from lamina.compiler import compile_loop
from lamina.graph import Graph, input_node
from lamina.graph.loop import InterpretedLoop, LoopProgram, LoopState
from tests.compiler.agreement import assert_close, assert_same_bits, floats

BATCH, ROWS = Dim("batch"), Dim("rows")
FEATURES = 6


def regression() -> tuple[LoopProgram, list]:
    """Stochastic gradient descent on a line: shuffled rows, predictions as outputs, the mean loss of each epoch."""
    data, goals = input_node((ROWS, FEATURES), "float32"), input_node((ROWS,), "float32")
    order, key = input_node((BATCH,), "int64"), input_node((2,), "uint32")
    weights, bias = input_node((FEATURES,), "float32"), input_node((), "float32")
    losses, count = input_node((), "float32"), input_node((), "int64")

    x, y = p.take(data, order, 0), p.take(goals, order, 0)
    made = p.add(p.contract(x, weights, ("bk", "k", "b")), p.broadcast(bias, (BATCH,)))
    wrong = p.subtract(made, y)
    size = p.cast(p.dimension(BATCH), "float32")
    rate = p.divide(p.full((), 0.1, "float32"), size)
    step = p.multiply(p.contract(wrong, x, ("b", "bk", "k")), p.broadcast(rate, (FEATURES,)))
    body = Graph(
        (data, goals, order, weights, bias, losses, count),
        (made, p.multiply(wrong, wrong)),
        (
            (weights, p.subtract(weights, step)),
            (bias, p.subtract(bias, p.multiply(p.reduce_sum(wrong, (0,)), rate))),
            (losses, p.add(losses, p.reduce_sum(p.multiply(wrong, wrong), (0,)))),
            (count, p.add(count, p.dimension(BATCH))),
        ),
        "body",
    )
    prologue = Graph(
        (losses, count, key),
        (),
        (
            (losses, p.full((), 0.0, "float32")),
            (count, p.full((), 0, "int64")),
            (key, p.add(key, p.full((2,), 1, "uint32"))),
        ),
        "prologue",
    )
    mean = p.divide(losses, p.cast(count, "float32"))
    epilogue = Graph((losses, count, weights), (mean, count, p.negate(weights)), (), "epilogue")
    program = LoopProgram(body, (order,), prologue, epilogue)
    return program, [data, goals, order, key, weights, bias, losses, count]


PROGRAM, NODES = regression()


@pytest.fixture(scope="module")
def compiled():
    return compile_loop(PROGRAM, interpret=False)


def given(rng, rows, epochs):
    arrays = [
        floats(rng, rows, FEATURES), floats(rng, rows), rng.permutation(rows), np.array([1, 2], np.uint32),
        floats(rng, FEATURES), np.array(0.5, np.float32), np.array(7.0, np.float32), np.array(3),
    ]  # fmt: skip
    outputs = [np.zeros(rows, np.float32) for _ in range(2)]
    logs = [np.zeros(epochs, np.float32), np.zeros(epochs, np.int64), np.zeros((epochs, FEATURES), np.float32)]
    return dict(zip(NODES, arrays)), outputs, logs


def finish(loop, arguments, state, most):
    """Runs to the end in calls of at most `most` steps; everything that the loop may have written."""
    arrays, outputs, logs = copy.deepcopy(list(arguments[0].values())), *copy.deepcopy(arguments[1:])
    state = copy.copy(state)
    calls = 0
    while not state.done:
        loop.advance(state, dict(zip(NODES, arrays)), outputs, logs, most)
        calls += 1
    assert calls == -(-state.epochs * max(state.steps, 1) // most)
    return [*arrays, *outputs, *logs]


@pytest.mark.parametrize("most", [1000, 4, 1])
@pytest.mark.parametrize(("rows", "size"), [(24, 8), (25, 8), (7, 8), (5, 1), (13, 13)])
def test_same_as_interpreted(compiled, rng, rows, size, most):
    state = LoopState(rows, size, -(-rows // size), epochs=3)
    arguments = given(rng, rows, state.epochs)
    got = finish(compiled, arguments, state, most)
    assert_close(got, finish(InterpretedLoop(PROGRAM), arguments, state, most))


def test_same_bits_at_any_number_of_threads_and_calls(compiled, rng):
    state = LoopState(4000, 1500, 3, epochs=2)
    arguments = given(rng, state.rows, state.epochs)
    expected = None
    for threads, most in ((1, 100), (2, 100), (4, 1), (2, 2)):
        config.threads = threads
        got = finish(compiled, arguments, state, most)
        assert_close(got, finish(InterpretedLoop(PROGRAM), arguments, state, most))
        assert_same_bits(got, expected or got, f"{threads} threads")
        expected = expected or got


def test_position_after_some_steps(compiled, rng):
    state = LoopState(24, 8, 3, epochs=5)
    arguments = given(rng, 24, 5)
    for most, epoch, step in ((0, 0, 0), (2, 0, 2), (1, 1, 0), (7, 3, 1), (100, 5, 0), (1, 5, 0)):
        compiled.advance(state, *arguments, most)
        assert (state.epoch, state.step) == (epoch, step)


def test_fewer_steps_than_rows(compiled, rng):
    """Steps per epoch may leave rows out; an epoch of no steps still begins and ends."""
    for steps in (2, 0):
        state = LoopState(24, 8, steps, epochs=2)
        arguments = given(rng, 24, 2)
        got = finish(compiled, arguments, state, 50)
        assert_close(got, finish(InterpretedLoop(PROGRAM), arguments, state, 50))


def test_streams_are_read_in_place(rng):
    """Streams of several types and ranks, one of them also an output of the body."""
    x, flag, z = input_node((BATCH, 3), "float32"), input_node((BATCH,), "bool"), input_node((BATCH, 2, 2), "int32")
    kept = p.select(p.broadcast(p.reshape(flag, (BATCH, 1)), (BATCH, 3)), x, p.negate(x))
    body = Graph((x, flag, z), (kept, p.reduce_sum(z, (1, 2)), x, p.iota((BATCH,), "int64", 0)))
    program = LoopProgram(body, (x, flag, z))
    rows, size = 11, 4
    arrays = {
        x: floats(rng, rows, 3), flag: rng.integers(0, 2, rows).astype(bool),
        z: rng.integers(0, 9, (rows, 2, 2)).astype(np.int32),
    }  # fmt: skip
    results = []
    for loop in (compile_loop(program, interpret=False), InterpretedLoop(program)):
        outputs = [np.zeros((rows, 3), np.float32), np.zeros(rows, np.int32), np.zeros((rows, 3), np.float32),
                   np.zeros(rows, np.int64)]  # fmt: skip
        loop.advance(LoopState(rows, size, 3, 1), arrays, outputs, [], 100)
        results.append(outputs)
    assert_close(*results)


def test_order_made_in_the_prologue(rng):
    """The prologue writes the whole of what the body then reads as a stream."""
    order, key = input_node((ROWS,), "int64"), input_node((2,), "uint32")
    seen, total = input_node((BATCH,), "int64"), input_node((ROWS,), "int64")
    prologue = Graph((order, key), (), ((order, p.reverse(order, (0,))), (key, p.add(key, key))))
    body = Graph((seen, total), (seen,), ((total, p.add(total, p.broadcast(p.reduce_sum(seen, (0,)), (ROWS,)))),))
    program = LoopProgram(body, (seen,), prologue)
    results = []
    for loop in (compile_loop(program, interpret=False), InterpretedLoop(program)):
        places, outputs = np.arange(10), [np.zeros(10, np.int64)]
        arrays = {order: places, seen: places, key: np.array([1, 3], np.uint32), total: np.zeros(10, np.int64)}
        loop.advance(LoopState(10, 4, 3, 3), arrays, outputs, [], 100)
        results.append([places, arrays[key], arrays[total], *outputs])
    assert_close(*results)
    np.testing.assert_array_equal(results[0][0], np.arange(10)[::-1])


def test_prologue_with_outputs_is_refused():
    x = input_node((2,), "float32")
    with pytest.raises(VerificationError, match="prologue"):
        compile_loop(LoopProgram(Graph((x,), (x,)), (), Graph((x,), (x,))), interpret=False)
