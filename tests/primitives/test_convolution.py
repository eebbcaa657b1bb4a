"""Convolutions against their definition, their gradients against one another, and what they are made of."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from lamina.autodiff import gradients
from lamina.graph import Graph, Node, constant, input_node, interpret
from lamina.optimize.rewrite import expand
from lamina.primitives import (
    CONTRACT,
    CONVOLUTION,
    CONVOLUTION_INPUT_GRADIENT,
    CONVOLUTION_KERNEL_GRADIENT,
    PAD,
    WINDOWS,
    contract,
    convolution,
    convolution_input_gradient,
    convolution_kernel_gradient,
    dilate,
    windows,
)
from lamina.primitives.convolution_reference import convolve, kernel_gradient


def value(node: Node) -> np.ndarray:
    return interpret(Graph((), (node,)), [])[0]


def expanded(node: Node) -> list[Node]:
    """The nodes that a compiler sees."""
    return expand(Graph(tuple(n for n in Graph((), (node,)).nodes() if not n.inputs), (node,))).nodes()


def by_definition(x: np.ndarray, kernel: np.ndarray, strides: Any, padding: Any, dilations: Any, groups: int) -> Any:
    """Every element of a convolution, one after the other."""
    *sizes, depth, width = kernel.shape
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations)]
    counts = [(d - span) // stride + 1 for d, span, stride in zip(padded.shape[1:-1], spans, strides)]
    result = np.zeros((x.shape[0], *counts, width))
    for row, place, o in product(range(x.shape[0]), product(*map(range, counts)), range(width)):
        group = o // (width // groups)
        for tap, c in product(product(*map(range, sizes)), range(depth)):
            at = (p * stride + t * dilation for p, stride, t, dilation in zip(place, strides, tap, dilations))
            result[(row, *place, o)] += padded[(row, *at, group * depth + c)] * kernel[(*tap, c, o)]
    return result


SAMPLES = [s for s in CONVOLUTION.samples() if s.arrays[0].dtype == np.float64]


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_definition(number: int) -> None:
    (x, kernel), attrs = SAMPLES[number].arrays, SAMPLES[number].attrs
    expected = by_definition(x, kernel, **attrs)
    np.testing.assert_allclose(convolve(x, kernel, **attrs), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_gradients_are_the_transposed_maps(number: int, rng: np.random.Generator) -> None:
    """A convolution is linear in each operand: <conv(x, k), g> = <x, input gradient> = <k, kernel gradient>."""
    (x, kernel), attrs = SAMPLES[number].arrays, SAMPLES[number].attrs
    result = value(convolution(constant(x), constant(kernel), **attrs))
    g = rng.normal(size=result.shape)
    of_x = value(convolution_input_gradient(constant(g), constant(kernel), x.shape, **attrs))
    of_kernel = value(convolution_kernel_gradient(constant(x), constant(g), kernel.shape, **attrs))
    np.testing.assert_allclose((x * of_x).sum(), (result * g).sum(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((kernel * of_kernel).sum(), (result * g).sum(), rtol=1e-9, atol=1e-12)


def test_large_windows_are_copied_in_blocks(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    x, kernel = rng.normal(size=(5, 6, 6, 4)), rng.normal(size=(3, 3, 2, 4))
    attrs: dict[str, Any] = {"strides": (1, 1), "padding": ((1, 1),) * 2, "dilations": (1, 1), "groups": 2}
    whole = convolve(x, kernel, **attrs), kernel_gradient(x, x, kernel.shape, **attrs)
    monkeypatch.setattr("lamina.primitives.convolution_reference.LARGEST_COPY", 1)
    np.testing.assert_allclose(convolve(x, kernel, **attrs), whole[0], rtol=1e-12)
    np.testing.assert_allclose(kernel_gradient(x, x, kernel.shape, **attrs), whole[1], rtol=1e-12)


def operands(*shapes: tuple[int, ...]) -> list[Node]:
    return [input_node(shape, "float32") for shape in shapes]


PLAIN: dict[str, Any] = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilations": (1, 1)}


@pytest.mark.parametrize(
    ("channels", "kernel", "groups", "labels"),
    [
        (4, (3, 3, 4, 5), 1, ("nhistc", "stco", "nhio")),
        (4, (1, 3, 4, 5), 1, ("nhitc", "tco", "nhio")),
        (4, (3, 3, 2, 6), 2, ("nhistgc", "stcgo", "nhigo")),
        (4, (3, 3, 1, 4), 4, ("nhistg", "stg", "nhig")),
        (4, (3, 3, 1, 8), 4, ("nhistg", "stgo", "nhigo")),
    ],
)
def test_one_contraction_over_views(channels: int, kernel: Any, groups: int, labels: Any) -> None:
    x, k = operands((2, 8, 8, channels), kernel)
    node = convolution(x, k, **PLAIN, groups=groups)
    (made,) = [n for n in expanded(node) if n.primitive is CONTRACT]
    assert made.attrs["labels"] == labels
    (made,) = [
        n
        for n in expanded(convolution_kernel_gradient(x, node, kernel, **PLAIN, groups=groups))
        if n.primitive is CONTRACT and n.attrs["labels"][2] == labels[1]
    ]
    assert made.attrs["labels"] == (labels[0], labels[2], labels[1])


def test_a_kernel_of_one_element_is_a_product_of_matrices() -> None:
    x, k = operands((2, 8, 8, 3), (1, 1, 3, 5))
    bare = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilations": (1, 1)}
    (made,) = [n for n in expanded(convolution(x, k, **bare)) if n.primitive is CONTRACT]
    assert made.inputs[0] is x
    strided = convolution(x, k, **bare | {"strides": (2, 2)})
    assert not {n.primitive for n in expanded(strided)} & {WINDOWS, PAD}


def test_the_gradient_of_a_strided_convolution_meets_no_zeros() -> None:
    """Phases share out the taps: 3x3 with stride 2 is four contractions of 4, 2, 2 and 1 taps."""
    g, k = operands((2, 4, 4, 5), (3, 3, 6, 5))
    attrs = PLAIN | {"strides": (2, 2)}
    made = expanded(convolution_input_gradient(g, k, (2, 8, 8, 6), **attrs))
    assert "dilate" not in {n.primitive.name for n in made}
    kernels = [n.inputs[1] for n in made if n.primitive is CONTRACT]
    assert sorted(np.prod(kernel.shape) // 30 for kernel in kernels) == [1, 2, 2, 4]


def test_the_gradient_of_a_picture_of_few_channels_is_one_product() -> None:
    g, k = operands((2, 4, 4, 5), (3, 3, 3, 5))
    made = expanded(convolution_input_gradient(g, k, (2, 8, 8, 3), **PLAIN | {"strides": (2, 2)}))
    (product,) = [n for n in made if n.primitive is CONTRACT]
    assert product.shape == (2, 4, 4, 3, 3, 3)


def test_gradients_of_gradients_stay_convolutions() -> None:
    x, k = operands((2, 8, 8, 3), (3, 3, 3, 5))
    node = convolution(x, k, **PLAIN)
    first = gradients([node], [x, k], [node])
    second = gradients([n for n in first if n is not None], [x, k])
    family = {CONVOLUTION, CONVOLUTION_INPUT_GRADIENT, CONVOLUTION_KERNEL_GRADIENT}
    found = {n.primitive for n in Graph((x, k), tuple(n for n in second if n is not None)).nodes()}
    assert family <= found
    assert CONTRACT not in found and WINDOWS not in found


def test_windows_are_a_view_that_cannot_be_written() -> None:
    x = np.arange(12.0).reshape(2, 6)
    view = WINDOWS.numpy(x, axes=(1,), sizes=(3,), strides=(2,), dilations=(1,))
    assert view.tolist() == [[[0, 1, 2], [2, 3, 4]], [[6, 7, 8], [8, 9, 10]]]
    assert np.may_share_memory(view, x) and not view.flags.writeable


def test_the_gradient_of_windows_side_by_side_only_moves() -> None:
    x = input_node((2, 7, 4), "float32")
    view = windows(x, (1, 2), (2, 2), (2, 2), (1, 1))
    (found,) = gradients([view], [x], [view])
    assert found is not None
    assert {n.kind for n in Graph((x,), (found,)).nodes() if n.inputs} == {"movement"}


def test_functions_that_change_nothing_build_nothing() -> None:
    x = input_node((2, 3), "float32")
    assert windows(x, (), (), (), ()) is x
    assert dilate(x, (1, 1)) is x


def test_integers_are_exact() -> None:
    x, k = np.full((1, 3, 1), 100, "int32"), np.full((2, 1, 1), 3, "int32")
    attrs: dict[str, Any] = {"strides": (1,), "padding": ((0, 0),), "dilations": (1,)}
    assert value(convolution(constant(x), constant(k), **attrs)).ravel().tolist() == [600, 600]
    same = contract(constant(x[:, :, 0]), constant(np.array([3, 3, 0], "int32")), ("nk", "k", "n"))
    assert value(same).tolist() == [600]
