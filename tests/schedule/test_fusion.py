"""Which anchors share a kernel, and that it is the same every time."""

from __future__ import annotations

from lamina import primitives as p
from lamina.base.dims import Dim
from lamina.graph import Graph, Node, input_node
from lamina.schedule.anchors import choose_anchors
from lamina.schedule.fusion import Group, group_anchors


def grouped(*outputs: Node, inputs: tuple[Node, ...]) -> list[Group]:
    anchors, _ = choose_anchors(Graph(inputs, outputs))
    return group_anchors(anchors)


def test_folds_of_one_array_share_a_kernel():
    x = input_node((Dim("batch"), 8), "float32")
    groups = grouped(p.reduce_sum(x, (1,)), p.reduce_max(x, (1,)), inputs=(x,))
    assert [len(g.members) for g in groups] == [2]


def test_folds_of_different_arrays_do_not():
    x, y = (input_node((Dim("batch"), 8), "float32") for _ in range(2))
    groups = grouped(p.reduce_sum(x, (1,)), p.reduce_max(y, (1,)), inputs=(x, y))
    assert [len(g.members) for g in groups] == [1, 1]


def test_parts_of_one_array_share_a_kernel():
    x = input_node((6, 8), "float32")
    first, second = (p.slice(x, (0, start), (6, start + 4), (1, 1)) for start in (0, 4))
    groups = grouped(p.exp(first), p.tanh(second), inputs=(x,))
    assert [len(g.members) for g in groups] == [2]


def test_single_numbers_share_a_kernel_whatever_they_are_computed_from():
    x, y = (input_node((), "float32") for _ in range(2))
    groups = grouped(p.exp(x), p.tanh(y), inputs=(x, y))
    assert [len(g.members) for g in groups] == [2]


def test_what_is_needed_is_named_in_the_order_of_reading():
    """Not in that of addresses, which would order kernels otherwise in every process."""
    inputs = tuple(input_node((4, n, 4), "float32") for n in range(2, 12))
    sums = [p.reduce_sum(x, (1,)) for x in inputs]
    total = sums[0]
    for one in sums[1:]:
        total = p.add(total, one)
    groups = grouped(*sums, p.reduce_sum(total, (0,)), inputs=inputs)
    last = groups[-1]
    assert [g.number for g in last.needs] == sorted(g.number for g in last.needs)


def test_a_number_that_sizes_alone_decide_is_not_waited_for():
    """The mean of a loss over the batch and its gradient come from one pass over the scores."""
    batch = Dim("batch")
    x = input_node((batch, 50), "float32")
    size = p.cast(p.dimension(batch), "float32")
    exponentials = p.exp(x)
    sums = p.reduce_sum(exponentials, (1,))
    loss = p.divide(p.reduce_sum(p.log(sums), (0,)), size)
    share = p.broadcast(p.divide(p.full((), 1.0, "float32"), size), (batch,))
    slopes = p.multiply(exponentials, p.broadcast(p.reshape(p.divide(share, sums), (batch, 1)), (batch, 50)))
    groups = grouped(loss, slopes, inputs=(x,))
    assert any({slopes, loss.inputs[0]} <= set(group.nodes) for group in groups)
