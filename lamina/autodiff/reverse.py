"""Reverse mode: the gradient of a graph, as more graph.

The result is made of ordinary nodes, so gradients of gradients need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.autodiff.control import control_gradients
from lamina.base import dtypes
from lamina.base.dims import format_shape
from lamina.base.errors import ArgumentError, GradientError
from lamina.graph import Node, topological
from lamina.graph.source import inherited_source
from lamina.primitives import add, ones_like


def gradients(
    outputs: Sequence[Node], inputs: Sequence[Node], seeds: Sequence[Node] | None = None
) -> list[Node | None]:
    """The gradient of the sum of all outputs, each weighted by its seed, with respect to each input.

    Args:
        outputs: nodes to differentiate; outputs that are not floats have no part in it.
        inputs: nodes to differentiate by; any nodes, not only leaves.
        seeds: for each output the gradient that arrives there, in its shape and dtype; None for ones.

    Returns:
        For each input a node of its shape and dtype, or None where no output depends smoothly on it.

    Raises:
        ArgumentError: if there are not as many seeds as outputs.
        GradientError: if a seed does not fit its output, or a gradient does not fit what it belongs to.
    """
    arriving: dict[Node, Node] = {}
    several: dict[Node, dict[int, Node]] = {}
    for output, seed in zip(outputs, _checked_seeds(outputs, seeds)):
        if dtypes.is_float(output.dtype):
            _accumulate(arriving, output, seed)
    order = topological(outputs)
    needed = _dependent(order, inputs)
    wanted = set(inputs)
    for node in reversed(order):
        gradient = arriving.get(node) if node in wanted else arriving.pop(node, None)
        if node.kind == "result" and gradient is not None and node in needed:
            several.setdefault(node.inputs[0], {})[node.attrs["index"]] = gradient
        elif node.kind == "control" and node in several:
            with inherited_source(node.source):
                _give(node, control_gradients(node, several.pop(node), needed, gradients), needed, arriving)
        elif gradient is not None and node in needed and node.primitive.vjp is not None:
            _pass_on(node, gradient, needed, arriving)
    return [arriving.get(node) for node in inputs]


def _checked_seeds(outputs: Sequence[Node], seeds: Sequence[Node] | None) -> list[Node]:
    if seeds is None:
        return [ones_like(output) for output in outputs]
    if len(seeds) != len(outputs):
        raise ArgumentError(f"gradients: expected a seed for each of {len(outputs)} outputs. Received: {len(seeds)}.")
    for k, (output, seed) in enumerate(zip(outputs, seeds)):
        if (seed.shape, seed.dtype) != (output.shape, output.dtype):
            raise GradientError(
                f"gradients: seeds[{k}] must have the shape and dtype of outputs[{k}], {_describe(output)}. "
                f"Received: {_describe(seed)}."
            )
    return list(seeds)


def _dependent(order: Sequence[Node], inputs: Sequence[Node]) -> set[Node]:
    """Float nodes through which a gradient can come to an input."""
    found: set[Node] = set()
    given = set(inputs)
    for node in order:
        smooth = dtypes.is_float(node.dtype) or any(dtypes.is_float(s.dtype) for s in node.results)
        if smooth and (node in given or any(operand in found for operand in node.inputs)):
            found.add(node)
    return found


def _pass_on(node: Node, gradient: Node, needed: set[Node], arriving: dict[Node, Node]) -> None:
    """Adds to the gradients of a node's operands what comes through the node."""
    if not any(operand in needed for operand in node.inputs):
        return
    assert node.primitive.vjp is not None
    with inherited_source(node.source):
        _give(node, node.primitive.vjp(node, gradient), needed, arriving)


def _give(node: Node, parts: Sequence[Node | None], needed: set[Node], arriving: dict[Node, Node]) -> None:
    for operand, part in zip(node.inputs, parts, strict=True):
        if part is not None and operand in needed:
            if (part.shape, part.dtype) != (operand.shape, operand.dtype):
                raise GradientError(
                    f"The gradient of {node.primitive.name} ({node.source}) for an operand {_describe(operand)} came "
                    f"out as {_describe(part)}: a defect of the primitive's vjp."
                )
            _accumulate(arriving, operand, part)


def _accumulate(arriving: dict[Node, Node], node: Node, part: Node) -> None:
    known = arriving.get(node)
    arriving[node] = part if known is None else add(known, part)


def _describe(node: Node) -> str:
    return f"{node.dtype}{format_shape(node.shape)}"
