"""Trace: runs Python code once with symbolic tensors, and keeps what it did as graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina import graph
from lamina.base import dtypes
from lamina.base.dims import Shape
from lamina.base.errors import ArgumentError
from lamina.graph import Graph, Node, Primitive, Spec, input_node
from lamina.tensor.constants import constant_node
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor
from lamina.tensor.variable import Variable

# Stands for a concrete tensor that a tape watches inside a trace: the same value, but not the same node as an equal
# constant elsewhere.
WATCHED = Primitive(
    "watched", "elementwise", infer=lambda x, identity: Spec(x.shape, x.dtype), numpy=lambda x, identity: x,
    vjp=lambda node, g: (g,), lower=lambda b, x, identity: x,
)  # fmt: skip


@dataclass
class _Stage:
    """One graph in the making.

    Attributes:
        inputs: its own inputs, in order.
        states: nodes of the variables that it touched, by the identity of the variable.
        assigned: the newest value of every variable that was assigned, by the identity of the variable.
    """

    name: str
    inputs: list[Node] = field(default_factory=list)
    states: dict[int, Node] = field(default_factory=dict)
    assigned: dict[int, Node] = field(default_factory=dict)


class Trace:
    """Records what code does with symbolic tensors and variables, as one or more graphs that share their state.

    Example:
        trace = Trace()
        with trace.stage("body"):
            x = trace.input((Dim("batch"), 784), "float32", name="x")
            y = model(x)
            graph = trace.finish([y])
        run = compile_graph(graph)
    """

    def __init__(self) -> None:
        self._variables: dict[int, tuple[Variable, Node]] = {}
        self._constants: dict[int, tuple[Tensor, Node]] = {}
        self._aliases: dict[int, tuple[Tensor, Node]] = {}
        self._stage: _Stage | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[Trace]:
        """Within the block, operations on symbolic tensors and variables go into one graph, until `finish`."""
        outer, stage = state.trace, self._stage
        self._stage = _Stage(name)
        state.change(trace=self)
        try:
            yield self
        finally:
            self._stage = stage
            state.change(trace=outer)

    @property
    def _current(self) -> _Stage:
        if self._stage is None:
            raise ArgumentError("This belongs inside `with trace.stage(name):`.")
        return self._stage

    def input(self, shape: Shape, dtype: Any, name: str = "input") -> Tensor:
        """A symbolic tensor that will be given when the graph runs.

        Args:
            shape: ints, and `Dim`s for dimensions that are to stay open.
        """
        node = input_node(tuple(shape), dtypes.canonical(dtype), name)
        self._current.inputs.append(node)
        return Tensor.of_node(node)

    def state_node(self, variable: Variable) -> Node:
        """The input node that stands for the memory of a variable in every stage of this trace."""
        found = self._variables.get(id(variable))
        if found is None:
            node = input_node(variable.shape, variable.dtype, variable.path)
            found = self._variables[id(variable)] = (variable, node)
        return found[1]

    def node_of(self, tensor: Tensor | Variable) -> Node:
        """The node of a variable's current value, or a constant for a concrete tensor."""
        if isinstance(tensor, Variable):
            return self._read(tensor)
        alias = self.alias(tensor)
        if alias is not None:
            return alias
        found = self._constants.get(id(tensor))
        if found is None:
            found = self._constants[id(tensor)] = (tensor, constant_node(tensor._array))
        return found[1]

    def _read(self, variable: Variable) -> Node:
        stage = self._current
        node = stage.assigned.get(id(variable))
        if node is None:
            node = stage.states[id(variable)] = self.state_node(variable)
        for tape in state.tapes:
            tape.saw(variable, node)
        return node

    def alias(self, tensor: Tensor) -> Node | None:
        """The node of a concrete tensor that a tape watches in this trace, or None."""
        found = self._aliases.get(id(tensor)) if self._aliases else None
        return found[1] if found else None

    def watch(self, tensor: Tensor) -> None:
        """Makes a concrete tensor a value of its own in this trace, so that gradients with respect to it exist."""
        if self.alias(tensor) is None:
            base = constant_node(tensor._array)
            self._aliases[id(tensor)] = (tensor, graph.apply(WATCHED, base, identity=len(self._aliases)))

    def assign(self, variable: Variable, node: Node) -> None:
        """Makes `node` the value of the variable from here on."""
        stage = self._current
        stage.states[id(variable)] = self.state_node(variable)
        stage.assigned[id(variable)] = node

    def assigned(self) -> dict[int, Node]:
        """The newest values of the variables that were assigned so far, by the identity of the variable."""
        return dict(self._stage.assigned) if self._stage is not None else {}

    def value_of(self, key: int) -> Node:
        """The present value of a variable that was assigned at some time, by its identity."""
        return self._current.assigned.get(key) or self._variables[key][1]

    def assume(self, assigned: dict[int, Node]) -> None:
        """Makes these the newest values of variables: while a body of a loop is traced, or once that is done."""
        if self._stage is not None:
            self._stage.assigned = dict(assigned)

    def finish(self, outputs: Sequence[Any] = (), name: str | None = None) -> Graph:
        """The graph of the stage: what the outputs and the assigned variables need.

        Args:
            outputs: tensors, variables, arrays or numbers; those that are known become constants.

        Returns:
            A graph whose inputs are the stage's inputs in order, then the variables that it reads or assigns.
        """
        from lamina.tensor.arithmetic import convert
        from lamina.tensor.dispatch import node_of

        stage = self._current
        roots = tuple(node_of(convert(o)) for o in outputs)
        updates = tuple((stage.states[key], new) for key, new in stage.assigned.items() if new is not stage.states[key])
        needed = set(graph.topological([*roots, *(n for pair in updates for n in pair)]))
        inputs = stage.inputs + [n for n in stage.states.values() if n in needed]
        return Graph(tuple(inputs), roots, updates, name or stage.name)

    def variables(self) -> dict[Node, Variable]:
        """The variable behind every state node of this trace."""
        return {node: variable for variable, node in self._variables.values()}

    def arrays(self) -> dict[Node, np.ndarray]:
        """The memory behind every state node of this trace."""
        return {node: variable._array for variable, node in self._variables.values()}


def current_trace() -> Trace | None:
    """The trace that is being recorded in this thread, or None."""
    return state.trace
