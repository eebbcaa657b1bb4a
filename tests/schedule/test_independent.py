"""Loops in which no row of a batch depends on another: threads run them on rows of their own."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.compiler import compile_graph
from lamina.graph import Graph, Node, body_graph, constant, input_node
from lamina.schedule.independent import row_symbol
from lamina.schedule.regions import kernels_of, regions_of
from tests.compiler.agreement import assert_agrees, assert_same_bits, floats, loop_ir, machine_code, plan

BATCH = Dim("batch")
PRODUCT = ("mk", "kn", "mn")


def recurrent(length=5, units=8, reverse=False) -> Graph:
    """h' = tanh(h U + x), with all states kept and an output of its own."""
    h, x, u = (input_node(s, "float32") for s in ((BATCH, units), (length, BATCH, units), (units, units)))
    inside = [input_node(s, "float32") for s in ((BATCH, units), (BATCH, units), (units, units))]
    new = p.tanh(p.add(p.contract(inside[0], inside[2], PRODUCT), inside[1]))
    found = p.scan(body_graph(inside, [new, new, p.exp(new)]), [h], [x], [u], length, reverse)
    return Graph((h, x, u), tuple(found))


def body_of(step) -> Graph:
    h = input_node((BATCH, 4), "float32")
    return body_graph([h], [step(h)])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_shares_of_rows_give_what_the_whole_does(rng, batch, reverse):
    graph = recurrent(reverse=reverse)
    (region,) = regions_of(plan(graph).items)
    assert region.rows == "batch"
    arrays = [floats(rng, batch, 8), floats(rng, 5, batch, 8), floats(rng, 8, 8)]
    assert_agrees(graph, arrays, [loop_ir, machine_code])


def test_threads_do_not_meet_within_the_loop():
    schedule = plan(recurrent())
    (region,) = regions_of(schedule.items)
    inside = set(map(id, kernels_of(region.items)))
    phases = {phase for kernel, phase in zip(schedule.kernels, schedule.phases) if id(kernel) in inside}
    assert phases == {region.first} == {region.last}


@pytest.mark.parametrize("batch", [0, 1, 3, 7, 33])
def test_bits_do_not_depend_on_the_number_of_threads(rng, batch, monkeypatch):
    run = compile_graph(recurrent(length=20, units=40), interpret=False)
    arrays = [floats(rng, batch, 40), floats(rng, 20, batch, 40), floats(rng, 40, 40)]
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(config, "threads", threads)
        found.append([a.copy() for a in run(arrays)])
    assert_same_bits(found[1], found[0])
    assert_same_bits(found[2], found[0])


def test_few_rows_of_wide_steps_are_shared_otherwise(rng, monkeypatch):
    graph = recurrent(length=3, units=400)
    (region,) = regions_of(plan(graph).items)
    assert region.wide
    run = compile_graph(graph, interpret=False)
    for batch in (1, 2, 5):
        arrays = [floats(rng, batch, 400), floats(rng, 3, batch, 400), floats(rng, 400, 400) / 20]
        found = []
        for threads in (1, 2, 3):
            monkeypatch.setattr(config, "threads", threads)
            found.append([a.copy() for a in run(arrays)])
        assert_same_bits(found[1], found[0])
        assert_same_bits(found[2], found[0])
        assert_agrees(graph, arrays, [machine_code])


def mean_of_rows(h: Node) -> Node:
    return p.broadcast(p.reduce_sum(h, (0,)), h.shape)


@pytest.mark.parametrize(
    "step",
    [
        lambda h: p.add(h, p.broadcast(constant(np.ones(4, "float32")), h.shape)),
        lambda h: p.transpose(p.reshape(h, (BATCH, 2, 2)), (0, 2, 1)),
        lambda h: p.broadcast(p.reshape(p.reduce_max(h, (1,)), (BATCH, 1)), h.shape),
        lambda h: p.concatenate(p.slice(h, (0, 2), (BATCH, 4)), p.slice(h, (0, 0), (BATCH, 2)), axis=1),
        lambda h: p.contract(h, h, ("bi", "bi", "bi")),
    ],
    ids=["elements", "turned", "folded", "put together", "rows with themselves"],
)
def test_what_treats_rows_alone(step):
    body = body_of(lambda h: p.reshape(step(h), (BATCH, 4)))
    assert row_symbol(body) == "batch"


@pytest.mark.parametrize(
    "step",
    [
        mean_of_rows,
        lambda h: p.reverse(h, (0,)),
        lambda h: p.add(h, p.iota((BATCH, 4), "float32", 0)),
        lambda h: p.multiply(h, p.broadcast(p.cast(p.dimension(BATCH), "float32"), h.shape)),
        lambda h: p.contract(p.contract(h, h, ("ai", "bi", "ab")), h, ("ab", "bi", "ai")),
        lambda h: p.contract(h, p.contract(h, h, ("bi", "bj", "ij")), ("bi", "ij", "bj")),
    ],
    ids=["mean", "reversed", "number of the row", "number of rows", "all pairs", "sum over rows"],
)
def test_what_looks_at_other_rows(step):
    assert row_symbol(body_of(step)) is None


def test_loops_that_mix_rows_are_run_together(rng):
    graph_body = body_of(lambda h: p.multiply(p.exp(p.negate(h)), mean_of_rows(h)))
    h = input_node((BATCH, 4), "float32")
    graph = Graph((h,), tuple(p.scan(graph_body, [h], [], [], 3)))
    (region,) = regions_of(plan(graph).items)
    assert region.rows is None
    assert_agrees(graph, [floats(rng, 6, 4) * 0.1], [loop_ir, machine_code])
