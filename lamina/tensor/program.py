"""A traced function as a program that runs on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.base import trees
from lamina.base.dims import Shape
from lamina.base.errors import CompileError
from lamina.compiler import compile_graph
from lamina.graph import Graph, Node, interpret
from lamina.tensor.debugging import check_graph, close
from lamina.tensor.signature import Signature
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor, dtype_name
from lamina.tensor.trace import Trace
from lamina.tensor.variable import Variable


class Program:
    """A graph, the variables that are its state, and how its outputs are put together for the caller.

    Args:
        graph: inputs are the arguments in order, then the state.
        variables: of the state inputs, in order.
        result: the structure to return; a `_Slot` where an output goes.

    Attributes:
        steady: inputs that are variables, which seldom change but by the program itself.
    """

    def __init__(self, graph: Graph, variables: Sequence[Variable], result: Any, debug: bool, compiled: bool):
        self.graph = graph
        self.variables = list(variables)
        self._states = [v._array for v in variables]
        replaced = {state_node for state_node, _ in graph.updates}
        states = graph.inputs[len(graph.inputs) - len(self.variables) :]
        self._updated = [v for v, node in zip(self.variables, states) if node in replaced]
        self._result = result
        self._single = isinstance(result, _Slot)
        self._debug = debug
        self.steady = tuple(states)
        self._run = compile_graph(graph, steady=self.steady, interpret=None if compiled else True)

    def __call__(self, arrays: list[np.ndarray]) -> Any:
        given = arrays + self._states
        for variable in self._updated:
            variable.before_write()
        if state.nans:
            check_graph(self.graph, given)
        outputs = compare(self.graph, self._run, given) if self._debug else self._run(given)
        if self._single:
            return Tensor.of_array(outputs[0])
        return trees.map_structure(lambda leaf: _filled(leaf, outputs), self._result)


class _Slot:
    """Stands for an output of the graph."""

    __slots__ = ("position",)

    def __init__(self, position: int):
        self.position = position


def _filled(leaf: Any, outputs: Sequence[np.ndarray]) -> Any:
    return Tensor.of_array(outputs[leaf.position]) if isinstance(leaf, _Slot) else leaf


def trace_program(
    f: Callable[..., Any], signature: Signature, shapes: Sequence[Shape], name: str, debug: bool, compiled: bool
) -> Program:
    """Runs `f` on symbolic tensors of the given shapes, and makes a program of what it did."""
    trace = Trace()
    with trace.stage(name):
        inputs = [
            trace.input(shape, dtype_name(array.dtype), f"argument{position}")
            for position, (shape, array) in enumerate(zip(shapes, signature.arrays))
        ]
        args, kwargs = signature.rebuild(inputs)
        result = f(*args, **kwargs)
        outputs: list[Any] = []
        result = trees.map_structure(lambda leaf: _slot(leaf, outputs), result)
        graph = trace.finish(outputs, name)
    owners = trace.variables()
    return Program(graph, [owners[n] for n in graph.inputs[len(inputs) :]], result, debug, compiled)


def _slot(leaf: Any, outputs: list[Any]) -> Any:
    if not isinstance(leaf, (Tensor, Variable)):
        return leaf
    outputs.append(leaf)
    return _Slot(len(outputs) - 1)


def compare(graph: Graph, run: Callable[[list[np.ndarray]], list[np.ndarray]], arrays: list[np.ndarray]) -> Any:
    """Runs a program and the interpreter on the same arrays.

    Returns:
        The program's outputs.

    Raises:
        CompileError: if the two differ by more than rounding; names the first node that does, and the user's line.
    """
    before = [a.copy() for a in arrays]
    wanted: dict[Node, np.ndarray] = {}
    copies = [a.copy() for a in arrays]
    expected = interpret(graph, copies, lambda node, value: wanted.__setitem__(node, value))
    outputs = run(arrays)
    same = all(close(a, b) for a, b in zip(expected, outputs)) and all(close(a, b) for a, b in zip(copies, arrays))
    if not same:
        raise CompileError(_report(graph, before, wanted))
    return outputs


def _report(graph: Graph, arrays: list[np.ndarray], wanted: dict[Node, np.ndarray]) -> str:
    """Compiles the graph once more with every value as an output, and finds the first that is wrong."""
    nodes = [n for n in graph.nodes() if n in wanted]
    probe = compile_graph(Graph(graph.inputs, tuple(nodes), (), f"{graph.name}_probe"))
    for node, value in zip(nodes, probe([a.copy() for a in arrays])):
        if not close(wanted[node], value):
            return (
                f"{graph.name}: the compiled program and the interpreter first differ in {node} at {node.source}: "
                f"expected {_excerpt(wanted[node])}, received {_excerpt(value)}."
            )
    return (
        f"{graph.name}: the compiled program and the interpreter differ, but every step on its own agrees: the error "
        "comes with fusion or the memory plan."
    )


def _excerpt(array: np.ndarray) -> str:
    return np.array2string(array.ravel()[:4], separator=", ", precision=7) + ("..." if array.size > 4 else "")
