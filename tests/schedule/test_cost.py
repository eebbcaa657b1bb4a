"""The work of kernels: operations and bytes, as one would count them by hand."""

from __future__ import annotations

import pytest

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.graph import Graph, Node, input_node
from lamina.schedule.cost import Cost, kernel_cost
from lamina.schedule.schedule import schedule
from lamina.schedule.target import host_target

BATCH = Dim("batch")
MATMUL = ("mk", "kn", "mn")


def costs(*outputs: Node, inputs: tuple[Node, ...], updates=(), **sizes: int) -> list[Cost]:
    plan = schedule(Graph(inputs, outputs, tuple(updates)), host_target())
    return [kernel_cost(kernel, sizes) for kernel in plan.kernels]


def total(found: list[Cost]) -> tuple[int, int, int]:
    return sum(c.flops for c in found), sum(c.read for c in found), sum(c.written for c in found)


def test_elementwise_counts_operations_and_each_place_once():
    x, y = input_node((BATCH, 10), "float32"), input_node((10,), "float32")
    row = p.broadcast(p.reshape(y, (1, 10)), (BATCH, 10))
    (cost,) = costs(p.exp(p.add(p.multiply(x, x), row)), inputs=(x, y), batch=7)
    assert cost == Cost(flops=3 * 70, read=(70 + 10) * 4, written=70 * 4)


def test_a_fused_multiply_add_is_two():
    x, y = input_node((6, 5), "float64"), input_node((6, 5), "float64")
    (cost,) = costs(p.subtract(p.multiply(x, y), y), inputs=(x, y))
    assert cost == Cost(60, 2 * 30 * 8, 30 * 8)


def test_integers_comparisons_and_copies_are_no_floating_point_operations():
    x, y = input_node((40,), "int32"), input_node((4, 5), "float32")
    found = costs(p.add(x, x), p.transpose(y, (1, 0)), inputs=(x, y))
    assert total(found) == (0, 40 * 4 + 20 * 4, 40 * 4 + 20 * 4)


@pytest.mark.parametrize(("m", "k", "n"), [(64, 32, 48), (13, 7, 21), (130, 1000, 70)])
def test_products(m, k, n):
    a, b = input_node((m, k), "float32"), input_node((k, n), "float32")
    flops, read, written = total(costs(p.contract(a, b, MATMUL), inputs=(a, b)))
    assert flops == 2 * m * k * n
    assert read >= (m * k + k * n) * 4 and written >= m * n * 4


def test_products_with_an_open_size_and_an_epilogue():
    a, b = input_node((BATCH, 24), "float32"), input_node((24, 40), "float32")
    product = p.contract(a, b, MATMUL)
    relu = p.maximum(product, p.full(product.shape, 0.0, "float32"))
    for batch in (1, 33, 64):
        flops, _, written = total(costs(relu, inputs=(a, b), batch=batch))
        assert flops == 2 * batch * 24 * 40 + batch * 40
        assert written == batch * 40 * 4


def test_products_in_plain_loops():
    a, b = input_node((6, 5), "float16"), input_node((5, 9), "float16")
    flops, read, written = total(costs(p.contract(a, b, MATMUL), inputs=(a, b)))
    assert (flops, read, written) == (2 * 6 * 5 * 9, (30 + 45) * 2, 54 * 2)


def test_rows_gathered_from_a_table_are_read_and_not_the_table():
    table, index = input_node((1000, 8), "float32"), input_node((BATCH,), "int64")
    flops, read, written = total(costs(p.take(table, index, axis=0), inputs=(table, index), batch=5))
    assert (flops, read, written) == (0, 5 * 8 * 4 + 5 * 8, 5 * 8 * 4)


def test_reductions():
    x = input_node((BATCH, 100), "float32")
    flops, read, written = total(costs(p.reduce_sum(x, (1,)), inputs=(x,), batch=3))
    assert (flops, read, written) == (300, 1200, 12)


def test_state_changed_in_place_is_read_and_written():
    state, x = input_node((50,), "float32", "state"), input_node((50,), "float32")
    (cost,) = costs(inputs=(state, x), updates=[(state, p.add(state, x))])
    assert cost == Cost(50, 2 * 200, 200)


def test_nothing_to_do_costs_nothing():
    x = input_node((BATCH, 4), "float32")
    assert total(costs(p.exp(x), inputs=(x,), batch=0)) == (0, 0, 0)
