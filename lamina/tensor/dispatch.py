"""Applies a primitive to tensors: at once with NumPy, or as a node of the program being traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import graph
from lamina.base import dtypes
from lamina.base.dims import Dim
from lamina.base.errors import TraceError
from lamina.graph import Node, Primitive, Spec
from lamina.graph.interpreter import run_node
from lamina.tensor.constants import constant_node
from lamina.tensor.recording import is_remembered
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor, dtype_name
from lamina.tensor.variable import Variable

Operand = Tensor | Variable


def apply(primitive: Primitive, *tensors: Operand, **attrs: Any) -> Tensor:
    """The result of a primitive on tensors of exactly the shapes and dtypes that it takes.

    Any symbolic operand, any Variable while tracing, and any dimension not known yet in the attributes make the
    result symbolic. Otherwise it is computed here, and recorded by the gradient tapes that watch an operand.
    """
    if is_symbolic(tensors) or (attrs and _has_dim(attrs.values())):
        return Tensor.of_node(graph.apply(primitive, *[node_of(t) for t in tensors], **attrs))
    if primitive.kind in ("control", "result"):
        return _apply_control(primitive, tensors, attrs)
    value = run(primitive, [t._array for t in tensors], attrs)
    for tensor in tensors:
        if type(tensor) is not Tensor and np.may_share_memory(value, tensor._array):
            value = value.copy()  # the variable's memory will change; a tensor does not
    result = Tensor.of_array(value)
    if state.busy:
        _after(primitive, tensors, attrs, result)
    return result


def _apply_control(primitive: Primitive, tensors: Sequence[Operand], attrs: dict[str, Any]) -> Tensor:
    """A loop or branch of a model that is run at once, or one of its results; the tensor in between holds them all."""
    nodes = [leaf_of(t) if primitive.kind == "control" else t._node for t in tensors]
    node = graph.apply(primitive, *nodes, **attrs)  # type: ignore[arg-type]
    arrays = [t._array for t in tensors]
    result = Tensor.of_array(run_node(node, arrays, {}))
    result._node = node
    for tape in state.tapes:
        if primitive.kind == "result" or tape.watches(tensors):
            tape.record(node, result._array, list(zip(nodes, arrays)))  # type: ignore[arg-type]
    return result


def is_symbolic(tensors: Sequence[Operand]) -> bool:
    """Whether an operation on these gives a symbolic result."""
    for tensor in tensors:
        if tensor._array is None:
            return True
    if state.trace is None:
        return False
    return any(type(t) is not Tensor or state.trace.alias(t) is not None for t in tensors)


def _has_dim(values: Any) -> bool:
    return any(type(v) is Dim or (type(v) is tuple and _has_dim(v)) for v in values)


def node_of(tensor: Operand) -> Node:
    """The node that stands for an operand of a symbolic operation; a concrete tensor becomes a constant."""
    if tensor._array is None:
        return tensor.node
    if state.trace is not None:
        return state.trace.node_of(tensor)
    if isinstance(tensor, Variable):
        raise TraceError(
            f"Variable {tensor.path!r} met a symbolic tensor outside of its trace: a tensor made while tracing was "
            "kept and used after the traced function had returned. Return it from the function instead."
        )
    return constant_node(tensor._array)


def run(primitive: Primitive, arrays: Sequence[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    """The value of a primitive on arrays, after checking that they are what it takes."""
    spec = primitive.infer(*[Spec(a.shape, dtype_name(a.dtype)) for a in arrays], **attrs)
    with np.errstate(all="ignore"):
        value = primitive.numpy(*arrays, **attrs)
    if type(value) is not np.ndarray or value.dtype.name != spec.dtype:
        value = np.asarray(value, dtype=dtypes.to_numpy(spec.dtype))
    return value


def _after(primitive: Primitive, tensors: Sequence[Operand], attrs: dict[str, Any], result: Tensor) -> None:
    """Tells the search for NaN and the tapes about an operation that ran."""
    if state.nans:
        from lamina.tensor.debugging import check_result

        check_result(primitive, [t._array for t in tensors], result._array)
    tapes = [tape for tape in state.tapes if tape.watches(tensors)]
    if tapes:
        nodes = [leaf_of(t) for t in tensors]
        node = result._node = graph.apply(primitive, *nodes, **attrs)
        for tape in tapes:
            tape.record(node, result._array, list(zip(nodes, [t._array for t in tensors])))


def leaf_of(tensor: Operand) -> Node:
    """The node by which tapes know a concrete operand: its own, or a new leaf where no tape remembers that."""
    node = tensor._node
    if node is None or not is_remembered(node):
        node = tensor._node = graph.input_node(tensor._array.shape, tensor.dtype, "recorded")
    return node
