"""The loop IR interpreter: right on every primitive, and it finds what it is there to find."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lamina import primitives as p
from lamina.base import dtypes
from lamina.base.dims import Dim
from lamina.base.errors import IndexRangeError, VerificationError
from lamina.graph import Graph, apply, input_node, interpret
from lamina.schedule.expr import INDEX, Buffer, Builder
from lamina.schedule.interpret import interpret_schedule
from lamina.schedule.loops import Collapse, Declare, Kernel, Loop, Store, Update
from lamina.schedule.schedule import Schedule
from lamina.schedule.target import host_target
from tests.compiler.agreement import (
    MATMUL,
    assert_agrees,
    assert_close,
    floats,
    layer_norm,
    loop_ir,
    plan,
    softmax,
)

LARGEST_SAMPLE = 60
BATCH = Dim("batch")


def reads_of_nothing(name, arrays):
    """A padded empty array is read at 0, where it has no element; the value is not used."""
    return name == "pad" and any(a.size == 0 for a in arrays)


@pytest.mark.parametrize("name", sorted(p.REGISTRY))
def test_small_samples_of_primitives(name):
    inputs, outputs, arrays = [], [], []
    for sample in p.REGISTRY[name].samples():
        given = [np.asarray(a) for a in sample.arrays]
        if sum(a.size for a in given) > LARGEST_SAMPLE or reads_of_nothing(name, given):
            continue
        nodes = [input_node(a.shape, dtypes.canonical(a.dtype)) for a in given]
        inputs += nodes
        arrays += given
        outputs.append(apply(p.REGISTRY[name], *nodes, **sample.attrs))
    graph = Graph(tuple(inputs), tuple(outputs))
    assert_close(loop_ir(graph, arrays), interpret(graph, arrays))


@pytest.mark.parametrize("rows", [3, BATCH])
def test_fused_groups_and_contractions(rows, rng):
    x, w, v = input_node((rows, 9), "float32"), input_node((9, 21), "float32"), input_node((21, 4), "float32")
    hidden = p.tanh(p.contract(x, w, MATMUL))
    odds = softmax(p.contract(layer_norm(hidden, 1, 21), v, MATMUL), 1)
    gradient = p.contract(hidden, odds, ("km", "kn", "mn"))
    graph = Graph((x, w, v), (odds, p.reduce_sum(hidden, (0,))), ((v, p.subtract(v, gradient)),))
    assert_agrees(graph, [floats(rng, 3, 9), floats(rng, 9, 21), floats(rng, 21, 4)], (loop_ir,))


def test_long_sums_and_many_tasks(rng):
    x, w = input_node((14, 1100), "float32"), input_node((1100, 5), "float32")
    assert_agrees(Graph((x, w), (p.contract(x, w, MATMUL),)), [floats(rng, 14, 1100), floats(rng, 1100, 5)], (loop_ir,))
    y = input_node((900, 7), "float32")
    graph = Graph((y,), (p.reduce_sum(p.exp(y), (0,)),))
    assert any(k.tasks.attr > 1 for k in plan(graph).kernels)
    assert_agrees(graph, [floats(rng, 900, 7) * 0.1], (loop_ir,))


def test_indices_out_of_range():
    x, i = input_node((4,), "float32"), input_node((2,), "int64")
    with pytest.raises(IndexRangeError, match="Index 4"):
        loop_ir(Graph((x, i), (p.take(x, i, 0),)), [np.zeros(4, np.float32), np.array([0, 4])])


# Kernels that are wrong


class Broken:
    """Kernels by hand over an input and an output of eight numbers."""

    def __init__(self):
        self.b = Builder()
        node = input_node((8,), "float32")
        self.source = Buffer("source", (8,), "float32", "input")
        self.goal = Buffer("goal", (8,), "float32", "output")
        self.plan = Schedule(Graph((node,), (node,)), [], {node: self.source}, [self.goal], {})
        self.i = self.b.variable(8)

    def number(self, value):
        return self.b.const(value, INDEX)

    def loop(self, *body, end=8, vector=False):
        return Loop(self.i, self.number(0), self.number(end), list(body), vector)

    def copy(self, place=None, origin=None):
        origin = self.i if origin is None else origin
        return Store(self.goal, self.i if place is None else place, self.b.load(self.source, origin))

    def kernel(self, *body, tasks=1, phase=0, task=None):
        kernel = Kernel("k", self.number(tasks), task or self.b.variable(64), list(body))
        self.plan.kernels.append(kernel)
        self.plan.phases.append(phase)

    def run(self, **options):
        return interpret_schedule(self.plan, [np.arange(8, dtype=np.float32)], host_target(), **options)[0]


def test_a_kernel_by_hand():
    k = Broken()
    k.kernel(k.loop(k.copy(origin=k.b.sub(k.number(7), k.i)), vector=True))
    np.testing.assert_array_equal(k.run(), np.arange(8)[::-1])


def test_reads_and_writes_out_of_bounds():
    for where in ("place", "origin"):
        k = Broken()
        k.kernel(k.loop(k.copy(**{where: k.b.add(k.i, k.number(1))})))
        with pytest.raises(VerificationError, match=r"\[8\] is (read|written), of 8 elements"):
            k.run()
    k = Broken()
    k.kernel(k.loop(k.copy(origin=k.b.sub(k.i, k.number(1)))))
    with pytest.raises(VerificationError, match=r"source\[-1\] is read"):
        k.run()


def test_read_of_what_was_never_written():
    k = Broken()
    temporary = Buffer("temporary", (8,), "float32", "temporary")
    k.kernel(k.loop(Store(k.goal, k.i, k.b.load(temporary, k.i))))
    with pytest.raises(VerificationError, match=r"temporary\[0\] is read and was never written"):
        k.run()


def test_scratch_memory_of_another_task():
    k = Broken()
    local, task = Buffer("local", (1,), "float32", "local"), k.b.variable(64)
    zero = k.number(0)
    last = k.b.cast(k.b.eq(task, k.number(7)), INDEX)
    once = Loop(k.b.variable(1), zero, last, [Store(local, zero, k.b.load(k.source, task))])
    k.kernel(once, Store(k.goal, task, k.b.load(local, zero)), tasks=8, task=task)
    k.plan.kernels[0].locals.append(local)
    with pytest.raises(VerificationError, match=r"local\[0\] is read and was never written"):
        k.run()


def test_two_tasks_that_write_the_same():
    k = Broken()
    k.kernel(k.loop(k.copy()), tasks=2)
    with pytest.raises(VerificationError, match="written by one task and written by another"):
        k.run()
    np.testing.assert_array_equal(k.run(check_races=False), np.arange(8))


@pytest.mark.parametrize("first", ["read", "written"])
def test_a_task_that_reads_what_another_writes(first):
    k = Broken()
    task = k.b.variable(64)
    offset = k.number(1 if first == "written" else 7)
    other = k.b.rem(k.b.add(task, offset), k.number(8))
    k.kernel(Store(k.source, task, k.b.load(k.source, other)), tasks=8, task=task)
    with pytest.raises(VerificationError, match="in one phase"):
        k.run()


def test_a_barrier_that_is_missing():
    for phase in (0, 1):
        k = Broken()
        temporary, task, reader = Buffer("temporary", (8,), "float32", "temporary"), k.b.variable(64), k.b.variable(64)
        k.kernel(Store(temporary, task, k.b.load(k.source, task)), tasks=8, task=task)
        k.kernel(Store(k.goal, reader, k.b.load(temporary, reader)), tasks=8, task=reader, phase=phase)
        if phase:
            np.testing.assert_array_equal(k.run(), np.arange(8))
        else:
            with pytest.raises(VerificationError, match=r"temporary\[\d\] is written by one task and read by another"):
                k.run()


def test_a_vector_loop_whose_iterations_depend_on_each_other():
    k = Broken()
    before = k.b.max(k.b.sub(k.i, k.number(1)), k.number(0))
    first = Store(k.goal, k.number(0), k.b.const(1.0, "float32"))
    chain = Store(k.goal, k.i, k.b.load(k.goal, before))
    k.kernel(first, k.loop(chain, vector=True))
    with pytest.raises(VerificationError, match="one iteration of a vector loop and read by a later one"):
        k.run()
    k.plan.kernels[0].body[1].vector = False
    assert (k.run() == 1).all()


def test_a_variable_beyond_its_extent():
    k = Broken()
    k.kernel(k.loop(k.copy(place=k.number(0), origin=k.number(0)), end=9))
    with pytest.raises(VerificationError, match="becomes 8, beyond its extent 8"):
        k.run()


def test_values_of_the_wrong_type():
    k = Broken()
    k.kernel(k.loop(Store(k.goal, k.i, k.i)))
    with pytest.raises(VerificationError, match="goal of float32 is given a int64"):
        k.run()


def fold(k, merge=True, collapse=True):
    """The sum of all numbers, in element 0."""
    b = k.b
    total, other = b.accumulator("total", "float32"), b.accumulator("other", "float32")
    declare = Declare(total, b.const(0.0, "float32"), other, b.add(total, other) if merge else None)
    add = k.loop(Update(total, b.add(total, b.load(k.source, k.i))), vector=merge)
    fill = k.loop(Store(k.goal, k.i, b.const(0.0, "float32")))
    return [fill, declare, add, *([Collapse(total)] if collapse else []), Store(k.goal, k.number(0), total)]


def test_folds_in_parts():
    for merge in (True, False):
        k = Broken()
        k.kernel(*fold(k, merge, collapse=merge))
        assert k.run()[0] == 28


def test_parts_that_are_read_before_they_are_brought_together():
    k = Broken()
    k.kernel(*fold(k, collapse=False))
    with pytest.raises(VerificationError, match="before its parts are brought together"):
        k.run()


def test_a_fold_that_does_not_begin_with_its_identity():
    """The initial value of a fold in parts counts once for each part: here the machine would differ from NumPy."""
    k = Broken()
    body = fold(k)
    body[1] = dataclasses.replace(body[1], initial=k.b.const(1.0, "float32"))
    k.kernel(*body)
    assert k.run()[0] != 29


def test_stores_that_follow_one_another_happen_at_once():
    k = Broken()
    x, y = k.b.load(k.source, k.number(0)), k.b.load(k.source, k.number(7))
    k.kernel(k.loop(k.copy()), Store(k.source, k.number(0), y), Store(k.source, k.number(7), x))
    array = np.arange(8, dtype=np.float32)
    interpret_schedule(k.plan, [array], host_target())
    assert (array[0], array[7]) == (7, 0)
