"""Training steps that touch only those rows of a table that a batch uses.

The gradient of a lookup is zeros, with the gradient of each use added to its row. Where new values of the table and of
an optimizer's state are made of that element by element, and would stay as they are where it is zero, only the rows in
use are computed: from the summed gradients of each, in the order in which they would be added to the zeros, so that the
result is the same to the last bit. No optimizer is known by name: what follows from a gradient of zero is worked out.

Zero times anything is taken to be zero here, and so is zero divided by anything: a learning rate or state that is no
number any more would otherwise spread to rows that are not in use. The sign of a zero does not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from lamina import primitives as p
from lamina.base import dtypes
from lamina.base.dims import element_count
from lamina.graph import Graph, Node, apply, substitute
from lamina.graph.interpreter import run_node
from lamina.graph.source import inherited_source
from lamina.optimize.simplify import scalar_value

# A guess for sizes that stay open until the program runs.
TYPICAL_SIZE = 32
# A row in use costs as much as so many rows of a pass over the whole table.
LEAST_GAIN = 3
# A table of so many bytes does not stay in a cache, so that every pass over its gradient takes time.
LEAST_BYTES = 1 << 23

# What is known of a value where the gradient is zero: that it is a number, or another node; None where neither is.
Known = Union[float, Node, None]


def touch_used_rows(graph: Graph) -> Graph:
    """The graph with updates of only those rows that are used, wherever others would stay as they are.

    Where all rows change, as those of Adam do, the gradients are at least not spread over an array of all rows.
    """
    tried: set[Node] = set()
    while scatter := next((n for n in graph.nodes() if n not in tried and _adds_rows(n)), None):
        together = _meeting(graph, scatter)
        tried.update(together)
        height = scatter.shape[0]
        if isinstance(height, int) and sum(map(_used, together)) * LEAST_GAIN <= height:
            graph = _without_the_rest(graph, together)
    return _without_zeros(graph) if tried else graph


def _adds_rows(node: Node) -> bool:
    """Whether a node is rows added to zeros."""
    if node.primitive is not p.SCATTER_ADD or node.attrs["axis"] != 0 or node.rank != 2:
        return False
    return scalar_value(node.inputs[0]) == 0


def _used(scatter: Node) -> int:
    """How many rows are used, about."""
    return math.prod(size if isinstance(size, int) else TYPICAL_SIZE for size in scatter.inputs[1].shape)


def _meeting(graph: Graph, scatter: Node) -> list[Node]:
    """The gradients of all lookups in one table: those that go into the same updates, in their order."""
    feeding = [{n for n in _cone(new) if n.shape == scatter.shape and _adds_rows(n)} for _, new in graph.updates]
    found, size = {scatter}, 0
    while len(found) > size:
        size = len(found)
        found.update(*(nodes for nodes in feeding if nodes & found))
    return [n for n in graph.nodes() if n in found]


def _without_the_rest(graph: Graph, scatters: Sequence[Node]) -> Graph:
    """The graph with updates of the rows that some lookups use, if others stay as they are and nobody wants more."""
    users: dict[Node, list[Node]] = {n: [] for n in graph.nodes()}
    known: dict[Node, Known] = dict.fromkeys(scatters, 0.0)
    for node in users:
        for operand in dict.fromkeys(node.inputs):
            users[operand].append(node)
        if node not in known and any(n in known for n in node.inputs):
            known[node] = _where_zero(node, known)
    staying = {new: state for state, new in graph.updates if known.get(new) is state}
    if not staying or not _feed_only(scatters, staying, users, set(graph.roots)):
        return graph
    leaves = {new: [n for n in _cone(new) if n.kind != "elementwise" and n not in scatters] for new in staying}
    if any(n in known for found in leaves.values() for n in found) or _wait_for_each_other(staying, leaves):
        return graph
    return _with_rows(graph, scatters, staying)


def _where_zero(node: Node, known: Mapping[Node, Known]) -> Known:
    """What an elementwise node is where the gradient is zero."""
    if node.kind != "elementwise":
        return None
    found = [known[n] if n in known else _number_or_node(n) for n in node.inputs]
    if all(isinstance(f, float) for f in found):
        values = [np.asarray(f, dtypes.to_numpy(n.dtype)) for f, n in zip(found, node.inputs)]
        return float(run_node(node, values, {}))
    rule = _RULES.get(node.primitive)
    return None if rule is None else rule(found)


def _number_or_node(node: Node) -> float | Node:
    number = scalar_value(node)
    return node if number is None else float(number)


def _sum(found: Sequence[Known]) -> Known:
    return found[0] if found[1] == 0.0 else found[1] if found[0] == 0.0 else None


def _difference(found: Sequence[Known]) -> Known:
    return found[0] if found[1] == 0.0 else None


def _product(found: Sequence[Known]) -> Known:
    return 0.0 if 0.0 in found else found[0] if found[1] == 1.0 else found[1] if found[0] == 1.0 else None


def _quotient(found: Sequence[Known]) -> Known:
    return 0.0 if found[0] == 0.0 else found[0] if found[1] == 1.0 else None


def _choice(found: Sequence[Known]) -> Known:
    return found[1] if found[1] == found[2] else None


def _copy(found: Sequence[Known]) -> Known:
    return found[0]


_RULES = {
    p.ADD: _sum, p.SUBTRACT: _difference, p.MULTIPLY: _product, p.DIVIDE: _quotient, p.SELECT: _choice, p.COPY: _copy,
}  # fmt: skip


def _feed_only(
    scatters: Sequence[Node], staying: Mapping[Node, Node], users: Mapping[Node, Sequence[Node]], roots: set[Node]
) -> bool:
    """Whether gradients go nowhere but, element by element, into updates that leave unused rows as they are."""
    stack, seen = list(scatters), set(scatters)
    while stack:
        node = stack.pop()
        if node in roots or (node.kind != "elementwise" and node not in scatters):
            return False
        new = [n for n in users[node] if n not in staying and n not in seen]
        seen.update(new)
        stack += new
    return True


def _cone(root: Node) -> list[Node]:
    """The elementwise nodes that a value is made of, operands first, and those that they read."""
    order: dict[Node, None] = {}
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if node in order:
            continue
        if ready or node.kind != "elementwise":
            order[node] = None
        else:
            stack.append((node, True))
            stack.extend((n, False) for n in reversed(node.inputs))
    return list(order)


def _wait_for_each_other(staying: Mapping[Node, Node], leaves: Mapping[Node, Sequence[Node]]) -> bool:
    """Whether updates read what others change in a circle, so that not all could be made in place."""
    left = dict(staying)
    while left:
        read = {n for new in left for n in leaves[new] if n is not left[new]}
        free = [new for new, state in left.items() if state not in read]
        if not free:
            return True
        for new in free:
            del left[new]
    return False


def _with_rows(graph: Graph, scatters: Sequence[Node], staying: Mapping[Node, Node]) -> Graph:
    with inherited_source(scatters[0].source):
        indices, first, sums = _summed(scatters)
    replaced: dict[Node, Node] = {}
    for new, state in staying.items():
        rows = dict(sums)
        with inherited_source(new.source):
            for node in (n for n in _cone(new) if n not in sums):
                rows[node] = _rows_of(node, indices, rows)
            replaced[new] = p.replace_rows(state, indices, first, rows[new])
    new_nodes = substitute(graph.roots, replaced)
    outputs = tuple(new_nodes[n] for n in graph.outputs)
    return Graph(graph.inputs, outputs, tuple((s, new_nodes[n]) for s, n in graph.updates), graph.name)


def _summed(scatters: Sequence[Node]) -> tuple[Node, Node, dict[Node, Node]]:
    """All indices, their first places, and there the rows of each scatter, which are zeros where it uses none."""
    height, width = scatters[0].shape
    if len(scatters) == 1:
        _, indices, updates = scatters[0].inputs
        first = p.first_places(indices, height)
        return indices, first, {scatters[0]: p.sum_at_first(updates, first)}
    counts = [element_count(s.inputs[1].shape) for s in scatters]
    flat = [p.cast(p.reshape(s.inputs[1], (n,)), "int64") for s, n in zip(scatters, counts)]
    indices = p.concatenate(*flat, axis=0)
    first = p.first_places(indices, height)
    sums: dict[Node, Node] = {}
    for number, scatter in enumerate(scatters):
        before, after = sum(counts[:number]), sum(counts[number + 1 :])
        updates = p.reshape(scatter.inputs[2], (counts[number], width))
        sums[scatter] = p.sum_at_first(p.pad(updates, (before, 0), (after, 0)), first)
    return indices, first, sums


def _without_zeros(graph: Graph) -> Graph:
    """The graph with gradients of large tables looked up where they are read: few sums, and a row of zeros."""
    users: dict[Node, list[Node]] = {n: [] for n in graph.nodes()}
    for node in users:
        for operand in node.inputs:
            users[operand].append(node)
    replaced = {
        n: _looked_up(n)
        for n in users
        if _adds_rows(n) and _is_large(n) and all(user.kind in ("elementwise", "reduce") for user in users[n])
    }
    if not replaced:
        return graph
    new_nodes = substitute(graph.roots, replaced)
    outputs = tuple(new_nodes[n] for n in graph.outputs)
    return Graph(graph.inputs, outputs, tuple((s, new_nodes[n]) for s, n in graph.updates), graph.name)


def _is_large(scatter: Node) -> bool:
    height, width = scatter.shape
    if not (isinstance(height, int) and isinstance(width, int)):
        return False
    size = height * width * dtypes.size(scatter.dtype)
    return size >= LEAST_BYTES and _used(scatter) * LEAST_GAIN <= height


def _looked_up(scatter: Node) -> Node:
    _, indices, updates = scatter.inputs
    with inherited_source(scatter.source):
        uses = p.first_uses(indices, scatter.shape[0])
        return p.take(p.sum_at_first(updates, p.take(uses, indices, 0), spare=1), uses, 0)


def _rows_of(node: Node, indices: Node, rows: Mapping[Node, Node]) -> Node:
    """The rows of a node in use, in the order of the indices."""
    if node.kind == "elementwise":
        return apply(node.primitive, *(rows[n] for n in node.inputs), **node.attrs)
    if node.primitive is p.BROADCAST and node.inputs[0].shape[:-1] in ((), (1,)):  # all rows are the same
        row = p.reshape(node.inputs[0], node.inputs[0].shape[-1:])
        return p.broadcast(row, (*indices.shape, node.shape[-1]))
    return p.take(node, indices, 0)
