"""Operands of products that are kept in another dtype than they are multiplied in: half floats, mostly."""

from __future__ import annotations

from collections.abc import Sequence

from lamina import primitives
from lamina.base import dtypes
from lamina.base.dims import element_count
from lamina.graph import Node
from lamina.schedule.expr import Buffer
from lamina.schedule.fusion import Group, examine
from lamina.schedule.loops import Kernel
from lamina.schedule.nests import describe
from lamina.schedule.operands import VIEWS, is_cast_in_reading
from lamina.schedule.places import Places
from lamina.schedule.rows import RowKernel
from lamina.schedule.tiling import known


def widen_operands(node: Node, operands: Sequence[Node], memory: Places, name: str) -> tuple[Places, list[Kernel]]:
    """Copies operands of a contraction that are not kept in its dtype, for as long as it runs.

    Microkernels read one dtype. Such a copy lives from one kernel to the next, so that a program has room for the
    largest of them, while what lives from the forward pass to the backward one stays narrow.

    Returns:
        The memory in which the product finds its operands, and the kernels that fill it.
    """
    found = _copied(memory)
    kernels: list[Kernel] = []
    for number, operand in enumerate(operands):
        source = _smallest(operand)
        buffer = Buffer(f"{name}_wide{number}", source.shape, node.dtype, "temporary")
        kernels += _copy(source, memory, buffer, describe([node]))
        found[source] = buffer
        found.parts.pop(source, None)
    return found, kernels


def _smallest(operand: Node) -> Node:
    """The node of fewest elements among an operand and what it is a view of; none that is rounded afterwards."""
    best = node = operand
    while node.primitive in VIEWS or is_cast_in_reading(node):
        if node.primitive is primitives.CAST and dtypes.compute_dtype(node.dtype) != node.dtype:
            break
        node = node.inputs[0]
        if known(element_count(node.shape)) <= known(element_count(best.shape)):
            best = node
    return best


def _copy(source: Node, memory: Places, buffer: Buffer, label: str) -> list[Kernel]:
    wide = primitives.cast(source, buffer.dtype)
    places = _copied(memory)
    places[wide] = buffer
    member = examine(wide, dict.fromkeys(memory))
    kernels = RowKernel(Group([member], "loops", wide.rank), places, buffer.name).kernels()
    for kernel in kernels:
        kernel.label = label
    return kernels


def _copied(memory: Places) -> Places:
    result = Places()
    result.update(memory)
    result.parts = dict(memory.parts)
    return result
