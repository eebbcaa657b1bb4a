"""Folds of windows: the first of equal elements has the gradient, NaN is kept, and small windows fuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina.autodiff import gradients
from lamina.graph import Graph, Node, constant, input_node, interpret
from lamina.optimize.rewrite import expand
from lamina.primitives import window_max, window_sum


def value(node: Node) -> np.ndarray:
    return interpret(Graph((), (node,)), [])[0]


def gradient(fold: Any, x: np.ndarray, **attrs: Any) -> np.ndarray:
    """The gradient of the sum of 1, 2, 3, ... times each window's value."""
    leaf = input_node(x.shape, x.dtype.name)
    node = fold(leaf, **attrs)
    seed = constant(np.arange(1.0, 1 + np.prod(node.shape)).reshape(node.shape))  # type: ignore[arg-type]
    (found,) = gradients([node], [leaf], [seed])
    assert found is not None
    return interpret(Graph((leaf,), (found,)), [x])[0]


def line(*items: float) -> np.ndarray:
    return np.array(items, np.float64).reshape(1, -1, 1)


def test_the_first_of_the_largest_has_the_gradient() -> None:
    attrs: dict[str, Any] = {"sizes": (3,), "padding": ((0, 0),)}
    assert gradient(window_max, line(5, 5, 5, 1, 7, 7), strides=(3,), **attrs).ravel().tolist() == [1, 0, 0, 0, 2, 0]
    assert gradient(window_max, line(1, 5, 5, 5, 0), strides=(1,), **attrs).ravel().tolist() == [0, 3, 3, 0, 0]


def test_the_first_in_row_major_order() -> None:
    x = np.ones((1, 4, 4, 1))
    found = gradient(window_max, x, sizes=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    assert found[0, :, :, 0].tolist() == [[1, 0, 2, 0], [0] * 4, [3, 0, 4, 0], [0] * 4]


@pytest.mark.parametrize("size", [2, 20])
def test_windows_of_every_length_treat_equal_elements_alike(size: int) -> None:
    x = line(*[1.0] * (2 * size + 1))
    found = gradient(window_max, x, sizes=(size,), strides=(size,), padding=((0, 0),)).ravel()
    assert found.nonzero()[0].tolist() == [0, size]


def test_padding_is_never_the_largest_and_adds_nothing() -> None:
    attrs: dict[str, Any] = {"sizes": (2,), "strides": (2,), "padding": ((1, 0),)}
    assert value(window_max(constant(line(-3, -2, -1)), **attrs)).ravel().tolist() == [-3, -1]
    assert value(window_sum(constant(line(-3, -2, -1)), **attrs)).ravel().tolist() == [-3, -3]
    assert value(window_max(constant(np.array([[[-128], [5]]], "int8")), **attrs)).ravel().tolist() == [-128]


def test_nan_goes_through() -> None:
    found = value(window_max(constant(line(np.nan, 1, 2, 3)), (2,), (2,), ((0, 0),))).ravel()
    assert np.isnan(found[0]) and found[1] == 3


def test_overlapping_sums_give_every_window_its_gradient() -> None:
    found = gradient(window_sum, line(0, 0, 0, 0, 0), sizes=(3,), strides=(2,), padding=((0, 0),))
    assert found.ravel().tolist() == [1, 1, 3, 2, 2]


def test_small_windows_are_elementwise_so_that_they_fuse() -> None:
    x = input_node((2, 8, 8, 3), "float32")
    graph = expand(Graph((x,), (window_max(x, (2, 2), (2, 2), ((0, 0), (0, 0))),)))
    assert {n.kind for n in graph.nodes() if n.inputs} == {"elementwise", "movement"}


@pytest.mark.parametrize(("size", "extent"), [(4, 1), (1, 2)])
def test_windows_that_reach_nothing_but_padding(size: int, extent: int) -> None:
    x = line(*range(1, 1 + extent))
    attrs: dict[str, Any] = {"sizes": (size,), "strides": (4,), "padding": ((5, 0),)}
    assert set(value(window_max(constant(x), **attrs)).ravel()) == {-np.inf}
    for fold in (window_sum, window_max):
        assert gradient(fold, x, **attrs).ravel().tolist() == [0] * extent
