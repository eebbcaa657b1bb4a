"""Convolutions: as products over windows, lane by lane, into padded memory, in all orders of work."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import primitives as p
from lamina.autodiff import gradients
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.graph import Graph, Node, input_node, interpret
from tests.compiler.agreement import assert_agrees, assert_same_bits, floats, loop_ir, machine_code, plan

BATCH = Dim("batch")


def geometry(stride: int = 1, padding: int = 1, dilation: int = 1, groups: int = 1) -> dict:
    pairs = ((padding, padding), (padding, padding))
    return {"strides": (stride,) * 2, "padding": pairs, "dilations": (dilation,) * 2, "groups": groups}


def all_three(x: Node, kernel: Node, **attrs) -> list[Node]:
    """A convolution and both of its gradients, for the gradient of half its squares."""
    y = p.convolution(x, kernel, **attrs)
    return [y, *gradients([y], [x, kernel], [y])]


# Height, channels, filters, kernel size, geometry: each for a way in which pictures or weights lie.
CASES = {
    "lines of tiles": (14, 20, 40, 3, geometry()),
    "short lines": (7, 24, 33, 3, geometry()),
    "shorter lines": (4, 40, 20, 3, geometry()),
    "lines of three": (3, 16, 16, 3, geometry()),
    "one pixel": (1, 16, 16, 1, geometry(padding=0)),
    "one channel": (9, 1, 18, 3, geometry(padding=0)),
    "one filter": (9, 18, 1, 3, geometry()),
    "three channels, wide windows": (17, 3, 20, 7, geometry(2, 3)),
    "no taps": (8, 24, 40, 1, geometry(padding=0)),
    "no taps, a stride": (9, 24, 40, 1, geometry(2, 0)),
    "a stride": (10, 16, 18, 3, geometry(2)),
    "dilated": (12, 8, 18, 3, geometry(padding=2, dilation=2)),
    "groups": (6, 24, 48, 3, geometry(groups=2)),
    "depthwise": (9, 37, 37, 3, geometry(groups=37)),
    "depthwise, a stride": (9, 16, 16, 3, geometry(2, groups=16)),
    "depthwise, more filters": (5, 8, 16, 3, geometry(groups=8)),
}


@pytest.mark.parametrize("name", CASES)
def test_open_and_known_batches(name):
    height, channels, filters, size, attrs = CASES[name]
    rng = np.random.default_rng(1)
    kernel = input_node((size, size, channels // attrs["groups"], filters), "float32")
    for batch, rows in ((BATCH, 3), (2, 2), (BATCH, 0)):
        x = input_node((batch, height, height, channels), "float32")
        graph = Graph((x, kernel), tuple(all_three(x, kernel, **attrs)), (), name)
        arrays = [floats(rng, rows, height, height, channels), floats(rng, *kernel.shape)]
        assert_agrees(graph, arrays)


@pytest.mark.parametrize("name", ["short lines", "one channel", "a stride", "depthwise", "groups"])
def test_loop_ir_races_with_nobody(name):
    height, _, _, size, attrs = CASES[name]
    groups = 2 if attrs["groups"] > 1 else 1
    x = input_node((BATCH, min(height, 4), 4, groups), "float32")
    kernel = input_node((size, size, 1, 3 * groups if name != "depthwise" else groups), "float32")
    graph = Graph((x, kernel), tuple(all_three(x, kernel, **{**attrs, "groups": groups})), (), name)
    assert_agrees(
        graph,
        [floats(np.random.default_rng(2), 2, *x.shape[1:]), floats(np.random.default_rng(3), *kernel.shape)],
        [loop_ir],
    )


def test_sums_over_many_pixels_are_taken_in_parts(monkeypatch):
    """More pixels than a part of a sum has, in the middle of which the batch ends; several blocks of columns."""
    monkeypatch.setattr(config, "winograd", False)
    rng = np.random.default_rng(4)
    x, g = input_node((BATCH, 30, 30, 40), "float32"), input_node((BATCH, 30, 30, 72), "float32")
    gradient = p.convolution_kernel_gradient(x, g, (3, 3, 40, 72), **geometry())
    plain = p.contract(x, g, ("nhwc", "nhwd", "cd"))
    graph = Graph((x, g), (gradient, plain), (), "kernel gradient")
    assert_agrees(graph, [floats(rng, 5, 30, 30, 40), floats(rng, 5, 30, 30, 72)])
    assert_agrees(graph, [floats(rng, 0, 30, 30, 40), floats(rng, 0, 30, 30, 72)])


def test_weights_that_pass_the_cache_go_block_by_block(monkeypatch):
    monkeypatch.setattr(config, "winograd", False)
    rng = np.random.default_rng(5)
    x, kernel = input_node((BATCH, 4, 4, 256), "float32"), input_node((3, 3, 256, 200), "float32")
    y = p.convolution(x, kernel, **geometry())
    graph = Graph((x, kernel), (p.maximum(y, p.zeros_like(y)),), (), "wide")
    assert_agrees(graph, [floats(rng, 3, 4, 4, 256), floats(rng, 3, 3, 256, 200)])


WINOGRAD = {
    "whole squares": (BATCH, 2, 8, 12, 64, 48, 1),
    "parts of squares": (BATCH, 3, 7, 9, 48, 52, 1),
    "no border": (BATCH, 2, 10, 11, 50, 48, 0),
    "one picture": (1, 1, 10, 12, 48, 48, 1),
    "too few squares": (BATCH, 1, 6, 8, 48, 48, 1),
    "no picture": (BATCH, 0, 8, 8, 48, 48, 1),
}


@pytest.mark.parametrize("name", WINOGRAD)
def test_winograd_is_as_near_as_its_rounding(name):
    """Within 1e-4 of the largest result, forwards, backwards, and with what is fused behind."""
    batch, rows, height, width, channels, filters, padding = WINOGRAD[name]
    rng = np.random.default_rng(8)
    x, kernel = (
        input_node((batch, height, width, channels), "float32"),
        input_node((3, 3, channels, filters), "float32"),
    )
    y = p.convolution(x, kernel, **geometry(padding=padding))
    bent = p.maximum(p.add(y, y), p.zeros_like(y))
    graph = Graph((x, kernel), (y, bent, *gradients([bent], [x], [y])), (), name)
    assert any(k.name.endswith("_squares") for k in plan(graph).kernels)
    arrays = [floats(rng, rows, height, width, channels), floats(rng, *kernel.shape)]
    for got, wanted in zip(machine_code(graph, arrays), interpret(graph, arrays), strict=True):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max(initial=0) <= 1e-4 * np.abs(wanted).max(initial=1)


@pytest.mark.parametrize("name", WINOGRAD)
def test_gradients_of_kernels_are_as_near(name):
    batch, rows, height, width, channels, filters, padding = WINOGRAD[name]
    rng = np.random.default_rng(9)
    inside = 2 * padding - 2
    x = input_node((batch, height, width, channels), "float32")
    g = input_node((batch, height + inside, width + inside, filters), "float32")
    kernel = input_node((3, 3, channels, filters), "float32")
    gradient = p.convolution_kernel_gradient(x, g, kernel.shape, **geometry(padding=padding))
    step = p.subtract(kernel, p.multiply(p.full_like(gradient, 0.1), gradient))
    graph = Graph((x, g, kernel), (gradient,), ((kernel, step),), name)
    kernels = plan(graph).kernels
    assert any(k.name.endswith("_results") for k in kernels) and not any("copy" in k.name for k in kernels)
    arrays = [
        floats(rng, rows, *x.shape[1:]), floats(rng, rows, *g.shape[1:]), floats(rng, *kernel.shape),
    ]  # fmt: skip
    copies = [a.copy() for a in arrays]
    (got,), (wanted,) = machine_code(graph, arrays), interpret(graph, copies)
    for one, other in ((got, wanted), (arrays[2], copies[2])):
        assert np.abs(one - other).max() <= 1e-4 * max(1.0, np.abs(other).max())


def test_winograd_is_for_many_channels_and_can_be_switched_off(monkeypatch):
    x, kernel = input_node((BATCH, 8, 8, 64), "float32"), input_node((3, 3, 64, 64), "float32")
    few = input_node((3, 3, 64, 16), "float32")
    names = [k.name for k in plan(Graph((x, few), (p.convolution(x, few, **geometry()),), (), "few")).kernels]
    monkeypatch.setattr(config, "winograd", False)
    names += [k.name for k in plan(Graph((x, kernel), (p.convolution(x, kernel, **geometry()),), (), "off")).kernels]
    assert not any(name.endswith("_squares") for name in names)


def chain(x: Node, kernels: list[Node]) -> Node:
    for kernel in kernels:
        x = p.convolution(x, kernel, **geometry())
        x = p.maximum(x, p.zeros_like(x))
    return x


def test_a_convolution_computes_into_the_padded_memory_of_the_next():
    x = input_node((BATCH, 6, 6, 8), "float32")
    kernels = [input_node((3, 3, 8, 8), "float32") for _ in range(2)]
    graph = Graph((x, *kernels), (chain(x, kernels),), (), "chain")
    rng = np.random.default_rng(6)
    arrays = [floats(rng, 3, 6, 6, 8), *(floats(rng, 3, 3, 8, 8) for _ in kernels)]
    assert_agrees(graph, arrays)
    shapes = [b.shape for b in plan(graph).buffers() if b.role == "temporary" and b.shape[0] == BATCH]
    assert sorted(set(shapes)) == [(BATCH, 8, 8, 8)], (
        "pictures between two convolutions are kept with their padding only"
    )


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_gradients_of_a_chain_on_any_number_of_threads(threads, monkeypatch):
    x = input_node((BATCH, 7, 7, 16), "float32")
    kernels = [input_node((3, 3, 16, 16), "float32") for _ in range(3)]
    y = chain(x, kernels)
    outputs = (y, *gradients([y], [x, *kernels], [p.multiply(y, y)]))
    graph = Graph((x, *kernels), tuple(outputs), (), "gradients")
    rng = np.random.default_rng(7)
    arrays = [floats(rng, 5, 7, 7, 16), *(0.1 * floats(rng, 3, 3, 16, 16) for _ in kernels)]
    monkeypatch.setattr(config, "threads", 1)
    alone = machine_code(graph, arrays)
    monkeypatch.setattr(config, "threads", threads)
    assert_agrees(graph, arrays)
    assert_same_bits(machine_code(graph, arrays), alone)
