"""What a compiled graph says of arrays that native code could not read."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.errors import ArgumentError, DTypeError
from lamina.compiler import compile_graph
from lamina.graph import Graph, input_node


def test_another_dtype_is_an_error():
    x = input_node((3,), "float32")
    run = compile_graph(Graph((x,), (p.negate(x),), name="minus"), interpret=False)
    with pytest.raises(DTypeError, match="program 'minus': expected an array of float32. Received: float64"):
        run([np.ones(3)])


def test_state_must_be_contiguous():
    x = input_node((3,), "float32")
    run = compile_graph(Graph((x,), (), ((x, p.negate(x)),)), interpret=False)
    state = np.ones(6, np.float32)
    with pytest.raises(ArgumentError, match="must be C-contiguous"):
        run([state[::2]])
    run([state[:3]])
    assert state.tolist() == [-1, -1, -1, 1, 1, 1]


def test_operands_need_not_be_contiguous():
    x = input_node((3,), "float32")
    run = compile_graph(Graph((x,), (p.negate(x),)), interpret=False)
    np.testing.assert_array_equal(run([np.arange(6, dtype=np.float32)[::2]])[0], [0, -2, -4])
