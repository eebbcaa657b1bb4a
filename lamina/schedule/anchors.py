"""Which nodes get memory of their own ("anchors"); every other node is computed where it is read."""

from __future__ import annotations

from lamina.base import dtypes
from lamina.base.dims import element_count
from lamina.graph import CONSTANT, INPUT, Graph, Node
from lamina.primitives import BROADCAST, CAST, DIMENSION, RESHAPE
from lamina.schedule.lowering import is_inline, is_scalar_constant
from lamina.schedule.operands import needs_memory, views_between
from lamina.schedule.places import Part, find_parts, stack_base
from lamina.schedule.triangles import number_after

# What recomputing costs, in plain operations; above this a shared node is stored instead.
CHEAP_CONE = 4
EXPENSIVE = 8
# A kernel body beyond this many operations is cut, so that registers and compile time stay bounded.
LARGEST_CONE = 160

Path = tuple[Node, tuple[Node, ...]]


def choose_anchors(graph: Graph) -> tuple[dict[Node, None], dict[Node, Part]]:
    """The anchors in topological order, inputs and constants left out; and those kept inside another.

    Roots, contractions, folds and other nodes that cannot be inlined are anchors. So is a node that several
    anchors read, or one anchor at several places, if computing it again costs more than reading it.
    """
    order = graph.nodes()
    users: dict[Node, list[Node]] = {n: [] for n in order}
    for node in order:
        for operand in dict.fromkeys(node.inputs):
            users[operand].append(node)
    forced = set(graph.roots)
    views: set[Node] = set()
    for node in order:
        if node.kind == "contract":
            forced.update(wanted for wanted in map(needs_memory, node.inputs) if wanted is not None)
            views.update(view for operand in node.inputs for view in views_between(operand))
            forced.update(user for user in users[node] if _chooses(user, node, users) or _rounds(user))
            forced.update(_curves(node, users))
        if node.kind == "control":
            forced.update(wanted for wanted in given_to_loop(node) if is_inline(wanted))
    # What a loop is given lies in memory of its own.
    fixed = set(graph.roots).union(*(n.inputs for n in order if n.kind == "control"))
    outputs = set(graph.outputs) - {new for _, new in graph.updates}
    parts = find_parts([n for n in order if n in forced], fixed, outputs)
    forced.update(parts)
    costs = _cone_costs(order, forced)
    known = _known_before(order)
    anchors: set[Node] = set()
    readers: dict[Node, set[Path]] = {}
    for node in reversed(order):
        if node.primitive is INPUT or node.primitive is CONSTANT:
            continue
        paths = _paths(node, users[node], anchors, readers)
        kept = node not in views and node not in known and _store_is_better(node, paths, costs)
        if node in forced or not is_inline(node) or kept:
            anchors.add(node)
        readers[node] = paths
    return {n: None for n in order if n in anchors}, parts


def _known_before(order: list[Node]) -> set[Node]:
    """Nodes of a single value that sizes and constants alone decide. Kernels compute it once, before their loops, and
    need not wait for one that stores it."""
    known: set[Node] = set()
    for node in order:
        alike = node.kind == "elementwise" or node.primitive in (BROADCAST, RESHAPE, DIMENSION)
        if is_scalar_constant(node) or (alike and is_inline(node) and known.issuperset(node.inputs)):
            known.add(node)
    return known


def _chooses(user: Node, product: Node, users: dict[Node, list[Node]]) -> bool:
    """Whether this is all that becomes of a product, and part of it is not wanted: it is then stored instead."""
    return len(users[product]) == 1 and user.inputs[1:2] == (product,) and number_after(user) is not None


def _curves(product: Node, users: dict[Node, list[Node]]) -> list[Node]:
    """The curves through all that becomes of a product: an activation, and its slope for the way back.

    Formed together they share what they are made of, and the product itself need not be kept for the slope.
    """
    value = product
    while len(users[value]) == 1 and _is_cheap_step(users[value][0], value):
        value = users[value][0]
    curves = users[value]
    return curves if len(curves) > 1 and all(map(_is_curve, curves)) else []


def _is_curve(node: Node) -> bool:
    return node.kind == "elementwise" and node.primitive.expensive and len(node.inputs) == 1


def _is_cheap_step(user: Node, value: Node) -> bool:
    return user.kind == "elementwise" and user.shape == value.shape and not user.primitive.expensive


def _rounds(user: Node) -> bool:
    """Whether a result is narrowed: it is then stored so, and not as wide as it was summed up."""
    return user.primitive is CAST and dtypes.compute_dtype(user.dtype) != user.dtype


def given_to_loop(node: Node) -> list[Node]:
    """What must have memory so that a loop or branch can be given its operands; what carries begin with is copied."""
    count, steps = node.attrs.get("carries", 1), node.attrs.get("steps", 0)
    found = [stack_base(n)[0] for n in node.inputs[count : count + steps]] + list(node.inputs[count + steps :])
    return [n for n in found if not is_scalar_constant(n)]


def _paths(node: Node, users: list[Node], anchors: set[Node], readers: dict[Node, set[Path]]) -> set[Path]:
    """The ways in which anchors read `node`: (anchor, the nodes on the way that spread it)."""
    found: set[Path] = set()
    for user in users:
        arriving = {(user, ())} if user in anchors else readers[user]
        if _spreads(user, node):
            found |= {(anchor, (user, *steps)) for anchor, steps in arriving}
        else:
            found |= arriving
    return found


def _spreads(user: Node, operand: Node) -> bool:
    """Whether a node that moves elements may read one of them several times: it has more of them than its operand."""
    if user.kind == "index":
        return user.shape != operand.shape
    if user.kind != "movement" or len(user.inputs) != 1:
        return False
    more = element_count(user.shape) - element_count(operand.shape)
    return more > 0 if isinstance(more, int) else any(c > 0 for _, c in more.terms)


def _store_is_better(node: Node, paths: set[Path], costs: dict[Node, int]) -> bool:
    if is_scalar_constant(node) or node.primitive is RESHAPE:
        return False
    if node.kind == "movement" and _spreads(node, node.inputs[0]):
        return False  # what is spread is stored instead: it has fewer elements
    cost = costs[node]
    if cost > LARGEST_CONE:
        return True
    if cost <= CHEAP_CONE:
        return False
    return len(paths) > 1 or any(steps for _, steps in paths)


def _cone_costs(order: list[Node], forced: set[Node]) -> dict[Node, int]:
    """Operations to compute one element of a node from memory, an estimate; what is used twice counts once."""
    costs: dict[Node, int] = {}
    cones: dict[Node, int] = {}
    kinds = dict.fromkeys((1, EXPENSIVE, 5 * EXPENSIVE), 0)
    for number, node in enumerate(order):
        if not is_inline(node) or node.primitive is CONSTANT:
            cones[node] = costs[node] = 0
            continue
        weight = _own_cost(node)
        cone = 1 << number if weight else 0
        if weight:
            kinds[weight] |= cone
        for operand in node.inputs:
            cone |= 0 if operand in forced else cones[operand]
        cones[node] = cone
        costs[node] = sum(weight * (cone & members).bit_count() for weight, members in kinds.items())
    return costs


def _own_cost(node: Node) -> int:
    if node.kind == "random":
        return 5 * EXPENSIVE
    return EXPENSIVE if node.primitive.expensive else 0 if node.kind == "movement" else 1
