"""Gradients compared with differences of values: the test of every `vjp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamina.autodiff.reverse import gradients
from lamina.base.dims import evaluate_shape
from lamina.base.errors import GradientError
from lamina.graph import Graph, Node, constant, input_node, interpret
from lamina.primitives import add, multiply, reduce_sum

# Elements of one argument that are moved, beyond which a repeatable choice is made.
_MOST_ELEMENTS = 40


def check_gradients(
    function: Callable[..., Node | Sequence[Node]],
    arrays: Sequence[np.ndarray],
    *,
    order: int = 1,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compares the gradients of `function` with central differences, in float64, through the interpreter.

    The outputs are weighted by fixed random numbers and summed, and the result is differentiated by every float
    argument. Second and higher orders weight and differentiate those gradients in turn.

    Args:
        function: takes a node for each array, gives a float node or several.
        arrays: the point; floats are taken as float64, other dtypes stay and are not moved.
        order: which derivative is compared; 1 for the gradient.
        step: by which an element is moved, both ways.
        tolerance: the largest error, relative to the larger of 1 and the numeric gradient.
        seed: of the weights.

    Raises:
        GradientError: where the two differ; names the argument, the element and both values.
    """
    point = [_as_float64(np.asarray(array)) for array in arrays]
    nodes = [input_node(a.shape, a.dtype.name, f"argument{k}") for k, a in enumerate(point)]
    moved = [k for k, a in enumerate(point) if a.dtype == np.float64]
    generator = np.random.default_rng(seed)
    outputs = function(*nodes)
    total = _weighted_sum([outputs] if isinstance(outputs, Node) else outputs, generator)
    for _ in range(order - 1):
        found = gradients([total], [nodes[k] for k in moved])
        total = _weighted_sum([g for g in found if g is not None], generator)
    derivative = gradients([total], [nodes[k] for k in moved])
    value = Graph(tuple(nodes), (total,))
    for k, node in zip(moved, derivative):
        found_here = np.zeros_like(point[k]) if node is None else interpret(Graph(tuple(nodes), (node,)), point)[0]
        for element in _elements(point[k].shape, generator):
            _compare(value, point, k, element, float(found_here[element]), step, tolerance)


def _as_float64(array: np.ndarray) -> np.ndarray:
    is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    return array.astype(np.float64) if is_float else array


def _weighted_sum(outputs: Sequence[Node], generator: np.random.Generator) -> Node:
    """One number that depends on every element of every output, on each in its own measure."""
    total: Node = constant(0.0, "float64")
    for output in outputs:
        if output.dtype != "float64":
            raise GradientError(f"check_gradients: the function must give float64. Received: {output}.")
        weights = constant(np.asarray(generator.uniform(0.5, 1.5, evaluate_shape(output.shape, {}))))
        total = add(total, reduce_sum(multiply(output, weights), range(output.rank)))
    return total


def _elements(shape: tuple[int, ...], generator: np.random.Generator) -> list[tuple[int, ...]]:
    every = list(np.ndindex(shape))
    if len(every) <= _MOST_ELEMENTS:
        return every
    return [every[k] for k in generator.choice(len(every), _MOST_ELEMENTS, replace=False)]


def _compare(
    value: Graph,
    point: Sequence[np.ndarray],
    argument: int,
    element: tuple[int, ...],
    found: float,
    step: float,
    tolerance: float,
) -> None:
    ends = []
    for sign in (1, -1):
        arrays = [np.array(a) for a in point]
        arrays[argument][element] += sign * step
        ends.append(float(interpret(value, arrays)[0]))
    numeric = (ends[0] - ends[1]) / (2 * step)
    if not abs(found - numeric) <= tolerance * max(1.0, abs(numeric)):
        raise GradientError(
            f"The gradient for element {list(element)} of argument {argument} is {found!r}. Differences of values "
            f"give {numeric!r}."
        )
