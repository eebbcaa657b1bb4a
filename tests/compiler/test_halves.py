"""Half floats: stored narrow, computed wide, and never both at once where elements of several operands meet."""

from __future__ import annotations

import pytest

from lamina import primitives as p
from lamina.graph import Graph, input_node
from tests.compiler.agreement import assert_agrees, floats, loop_ir, machine_code, softmax


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_stored_and_computed_elements_meet(dtype, rng):
    x, i = input_node((7, 20), dtype), input_node((5,), "int64")
    computed = p.tanh(x)
    outputs = (
        p.concatenate(x, computed, p.negate(x), axis=1), p.concatenate(computed, x, axis=0),
        p.pad(computed, (1, 0), (1, 2), 0.5), p.pad(x, (1, 0), (1, 2), 0.5),
        p.select(p.greater(x, computed), x, computed),
        p.take(computed, i, 0), p.reduce_sum(x, (0,)), p.reduce_max(computed, (1,)), softmax(x, 1),
        p.contract(x, computed, ("mk", "nk", "mn")), p.cumulative_sum(computed, 1),
    )  # fmt: skip
    graph = Graph((x, i), outputs)
    assert_agrees(graph, [floats(rng, 7, 20, dtype=dtype), rng.integers(0, 7, 5)], (machine_code, loop_ir))


@pytest.mark.parametrize(("dtype", "bits"), [("float16", "uint16"), ("bfloat16", "int16")])
def test_bits_are_those_of_memory(dtype, bits, rng):
    x = input_node((20,), dtype)
    back = p.bitcast(p.bit_xor(p.bitcast(x, bits), p.full((20,), 1, bits)), dtype)
    graph = Graph((x,), (p.bitcast(p.negate(x), bits), p.bitcast(x, bits), back, p.negate(back)))
    assert_agrees(graph, [floats(rng, 20, dtype=dtype)], (machine_code, loop_ir))
