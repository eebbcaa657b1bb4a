"""Random graphs give the same in the graph interpreter, the loop IR interpreter and machine code."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.config import config
from lamina.compiler import compile_graph
from lamina.graph import interpret
from tests.compiler.agreement import (
    assert_agrees,
    assert_close,
    assert_same_bits,
    loop_ir,
    machine_code,
    run,
)
from tests.compiler.random_graphs import GraphMaker


@pytest.mark.parametrize("seed", range(24))
def test_known_sizes(seed):
    maker = GraphMaker(seed)
    assert_agrees(maker.graph(), maker.arrays())


@pytest.mark.parametrize("seed", [*range(12), 44])
def test_sizes_of_zero(seed):
    maker = GraphMaker(seed, empty=True)
    assert_agrees(maker.graph(), maker.arrays())


@pytest.mark.parametrize("seed", range(16))
def test_one_program_for_every_batch(seed):
    maker = GraphMaker(seed, symbolic=True)
    graph = maker.graph()
    compiled = compile_graph(graph, interpret=False)
    for batch in (5, 1, 0, 37):
        arrays = maker.arrays(batch)
        got = run(lambda _, given: compiled(given), graph, arrays)
        assert_close(got, run(interpret, graph, arrays), f"batch {batch}")


@pytest.mark.parametrize("seed", range(100, 112))
def test_loop_ir(seed):
    """Also checks every access of every kernel: bounds, reads of garbage, tasks that touch the same element."""
    maker = GraphMaker(seed, symbolic=seed % 2 == 0)
    assert_agrees(maker.graph(8), maker.arrays(), (loop_ir,))


@pytest.mark.parametrize("seed", range(200, 210))
def test_memory_does_not_matter(seed):
    """Shared memory, a place for each buffer, and memory full of NaN give the same bits."""
    maker = GraphMaker(seed)
    graph, arrays = maker.graph(16), maker.arrays()
    expected = run(machine_code, graph, arrays)
    for planner, poison in ((True, True), (False, False), (False, True)):
        config.memory_planner, config.poison = planner, poison
        assert_same_bits(run(machine_code, graph, arrays), expected, f"planner {planner}, poison {poison}")
        assert all(np.isfinite(a).all() for a in expected)
