"""Traces the bodies of loops and branches, and makes operations of them.

A body is ordinary Python code. It is run on tensors without values; what it reads from around it is found afterwards
and given to it as a constant. Variables that it assigns are handed on from step to step, like any other carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import primitives as P
from lamina.base.dims import Dimension
from lamina.graph import INPUT, Node, Spec, body_graph, close_over, input_node, substitute
from lamina.tensor.convert import convert
from lamina.tensor.dispatch import node_of
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor

Body = Callable[..., Sequence[Any]]
Assigned = dict[int, Node]


class _Traced:
    """A body that was run once.

    Attributes:
        inputs: nodes for its arguments; own: nodes for the variables that it assigns, before it.
        outputs: what it gave; after: the variables that it assigned, after it.
    """

    def __init__(self, body: Body, specs: Sequence[Spec], changed: Sequence[int]):
        trace = state.trace
        before = trace.assigned() if trace is not None else {}
        self.inputs = [input_node(s.shape, s.dtype, "step") for s in specs]
        self.own: Assigned = {}
        if trace is not None:
            values = {key: trace.value_of(key) for key in changed}
            self.own = {key: input_node(n.shape, n.dtype, "variable") for key, n in values.items()}
            trace.assume({**before, **self.own})
        try:
            self.outputs = [node_of(convert(o)) for o in body(*map(Tensor.of_node, self.inputs))]
            found = trace.assigned() if trace is not None else {}
        finally:
            if trace is not None:
                trace.assume(before)
        known = {**before, **self.own}
        self.after = {key: n for key, n in found.items() if key in self.own or n is not known.get(key)}

    def grown(self, changed: Sequence[int]) -> list[int]:
        """The variables that are known to change, and those that this run has found to change too."""
        return [*changed, *(key for key in self.after if key not in changed)]

    def values(self, changed: Sequence[int]) -> list[Node]:
        """The values afterwards of variables, some of which it may not have touched."""
        return [self.after.get(key) or self.own.get(key) or _value_of(key) for key in changed]


def _value_of(key: int) -> Node:
    assert state.trace is not None
    return state.trace.value_of(key)


def _assign(changed: Sequence[int], values: Sequence[Node]) -> None:
    if changed:
        assert state.trace is not None
        state.trace.assume({**state.trace.assigned(), **dict(zip(changed, values))})


def _specs(nodes: Sequence[Node]) -> list[Spec]:
    return [Spec(n.shape, n.dtype) for n in nodes]


def _traced(body: Body, specs: Sequence[Spec]) -> tuple[_Traced, list[int]]:
    """The body, run as often as it takes to know all variables that it assigns: twice, where there are any."""
    changed: list[int] = []
    while True:
        traced = _Traced(body, specs, changed)
        found = traced.grown(changed)
        if len(found) == len(changed):
            return traced, changed
        changed = found


def scan(
    body: Body,
    initial: Sequence[Any],
    inputs: Sequence[Any],
    length: Dimension,
    reverse: bool,
    recompute: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs `(*carries, *outputs) = body(*carries, *inputs of the step)` for each step, as one operation.

    Returns:
        The carries after the last step, and the stacked outputs.
    """
    begin, stacks = [node_of(t) for t in initial], [node_of(t) for t in inputs]
    traced, changed = _traced(body, [*_specs(begin), *(Spec(n.shape[1:], n.dtype) for n in stacks)])
    count = len(begin)
    own = [traced.own[key] for key in changed]
    carries = [*traced.inputs[:count], *own]
    outputs = [*traced.outputs[:count], *traced.values(changed), *traced.outputs[count:]]
    given = [*carries, *traced.inputs[count:]]
    around = close_over(given, outputs)
    begin += [_value_of(key) for key in changed]
    step = body_graph([*given, *around], outputs)
    results = P.scan(step, begin, stacks, around, length, reverse, recompute=recompute)
    _assign(changed, results[count : len(begin)])
    return list(map(Tensor.of_node, results[:count])), list(map(Tensor.of_node, results[len(begin) :]))


def while_loop(test: Body, body: Body, initial: Sequence[Any], most: int | None) -> list[Tensor]:
    """Runs `carries = body(*carries)` as long as `test(*carries)` holds, but no more than `most` times."""
    begin = [node_of(t) for t in initial]
    traced, changed = _traced(body, _specs(begin))
    count = len(begin)
    asked = _Traced(test, _specs(begin), changed)
    own = [traced.own[key] for key in changed]
    outputs = [*traced.outputs[:count], *traced.values(changed)]
    mapping = dict(zip([*asked.inputs, *asked.own.values()], [*traced.inputs, *own]))
    question = substitute(asked.outputs, mapping)[asked.outputs[0]]
    given = [*traced.inputs, *own]
    around = close_over(given, [question, *outputs])
    begin += [_value_of(key) for key in changed]
    results = P.while_loop(
        body_graph([*given, *around], [question]), body_graph([*given, *around], outputs), begin, around, most
    )
    _assign(changed, results[count:])
    return list(map(Tensor.of_node, results[:count]))


def cond(choice: Any, yes: Body, no: Body) -> list[Tensor]:
    """The results of one of two functions of nothing."""
    newest = mark()
    branches = [_Traced(branch, [], []) for branch in (yes, no)]
    changed = list(dict.fromkeys(key for b in branches for key in b.after))
    outputs = [[*b.outputs, *(b.after.get(key) or _value_of(key) for key in changed)] for b in branches]
    count = len(branches[0].outputs)
    around = read_since([n for o in outputs for n in o], newest)
    results = P.cond(node_of(choice), body_graph(around, outputs[0]), body_graph(around, outputs[1]), around)
    _assign(changed, results[count:])
    return list(map(Tensor.of_node, results[:count]))


def mark() -> int:
    """A number between those of the nodes made before and after this call."""
    return input_node((), "bool", "mark").serial


def read_since(outputs: Sequence[Node], newest: int) -> list[Node]:
    """What a part of a program reads: inputs, and values that were there before. All that it made itself is its own to
    compute, so that a branch that is not taken costs nothing, and may be of what makes sense only in the other.

    Args:
        outputs: what it gives.
        newest: nodes with a greater serial are its own.
    """
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(reversed(outputs))
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.primitive is INPUT or (node.inputs and node.serial < newest):
            found[node] = None
        else:
            stack.extend(reversed(node.inputs))
    return list(found)


def is_traced(tensors: Sequence[Any]) -> bool:
    """Whether a loop over these is an operation of a program, and not run here and now."""
    return state.trace is not None or any(t._array is None for t in tensors)
