"""Loops and branches around kernels: what is in them, what is before them, and where threads meet."""

from __future__ import annotations

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.graph import Graph, body_graph, constant, input_node
from lamina.runtime.program_key import program_text
from lamina.schedule.memory import plan_memory
from lamina.schedule.regions import Region, kernels_of, most_runs, regions_of, runs_of
from tests.compiler.agreement import assert_agrees, floats, loop_ir, machine_code, plan

BACKWARDS = ("mk", "nk", "mn")


def recurrent(length=6, batch=32, units=16) -> Graph:
    h, x, u = (input_node(s, "float32") for s in ((batch, units), (length, batch, units), (units, units)))
    inside = [input_node(s, "float32") for s in ((batch, units), (batch, units), (units, units))]
    new = p.tanh(p.add(p.contract(inside[0], inside[2], BACKWARDS), inside[1]))
    return Graph((h, x, u), tuple(p.scan(body_graph(inside, [new, p.exp(new)]), [h], [x], [u], length)))


def test_weights_are_packed_once_before_the_loop(rng):
    graph = recurrent()
    schedule = plan(graph)
    (region,) = regions_of(schedule.items)
    inside = kernels_of(region.items)
    packing = [k for k in schedule.kernels if any(r.kind.startswith("pack") for r in k.routines())]
    assert packing and not set(map(id, packing)) & set(map(id, inside))
    assert_agrees(graph, [floats(rng, *n.shape) for n in graph.inputs], [loop_ir, machine_code])


def test_kernels_do_not_become_more_with_the_length():
    lengths = [plan(recurrent(n)) for n in (2, 2000)]
    assert len(lengths[0].kernels) == len(lengths[1].kernels)


def test_carries_are_changed_in_place_or_kept_in_one_array(rng):
    graph = recurrent()
    (region,) = regions_of(plan(Graph(graph.inputs, graph.outputs[:1])).items)
    assert not any(k.name.endswith("copy") for k in kernels_of(region.items))


def test_what_lives_across_steps_shares_no_memory():
    schedule = plan(recurrent(batch=Dim("batch")))
    (region,) = regions_of(schedule.items)
    lives = {item.buffer: item for item in schedule.lifetimes()}
    outside = {schedule.whole(b) for k in schedule.kernels if k not in kernels_of(region.items) for b in k.buffers()}
    crossing = [b for k in kernels_of(region.items) for b in map(schedule.whole, k.buffers()) if b in outside]
    for buffer in crossing:
        if buffer in lives:
            assert lives[buffer].first <= region.first and lives[buffer].last >= region.last
    assert plan_memory(schedule.lifetimes(), {"batch": 8}).size > 0


def test_region_of_single_tasks_runs_on_the_first_thread(rng):
    graph = recurrent(length=4, batch=2, units=3)
    (region,) = regions_of(plan(graph).items)
    assert region.solo
    assert_agrees(graph, [floats(rng, *n.shape) for n in graph.inputs], [loop_ir, machine_code])


def test_runs_are_counted():
    schedule = plan(recurrent(length=Dim("steps")))
    (region,) = regions_of(schedule.items)
    runs = dict(zip(map(id, schedule.kernels), runs_of(schedule.items, {"steps": 9})))
    assert {runs[id(k)] for k in kernels_of(region.items)} == {9}
    assert sum(runs.values()) <= most_runs(schedule.items, {"steps": 9})


def test_body_is_part_of_a_programs_key():
    def text(factor):
        c = input_node((3,), "float32")
        body = body_graph([c], [p.multiply(c, p.broadcast(constant(factor, "float32"), (3,)))])
        start = input_node((3,), "float32")
        return program_text({"main": Graph((start,), tuple(p.scan(body, [start], [], [], 5)))}, ())

    assert text(2.0) == text(2.0) != text(3.0)
    assert isinstance(plan(recurrent()).items[-1], Region)
