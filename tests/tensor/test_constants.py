"""Numbers and repeated arrays that meet symbolic tensors stay small in the program."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.graph import Graph, interpret
from lamina.tensor import Tensor, Trace, function

SHAPE = (50, 40)


def traced(code) -> Graph:
    trace = Trace()
    with trace.stage("constants"):
        x = trace.input(SHAPE, "float32", name="x")
        return trace.finish([code(x)])


def largest_constant(graph: Graph) -> int:
    """Elements of the largest constant; 0 without one."""
    return max((n.attrs["value"].value.size for n in graph.nodes() if n.primitive.name == "constant"), default=0)


@pytest.mark.parametrize(
    "code",
    [
        lambda x: x * 2.0 + 1,
        lambda x: 3 / (x + 5.0) - 7,
        lambda x: ops.where(x > 0, x, 0.0),
        lambda x: ops.clip(x, -0.5, 0.5),
        lambda x: ops.maximum(x, 0) + np.float32(2),
        lambda x: (x + ops.zeros(SHAPE)) * ops.ones_like(x) - ops.full(SHAPE, 3.0),
        lambda x: x * Tensor(np.float32(4)),
        lambda x: x + np.broadcast_to(np.float32(2), SHAPE),
    ],
)
def test_a_number_stays_a_number(code):
    graph = traced(code)
    assert largest_constant(graph) <= 1
    x = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    np.testing.assert_allclose(interpret(graph, [x])[0], code(x), rtol=1e-6)


def test_an_array_is_kept_once_however_often_it_is_repeated():
    row = np.arange(40, dtype=np.float32)
    graph = traced(lambda x: x + np.broadcast_to(row, SHAPE))
    assert largest_constant(graph) == 40
    np.testing.assert_array_equal(interpret(graph, [np.zeros(SHAPE, np.float32)])[0][7], row)


def test_a_compiled_function_with_numbers(executor):
    x = np.linspace(-2, 2, 24, dtype=np.float32).reshape(4, 6)
    compiled = function(lambda x: ops.where(x > 1, ops.ones((4, 6)) * 9, x / 2 - 1))
    np.testing.assert_allclose(compiled(x), np.where(x > 1, 9, x / 2 - 1), rtol=1e-6)


def test_arrays_made_at_once_are_memory_of_their_own():
    made = ops.zeros((3, 4)).numpy()
    assert made.flags.c_contiguous and made.strides == (16, 4)
