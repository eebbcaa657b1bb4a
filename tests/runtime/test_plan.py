"""What a program needs beside its machine code survives being written down."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.codegen.driver import Stage
from lamina.graph import Graph, constant, input_node
from lamina.runtime import plan as plans
from lamina.runtime.plan import ProgramPlan
from lamina.schedule.memory import plan_memory
from lamina.schedule.schedule import schedule
from lamina.schedule.target import host_target

BATCH = Dim("batch")


def some_plan() -> ProgramPlan:
    x, state = input_node((BATCH, 70), "float32"), input_node((70, 40), "float32", "state")
    table = constant(np.arange(40 * 9, dtype=np.float32).reshape(40, 9))
    hidden = p.tanh(p.contract(x, state, ("mk", "kn", "mn")))
    out = p.contract(hidden, table, ("mk", "kn", "mn"))
    share = p.divide(out, p.broadcast(p.reshape(p.reduce_sum(out, (1,)), (BATCH, 1)), out.shape))
    graph = Graph((x, state), (share,), ((state, p.add(state, state)),))
    return ProgramPlan.of([Stage("main", schedule(graph, host_target()))], ["batch"])


@pytest.mark.parametrize("batch", [0, 1, 33, 500])
def test_a_plan_comes_back_as_it_was(batch):
    plan, sizes = some_plan(), {"batch": batch}
    pieces = plan.to_pieces()
    assert pieces is not None
    again = ProgramPlan.from_pieces(pieces)
    described = [[(b.name, b.shape, b.dtype, b.role) for b in each.buffers] for each in (plan, again)]
    assert described[0] == described[1] and again.symbols == ["batch"]
    assert again.most_tasks(sizes) == plan.most_tasks(sizes)
    assert again.scratch_bytes(sizes) == plan.scratch_bytes(sizes)
    for before, after in zip(plan.stages, again.stages, strict=True):
        assert (before.name, before.inputs, before.outputs) == (after.name, after.inputs, after.outputs)
        assert plan_memory(before.lifetimes, sizes).size == plan_memory(after.lifetimes, sizes).size
    values = [[b.value for b in each.buffers if b.role == "constant"] for each in (plan, again)]
    assert len(values[0]) == 1 and np.array_equal(*[v[0] for v in values])
    assert again.to_pieces() == pieces


def test_large_constants_are_not_kept_twice(monkeypatch):
    monkeypatch.setattr(plans, "MOST_CONSTANT_BYTES", 100)
    assert some_plan().to_pieces() is None
