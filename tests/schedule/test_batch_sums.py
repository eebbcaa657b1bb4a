"""Products that sum over the steps of a batch, for results large enough to be taken in blocks that are copied."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.graph import Graph, input_node
from tests.compiler.agreement import floats, plan

STEPS = 40
ROWS = Dim("batch") * STEPS
SHAPES = [(256, 1024), (1030, 260), (131, 2111)]


def update(m, n):
    """A weight that is changed by a product over all rows."""
    x, g, w = input_node((ROWS, m), "float32"), input_node((ROWS, n), "float32"), input_node((m, n), "float32")
    step = p.multiply(p.contract(x, g, ("km", "kn", "mn")), p.full((m, n), 0.5, "float32"))
    return Graph((x, g, w), (), ((w, p.subtract(w, step)),))


def over_time(m, n, time):
    """The same where the one operand has the steps of time first, and the other has the rows of the batch first."""
    batch = Dim("batch")
    x, g = input_node((time, batch, m), "float32"), input_node((batch, time, n), "float32")
    return Graph((x, g), (p.contract(x, g, ("tbm", "btn", "mn")),))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_taken_in_blocks(shape):
    names = [buffer.name for kernel in plan(update(*shape)).kernels for buffer in kernel.locals]
    assert any(name.endswith("_right") for name in names) and any(name.endswith("_left") for name in names)


@pytest.mark.parametrize("batch", [0, 1, 3, 30])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_results_at_any_number_of_threads(shape, batch, rng):
    compiled = compile_graph(update(*shape), interpret=False)
    x, g, start = (floats(rng, *s) for s in ((batch * STEPS, shape[0]), (batch * STEPS, shape[1]), shape))
    results = []
    for threads in (1, 2, 3):
        config.threads = threads
        weight = start.copy()
        compiled([x, g, weight])
        results.append(weight)
    np.testing.assert_allclose(results[0], start - 0.5 * (x.T @ g), rtol=1e-4, atol=1e-4)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize(("time", "batch"), [(40, 0), (1, 700), (300, 1), (40, 3), (7, 113), (600, 2)])
def test_operands_in_different_orders(time, batch, rng):
    graph = over_time(256, 1030, time)
    copied = any(buffer.name.endswith("_left") for kernel in plan(graph).kernels for buffer in kernel.locals)
    assert copied == (time >= 40), "shorter sums are not expected to be long enough"
    x, g = floats(rng, time, batch, 256), floats(rng, batch, time, 1030)
    (result,) = compile_graph(graph, interpret=False)([x, g])
    np.testing.assert_allclose(result, np.einsum("tbm,btn->mn", x, g), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("batch", [0, 1, 13, 32])
def test_rows_that_compete_for_the_cache_are_copied(batch, rng):
    size = Dim("batch")
    x, w = input_node((20, size, 256), "float32"), input_node((256, 1000), "float32")
    graph = Graph((x, w), (p.contract(x, w, ("tbk", "kn", "btn")),))
    assert any(buffer.name.endswith("_rows") for kernel in plan(graph).kernels for buffer in kernel.locals)
    values = floats(rng, 20, batch, 256), floats(rng, 256, 1000)
    (result,) = compile_graph(graph, interpret=False)(list(values))
    np.testing.assert_allclose(result, np.einsum("tbk,kn->btn", *values), rtol=1e-4, atol=1e-4)
