"""State is replaced in place, as if all new values had been computed before any was written."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.graph import Graph, input_node
from tests.compiler.agreement import MATMUL, assert_agrees, floats, loop_ir, machine_code, softmax, spread

EXECUTORS = (loop_ir, machine_code)


def vectors(count=2, size=33):
    return [input_node((size,), "float32") for _ in range(count)]


def square():
    return input_node((20, 20), "float32")


def swap():
    a, b = vectors()
    return Graph((a, b), (), ((a, b), (b, a)))


def rotate():
    a, b, c = vectors(3)
    return Graph((a, b, c), (), ((a, b), (b, c), (c, a)))


def fibonacci():
    a, b = vectors()
    return Graph((a, b), (), ((a, p.add(a, b)), (b, a)))


def new_value_used_twice():
    a, b = vectors()
    total = p.add(a, b)
    return Graph((a, b), (total, total, p.exp(total)), ((a, total), (b, total)))


def output_is_an_input():
    a, b = vectors()
    return Graph((a, b), (a, a, b), ((a, p.negate(a)),))


def reversed_in_place():
    (a,) = vectors(1)
    return Graph((a,), (), ((a, p.reverse(a, (0,))),))


def shifted_in_place():
    (a,) = vectors(1)
    return Graph((a,), (), ((a, p.pad(p.slice(a, (1,), (33,)), (0,), (1,))),))


def transposed_in_place():
    w = square()
    return Graph((w,), (), ((w, p.transpose(w, (1, 0))),))


def softmax_in_place():
    w = square()
    return Graph((w,), (), ((w, softmax(w, 1)),))


def centred_in_place():
    w = square()
    return Graph((w,), (), ((w, p.subtract(w, spread(p.reduce_sum(w, (0,)), w.shape, 0))),))


def broadcast_of_itself():
    w = square()
    first = p.broadcast(p.slice(w, (0, 0), (1, 20)), (20, 20))
    return Graph((w,), (), ((w, p.add(w, first)),))


def product_with_itself():
    w = square()
    return Graph((w,), (), ((w, p.contract(w, w, MATMUL)),))


def product_from_the_left():
    w, v = square(), square()
    return Graph((w, v), (), ((w, p.contract(w, v, MATMUL)),))


def product_from_the_right():
    w, v = square(), square()
    return Graph((w, v), (), ((w, p.tanh(p.contract(v, w, MATMUL))),))


def gradient_step():
    w, v = square(), square()
    return Graph((w, v), (), ((w, p.subtract(w, p.contract(v, v, ("km", "kn", "mn")))),))


def running_sum_in_place():
    w = square()
    return Graph((w,), (), ((w, p.cumulative_sum(w, 0, reverse=True, exclusive=True)),))


def scalar_counter():
    count, total = input_node((), "int64"), input_node((), "float32")
    one = p.full((), 1, "int64")
    new = p.add(count, one)
    return Graph((count, total), (new,), ((count, new), (total, p.add(total, p.cast(new, "float32")))))


GRAPHS = [
    swap, rotate, fibonacci, new_value_used_twice, output_is_an_input, reversed_in_place, shifted_in_place,
    transposed_in_place, softmax_in_place, centred_in_place, broadcast_of_itself, product_with_itself,
    product_from_the_left, product_from_the_right, gradient_step, running_sum_in_place, scalar_counter,
]  # fmt: skip


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_new_state_is_made_of_old_state(make, rng):
    graph = make()
    arrays = [np.asarray(floats(rng, *n.shape) * 3).astype(n.dtype) for n in graph.inputs]
    assert_agrees(graph, arrays, EXECUTORS)


@pytest.mark.parametrize("repeated", [False, True])
def test_rows_added_to_themselves(rng, repeated):
    w, i = square(), input_node((5,), "int64")
    graph = Graph((w, i), (), ((w, p.scatter_add(w, i, p.take(w, i, 0), 0)),))
    indices = np.array([3, 3, 3, 7, 3] if repeated else [4, 3, 2, 1, 0])
    assert_agrees(graph, [floats(rng, 20, 20), indices], EXECUTORS)


def test_permutation_of_itself(rng):
    order, key = input_node((50,), "int64"), input_node((2,), "uint32")
    shuffled = p.take(p.random_permutation(key, 50), order, 0)
    next_key = p.add(key, p.full((2,), 1, "uint32"))
    graph = Graph((order, key), (order,), ((order, shuffled), (key, next_key)))
    assert_agrees(graph, [rng.permutation(50), np.array([3, 4], np.uint32)], EXECUTORS)
    graph = Graph((order,), (), ((order, p.take(order, order, 0)),))
    assert_agrees(graph, [rng.permutation(50)], EXECUTORS)


def test_large_state_with_tasks_that_read_all_of_it(rng):
    """Column means need every task's rows before any task may write its own."""
    w = input_node((3000, 40), "float32")
    mean = p.broadcast(p.reduce_sum(w, (0,)), w.shape)
    assert_agrees(Graph((w,), (), ((w, p.subtract(w, mean)),)), [floats(rng, 3000, 40)])


def test_results_are_not_the_state():
    """What is returned stays as it is when the state changes again."""
    a, b = vectors()
    from lamina.compiler import compile_graph

    step = compile_graph(Graph((a, b), (a, p.add(a, b)), ((a, p.add(a, b)),)), interpret=False)
    state, other = np.zeros(33, np.float32), np.ones(33, np.float32)
    first = step([state, other])
    second = step([state, other])
    assert (first[0] == 0).all() and (first[1] == 1).all()
    assert (second[0] == 1).all() and (second[1] == 2).all() and (state == 2).all()
