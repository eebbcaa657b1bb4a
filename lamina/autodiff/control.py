"""Gradients of loops, branches and calls: such things again, so that they can be differentiated any number of times.

A loop is run backwards by a reversed loop over the same steps. Its body needs values of the forward steps. Those that
are cheap to compute again are, and in a loop that is to recompute all others but its carries; the rest are outputs of a
forward loop that says the same as the first one and gives more. `lamina.optimize` makes one loop of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.base import dtypes
from lamina.base.errors import GradientError
from lamina.graph import INPUT, Graph, Node, body_graph, constant, input_node, parameters, substitute, topological
from lamina.primitives import CALL, COND, SCAN, add, after, call, cond, logical_and, scan, zeros_like

Gradients = Callable[[Sequence[Node], Sequence[Node], Sequence[Node]], "list[Node | None]"]

_CHEAP = ("elementwise", "movement", "index")


def control_gradients(
    node: Node, arriving: dict[int, Node], needed: set[Node], gradients: Gradients
) -> list[Node | None]:
    """The gradient of a loop, branch or call for each of its operands, None where there is none.

    Args:
        arriving: the gradients of its results, by their number.
        needed: nodes whose gradient is of any use.
        gradients: `lamina.autodiff.gradients`.
    """
    if node.primitive is SCAN:
        return _Scan(node, arriving, needed, gradients).run()
    if node.primitive is COND:
        return _cond(node, arriving, needed, gradients)
    if node.primitive is CALL:
        return _call(node, arriving, needed, gradients)
    if node.attrs["most"] is not None:
        return _bounded(node, arriving, gradients)
    raise GradientError(
        f"while_loop ({node.source}) has no gradient, since nobody knows how many steps there are to go back. Use "
        "scan, fori_loop, or while_loop with maximum_iterations."
    )


class _Scan:
    """A loop on its way to its gradient.

    Attributes:
        carries, steps, constants: the parameters of the body; outer: the operand behind each of them.
    """

    def __init__(self, node: Node, arriving: dict[int, Node], needed: set[Node], gradients: Gradients):
        self.node, self.arriving, self.gradients = node, arriving, gradients
        self.body = node.attrs["body"]
        count, steps = node.attrs["carries"], node.attrs["steps"]
        given = self.body.inputs
        self.carries, self.steps, self.constants = given[:count], given[count : count + steps], given[count + steps :]
        self.outer = dict(zip(given, node.inputs))
        self.wanted = {p for p, operand in self.outer.items() if operand in needed}
        self.after, self.outputs = self.body.outputs[:count], self.body.outputs[count:]

    def run(self) -> list[Node | None]:
        """The gradient for each operand."""
        count = len(self.carries)
        stacks = {k - count: g for k, g in self.arriving.items() if k >= count}
        shown = {k: input_node(self.outputs[k].shape, self.outputs[k].dtype, "gradient") for k in stacks}
        active, slopes, parts = self._settle(shown)
        reached = [p for p in self.steps if p in self.wanted and parts.get(p) is not None]
        summed = [p for p in self.constants if p in self.wanted and parts.get(p) is not None]
        sums = {p: input_node(p.shape, p.dtype, "sum") for p in summed}
        roots = [parts.get(self.carries[k]) or zeros_like(self.carries[k]) for k in active]
        roots += [add(sums[p], parts[p]) for p in summed]
        roots += [parts[p] for p in reached]
        saved, replaced = self._saved(roots)
        forwards = self._forwards(saved)
        mapping = substitute(roots, replaced)
        roots = [mapping[n] for n in roots]
        read = set(topological(roots))
        moving = [p for p in self.steps if p in read]
        still = [p for p in self.constants if p in read]
        begin = [self.arriving.get(k) or zeros_like(self.after[k]) for k in active]
        begin += [zeros_like(p) for p in summed]
        inputs = [*(slopes[k] for k in active), *sums.values(), *shown.values(), *replaced.values(), *moving, *still]
        found = scan(
            body_graph(inputs, roots), begin,
            [*stacks.values(), *forwards, *(self.outer[p] for p in moving)],
            [self.outer[p] for p in still],
            self.node.attrs["length"], not self.node.attrs["reverse"], recompute=self.node.attrs["recompute"],
        )  # fmt: skip
        first = dict(zip([*(self.carries[k] for k in active), *summed, *reached], found))
        return [first.get(p) for p in self.body.inputs]

    def _settle(self, shown: dict[int, Node]) -> tuple[list[int], dict[int, Node], dict[Node, Node]]:
        """Finds the carries that a gradient comes through.

        Returns:
            Their numbers; nodes for the gradient that arrives after a step at each; the gradients before the step.
        """
        active = [k for k in range(len(self.carries)) if k in self.arriving]
        slopes: dict[int, Node] = {}
        while True:
            for k in active:
                slopes.setdefault(k, input_node(self.after[k].shape, self.after[k].dtype, "gradient"))
            roots = [*(self.after[k] for k in active), *(self.outputs[k] for k in shown)]
            seeds = [*(slopes[k] for k in active), *shown.values()]
            parts = dict(zip(self.body.inputs, self.gradients(roots, self.body.inputs, seeds)))
            more = [k for k, p in enumerate(self.carries) if parts[p] is not None and k not in slopes]
            if not more:
                return active, slopes, {p: g for p, g in parts.items() if g is not None}
            active = sorted([*active, *more])

    def _saved(self, roots: Sequence[Node]) -> tuple[list[Node], dict[Node, Node]]:
        """Values of the forward step that are kept for the backward one, and a node for each of them there."""
        own = set(topological(self.body.outputs, self.body.inputs))
        recompute = self.node.attrs["recompute"]
        found: dict[Node, None] = {}
        seen: set[Node] = set()
        stack = list(reversed(roots))
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self.carries or (node in own and not recompute and not _is_cheap(node)):
                found[node] = None
            elif node.primitive is not INPUT:
                stack.extend(reversed(node.inputs))
        return list(found), {n: input_node(n.shape, n.dtype, "saved") for n in found}

    def _forwards(self, saved: Sequence[Node]) -> list[Node]:
        """The values of every forward step, stacked: those of a loop that gives what this one gives, and these."""
        node, body = self.node, self.body
        if not saved:
            return []
        count = len(self.carries)
        more = body_graph(body.inputs, [*body.outputs, *saved])
        everything = scan(
            more, node.inputs[:count], node.inputs[count : count + len(self.steps)],
            node.inputs[count + len(self.steps) :], node.attrs["length"], node.attrs["reverse"],
            recompute=node.attrs["recompute"],
        )  # fmt: skip
        return everything[len(body.outputs) :]


def _bounded(node: Node, arriving: dict[int, Node], gradients: Gradients) -> list[Node | None]:
    """A loop of so many steps at most is one of exactly so many, which do nothing once the condition has failed."""
    body, count = node.attrs["body"], node.attrs["carries"]
    given = parameters([*node.inputs[:count], constant(True), *node.inputs[count:]])
    operands, going = [*given[:count], *given[count + 1 :]], given[count]
    asked = substitute(node.attrs["test"].outputs, dict(zip(node.attrs["test"].inputs, operands)))
    going = logical_and(going, asked[node.attrs["test"].outputs[0]])
    unchanged = Graph(body.inputs, body.inputs[:count], (), body.name)
    step = body_graph(given, [*cond(going, body, unchanged, operands), going])
    # Leaves in the place of the operands, one of which may depend on another.
    leaves = [input_node(n.shape, n.dtype, "operand") for n in node.inputs]
    found = scan(step, [*leaves[:count], constant(True)], [], leaves[count:], node.attrs["most"])
    parts = gradients([found[k] for k in arriving], leaves, list(arriving.values()))
    mapping = substitute([g for g in parts if g is not None], dict(zip(leaves, node.inputs)))
    return [None if g is None else mapping[g] for g in parts]


def _is_cheap(node: Node) -> bool:
    """Whether a value costs less to compute again than to keep."""
    return node.kind in _CHEAP and not node.primitive.expensive


def _cond(node: Node, arriving: dict[int, Node], needed: set[Node], gradients: Gradients) -> list[Node | None]:
    """A branch goes back through the same branch, which is computed again as far as it is needed there."""
    operands = node.inputs[1:]
    wanted = [k for k, n in enumerate(operands) if n in needed and dtypes.is_float(n.dtype)]
    branches = []
    for branch in (node.attrs["yes"], node.attrs["no"]):
        seeds = [input_node(g.shape, g.dtype, "gradient") for g in arriving.values()]
        targets = [branch.outputs[k] for k in arriving]
        found = gradients(targets, [branch.inputs[k] for k in wanted], seeds)
        whole = [g or zeros_like(branch.inputs[k]) for k, g in zip(wanted, found)]
        branches.append(body_graph([*branch.inputs, *seeds], whole))
    results = cond(node.inputs[0], branches[0], branches[1], [*operands, *arriving.values()])
    known = dict(zip(wanted, results))
    return [None, *(known.get(k) for k in range(len(operands)))]


def _call(node: Node, arriving: dict[int, Node], needed: set[Node], gradients: Gradients) -> list[Node | None]:
    """A call goes back through a call that first does the same again, from operands that wait for what arrives.

    What goes on from here to earlier parts of the program waits for all the gradients of this one, so that memory of
    this part is free again when those begin.
    """
    body, given = node.attrs["body"], list(arriving.values())
    wanted = [k for k, n in enumerate(node.inputs) if n in needed and dtypes.is_float(n.dtype)]
    seeds = [input_node(g.shape, g.dtype, "gradient") for g in given]
    found = gradients([body.outputs[k] for k in arriving], [body.inputs[k] for k in wanted], seeds)
    parts = {k: g for k, g in zip(wanted, found) if g is not None}
    again = [after(n, given) for n in node.inputs]
    results = call(body_graph([*body.inputs, *seeds], list(parts.values())), [*again, *given])
    known = dict(zip(parts, results))
    for k, own in known.items():
        others = [n for n in results if n is not own]
        if others and node.inputs[k].primitive is not INPUT:
            known[k] = after(own, others)
    return [known.get(k) for k in range(len(node.inputs))]
