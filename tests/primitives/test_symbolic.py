"""Shapes with an unknown dimension: inferred, evaluated, lowered and differentiated for several sizes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lamina.autodiff import gradients
from lamina.base import dtypes
from lamina.base.dims import Dim, evaluate_shape
from lamina.base.errors import ShapeError
from lamina.graph import Graph, Node, apply, input_node, interpret, verify
from lamina.primitives import REGISTRY, cumulative_sum
from lamina.primitives.samples import values
from lamina.primitives.shapes import groups
from tests.primitives.scalars import Builder, Scalar, every_index, widened

N = Dim("n")
Shape = tuple[Any, ...]

FLOAT, INDEX = "float64", "int64"
# Primitive, operands as (dtype, shape), attributes, shape of the result.
CASES: list[tuple[str, list[tuple[str, Shape]], dict[str, Any], Shape]] = [
    ("reshape", [(FLOAT, (N, 2, 3))], {"shape": (N, 6)}, (N, 6)),
    ("reshape", [(FLOAT, (N, 2, 3))], {"shape": (N * 6,)}, (N * 6,)),
    ("reshape", [(FLOAT, (N * 6,))], {"shape": (N * 2, 3)}, (N * 2, 3)),
    ("reshape", [(FLOAT, (2, N, 3))], {"shape": (2, 1, N * 3)}, (2, 1, N * 3)),
    ("transpose", [(FLOAT, (N, 3))], {"axes": (1, 0)}, (3, N)),
    ("broadcast", [(FLOAT, (3,))], {"shape": (N, 3)}, (N, 3)),
    ("broadcast", [(FLOAT, (N, 1))], {"shape": (2, N, 3)}, (2, N, 3)),
    ("broadcast", [(FLOAT, ())], {"shape": (N,)}, (N,)),
    ("slice", [(FLOAT, (N, 5))], {"start": (0, 1), "stop": (N, 5), "step": (1, 2)}, (N, 2)),
    ("slice", [(FLOAT, (N + 3,))], {"start": (1,), "stop": (N + 2,), "step": (1,)}, (N + 1,)),
    ("slice", [(FLOAT, (N * 2,))], {"start": (0,), "stop": (N * 2,), "step": (2,)}, (N,)),
    ("pad", [(FLOAT, (N, 2))], {"low": (1, 0), "high": (2, 1), "value": 0.5}, (N + 3, 3)),
    ("pad", [(FLOAT, (2,))], {"low": (0,), "high": (N,), "value": 0.5}, (N + 2,)),
    ("concatenate", [(FLOAT, (N, 2)), (FLOAT, (3, 2)), (FLOAT, (N, 2))], {"axis": 0}, (N * 2 + 3, 2)),
    ("concatenate", [(FLOAT, (N, 2)), (FLOAT, (N, 1))], {"axis": 1}, (N, 3)),
    ("reverse", [(FLOAT, (N, 3))], {"axes": (0, 1)}, (N, 3)),
    ("reduce_sum", [(FLOAT, (N, 3))], {"axes": (0,)}, (3,)),
    ("reduce_sum", [(FLOAT, (N, 3))], {"axes": (1,)}, (N,)),
    ("reduce_prod", [(FLOAT, (N, 3))], {"axes": (0,)}, (3,)),
    ("reduce_prod", [(FLOAT, (N, 3))], {"axes": (1,)}, (N,)),
    ("reduce_max", [(FLOAT, (N, 3))], {"axes": (1,)}, (N,)),
    ("argmax", [(FLOAT, (N, 3))], {"axis": 1}, (N,)),
    ("contract", [(FLOAT, (N, 3)), (FLOAT, (3, 4))], {"labels": ("mk", "kn", "mn")}, (N, 4)),
    ("contract", [(FLOAT, (N, 3)), (FLOAT, (N, 4))], {"labels": ("km", "kn", "mn")}, (3, 4)),
    ("contract", [(FLOAT, (N, 2, 3)), (FLOAT, (N, 3, 4))], {"labels": ("bmk", "bkn", "bmn")}, (N, 2, 4)),
    ("iota", [], {"shape": (N, 2), "dtype": "float64", "axis": 0}, (N, 2)),
    ("dimension", [], {"dim": N * 2 + 1}, ()),
    ("take", [(FLOAT, (3, 2)), (INDEX, (N,))], {"axis": 0}, (N, 2)),
    ("take_along_axis", [(FLOAT, (N, 3)), (INDEX, (N, 1))], {"axis": 1}, (N, 1)),
    ("one_hot", [(INDEX, (N,))], {"depth": 3, "dtype": "float64"}, (N, 3)),
    ("scatter_add", [(FLOAT, (3, 2)), (INDEX, (N,)), (FLOAT, (N, 2))], {"axis": 0}, (3, 2)),
    ("first_places", [(INDEX, (N, 2))], {"size": 3}, (N, 2)),
    ("first_uses", [(INDEX, (N, 2))], {"size": 3}, (3,)),
    ("scatter_add_along_axis", [(FLOAT, (N, 3)), (INDEX, (N, 1)), (FLOAT, (N, 1))], {"axis": 1}, (N, 3)),
    ("cumulative_sum", [(FLOAT, (N, 2))], {"axis": 0, "reverse": True, "exclusive": True}, (N, 2)),
    ("windows", [(FLOAT, (N, 6))], {"axes": (1,), "sizes": (2,), "strides": (2,), "dilations": (1,)}, (N, 3, 2)),
    (
        "windows",
        [(FLOAT, (N + 5, 2))],
        {"axes": (0,), "sizes": (3,), "strides": (1,), "dilations": (2,)},
        (N + 1, 2, 3),
    ),
    ("windows", [(FLOAT, (N * 2 + 3,))], {"axes": (0,), "sizes": (2,), "strides": (2,), "dilations": (1,)}, (N + 1, 2)),
    ("dilate", [(FLOAT, (N, 3))], {"factors": (1, 2)}, (N, 5)),
    ("dilate", [(FLOAT, (N + 1, 3))], {"factors": (3, 1)}, (N * 3 + 1, 3)),
    (
        "convolution",
        [(FLOAT, (N, 5, 2)), (FLOAT, (3, 2, 4))],
        {"strides": (2,), "padding": ((1, 1),), "dilations": (1,), "groups": 1},
        (N, 3, 4),
    ),
    (
        "convolution",
        [(FLOAT, (N, N + 3, 4)), (FLOAT, (3, 2, 2))],
        {"strides": (1,), "padding": ((1, 1),), "dilations": (1,), "groups": 2},
        (N, N + 3, 2),
    ),
    (
        "convolution",
        [(FLOAT, (2, N * 2 + 4, 2)), (FLOAT, (3, 2, 2))],
        {"strides": (2,), "padding": ((0, 1),), "dilations": (1,), "groups": 1},
        (2, N + 2, 2),
    ),
    (
        "convolution",
        [(FLOAT, (N, N * 2 + 1, 2)), (FLOAT, (1, 2, 2))],
        {"strides": (2,), "padding": ((0, 0),), "dilations": (1,), "groups": 1},
        (N, N + 1, 2),
    ),
    (
        "convolution_input_gradient",
        [(FLOAT, (N, 3, 4)), (FLOAT, (3, 2, 4))],
        {"shape": (N, 5, 2), "strides": (2,), "padding": ((1, 1),), "dilations": (1,), "groups": 1},
        (N, 5, 2),
    ),
    (
        "convolution_input_gradient",
        [(FLOAT, (2, N + 2, 2)), (FLOAT, (3, 2, 2))],
        {"shape": (2, N * 2 + 4, 2), "strides": (2,), "padding": ((0, 1),), "dilations": (1,), "groups": 1},
        (2, N * 2 + 4, 2),
    ),
    (
        "convolution_kernel_gradient",
        [(FLOAT, (N, 5, 2)), (FLOAT, (N, 3, 4))],
        {"shape": (3, 2, 4), "strides": (2,), "padding": ((1, 1),), "dilations": (1,), "groups": 1},
        (3, 2, 4),
    ),
    ("window_max", [(FLOAT, (N, 5, 2))], {"sizes": (2,), "strides": (2,), "padding": ((0, 1),)}, (N, 3, 2)),
    ("window_max", [(FLOAT, (N, N + 3, 2))], {"sizes": (3,), "strides": (1,), "padding": ((1, 1),)}, (N, N + 3, 2)),
    ("window_sum", [(FLOAT, (N, 5, 2))], {"sizes": (3,), "strides": (2,), "padding": ((1, 0),)}, (N, 2, 2)),
    ("window_sum", [(FLOAT, (N, N * 2 + 3, 2))], {"sizes": (2,), "strides": (2,), "padding": ((0, 0),)}, (N, N + 1, 2)),
    ("add", [(FLOAT, (N, 3)), (FLOAT, (N, 3))], {}, (N, 3)),
    ("maximum", [(FLOAT, (N,)), (FLOAT, (N,))], {}, (N,)),
    ("power", [(FLOAT, (N,)), (FLOAT, (N,))], {}, (N,)),
    ("select", [("bool", (N, 3)), (FLOAT, (N, 3)), (FLOAT, (N, 3))], {}, (N, 3)),
    ("cast", [(FLOAT, (N,))], {"dtype": "int32"}, (N,)),
]
WITH_IDS = [pytest.param(*case, id=f"{case[0]}-{k}") for k, case in enumerate(CASES)]


def arrays_for(operands: Sequence[tuple[str, Shape]], size: int) -> list[np.ndarray]:
    """Operands for one value of the symbol; indices lie from 0 to 2."""
    shapes = [evaluate_shape(shape, {"n": size}) for _, shape in operands]
    return [values(shape, dtype, 0, 2, seed) for seed, ((dtype, _), shape) in enumerate(zip(operands, shapes))]


def nodes_for(operands: Sequence[tuple[str, Shape]]) -> list[Node]:
    witness = input_node((N,), "float32", "witness")  # tells the symbol's value to operations without operands
    return [witness, *(input_node(shape, dtype) for dtype, shape in operands)]


def apply_raw(name: str, nodes: Sequence[Node], attrs: dict[str, Any]) -> Node:
    return apply(REGISTRY[name], *nodes, **attrs)


@pytest.mark.parametrize(("name", "operands", "attrs", "expected"), WITH_IDS)
def test_shape_and_value(name: str, operands: list, attrs: dict, expected: Shape) -> None:
    nodes = nodes_for(operands)
    node = apply_raw(name, nodes[1:], attrs)
    assert node.shape == expected
    graph = Graph(tuple(nodes), (node,))
    verify(graph)
    for size in (0, 1, 5):
        arrays = arrays_for(operands, size)
        found = interpret(graph, [np.zeros(size, np.float32), *arrays])[0]
        assert found.shape == evaluate_shape(expected, {"n": size})
        assert dtypes.canonical(found.dtype) == node.dtype


class SymbolicReader:
    """An operand whose shape holds symbols, as a compiler has it."""

    def __init__(self, array: np.ndarray, shape: Shape):
        self.array, self.shape = array, shape

    def __call__(self, index: Sequence[Scalar]) -> Scalar:
        return widened(self.array[tuple(place.value for place in index)])


def known_sizes(value: Any, size: int) -> Any:
    """An attribute with a number in the place of the symbol."""
    if isinstance(value, tuple):
        return tuple(known_sizes(item, size) for item in value)
    return evaluate_shape((value,), {"n": size})[0] if isinstance(value, Dim) else value


BY_INDEX = [c for c in WITH_IDS if REGISTRY[c.values[0]].kind in ("movement", "index")]


@pytest.mark.parametrize(("name", "operands", "attrs", "expected"), BY_INDEX)
def test_lowering(name: str, operands: list, attrs: dict, expected: Shape) -> None:
    nodes = nodes_for(operands)
    graph = Graph(tuple(nodes), (apply_raw(name, nodes[1:], attrs),))
    for size in (1, 4):
        arrays = arrays_for(operands, size)
        reference = interpret(graph, [np.zeros(size, np.float32), *arrays])[0]
        readers = [SymbolicReader(array, shape) for array, (_, shape) in zip(arrays, operands)]
        scalar = REGISTRY[name].lower(Builder({"n": size}), every_index(reference.shape), *readers, **attrs)
        np.testing.assert_array_equal(np.broadcast_to(scalar.value, reference.shape), reference)


DIFFERENTIABLE = [c for c in WITH_IDS if REGISTRY[c.values[0]].vjp and c.values[0] != "cast"]


@pytest.mark.parametrize(("name", "operands", "attrs", "expected"), DIFFERENTIABLE)
def test_gradient_is_that_of_known_sizes(name: str, operands: list, attrs: dict, expected: Shape) -> None:
    symbolic = gradient_graph(name, nodes_for(operands), attrs)
    for size in (1, 4):
        arrays = [np.zeros(size, np.float32), *arrays_for(operands, size)]
        known = [(dtype, evaluate_shape(shape, {"n": size})) for dtype, shape in operands]
        concrete = {key: known_sizes(value, size) for key, value in attrs.items()}
        static = gradient_graph(name, nodes_for(known), concrete)
        for found, wanted in zip(interpret(symbolic, arrays), interpret(static, arrays), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


def gradient_graph(name: str, nodes: list[Node], attrs: dict[str, Any]) -> Graph:
    """Gradients of a weighted sum of the result, with weights that rise by place."""
    node = apply_raw(name, nodes[1:], attrs)
    seed = node
    for axis in range(node.rank):
        seed = cumulative_sum(seed, axis)
    found = gradients([node], nodes[1:], [seed])
    return Graph(tuple(nodes), tuple(g for g in found if g is not None))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((N, 28, 28), (N, 784), [([0], [0]), ([1, 2], [1])]),
        ((N, 1, 5), (N, 5), [([0], [0]), ([2], [1])]),
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((N * 6,), (N, 2, 3), [([0], [0, 1, 2])]),
        ((4, 6), (6, 4), [([0, 1], [0, 1])]),
        ((1, 1), (), []),
    ],
)
def test_groups_of_a_reshape(before: Shape, after: Shape, expected: list) -> None:
    assert groups(before, after) == expected


def test_reshape_of_two_unknown_dimensions_that_stay() -> None:
    m = Dim("m")
    assert REGISTRY["reshape"].infer(input_node((N, m, 6), FLOAT), shape=(N, m, 2, 3)).shape == (N, m, 2, 3)
    with pytest.raises(ShapeError, match="as many elements"):
        REGISTRY["reshape"].infer(input_node((N, m), FLOAT), shape=(m * 2, N))
