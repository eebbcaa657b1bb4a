"""What a network is made of, without a framework: the shapes of its weights and its floating-point operations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.networks.network import Network

Weights = list[list[np.ndarray]]


@dataclass(frozen=True)
class PlannedLayer:
    """A layer with weights, in the order of definition.

    Attributes:
        kind: `conv`, `depthwise`, `conv_transpose`, `dense` or `norm`.
        shapes: of its weights, as Keras has them.
        fan_in: how many inputs one output sums over; 0 for `norm`.
        closes_block: whether it is the normalisation whose result is added to a shortcut.
    """

    kind: str
    shapes: tuple[tuple[int, ...], ...]
    fan_in: int = 0
    closes_block: bool = False


class Plan:
    """Answers a definition with shapes, without the batch, and keeps what it is asked for.

    Attributes:
        layers: those with weights.
        forward: floating-point operations of the multiply-adds of one example; a multiply-add counts as two.
        training: the same with both gradients; that of the network's input is not needed, and not counted.
    """

    def __init__(self, network: Network, shape: tuple[int, ...]):
        self.layers: list[PlannedLayer] = []
        self.forward = self.training = 0
        self._input = tuple(shape)
        self.output = network.define(self, self._input)

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        out = (*_windows(x, size, strides, padding), filters)
        self._layer(x, "conv", (size, size, x[2], filters), filters if use_bias else 0, size * size * x[2], out)
        return out

    def depthwise(self, x, size, strides=1, padding=0):
        out = (*_windows(x, size, strides, padding), x[2])
        self._layer(x, "depthwise", (size, size, x[2], 1), 0, size * size, out)
        return out

    def conv_transpose(self, x, filters, size):
        out = (x[0] * size, x[1] * size, filters)
        self._layer(x, "conv_transpose", (size, size, filters, x[2]), filters, x[2], out)
        return out

    def norm(self, x):
        self.layers.append(PlannedLayer("norm", ((x[-1],),) * 4))
        return x

    def activation(self, x, name):
        return x

    def max_pool(self, x, size, strides, padding=0):
        return (*_windows(x, size, strides, padding), x[2])

    def global_average(self, x):
        return x[-1:]

    def flatten(self, x):
        return (math.prod(x),)

    def dense(self, x, units, activation=None):
        self._layer(x, "dense", (x[0], units), units, x[0], (units,))
        return (units,)

    def add(self, x, y):
        if x != y:
            raise ValueError(f"shapes to add differ: {x} and {y}")
        self.layers[-1] = replace(self.layers[-1], closes_block=True)
        return x

    def concatenate(self, x, y):
        return (*x[:-1], x[-1] + y[-1])

    def _layer(self, x, kind, kernel, bias, fan_in, out):
        self.layers.append(PlannedLayer(kind, (kernel, (bias,)) if bias else (kernel,), fan_in))
        work = 2 * math.prod(out) * fan_in
        self.forward += work
        self.training += work * (2 if x is self._input else 3)


def _windows(x: tuple[int, ...], size: int, strides: int, padding: int) -> tuple[int, int]:
    rows, columns = ((extent + 2 * padding - size) // strides + 1 for extent in x[:2])
    return rows, columns


# The scale at which a block begins to be added to its shortcut. From 1, as layers have it, deep networks have gradients
# so large that roundings decide about the next loss; 0 is common (Goyal et al., 2017), but would hide wrong gradients.
BLOCK_SCALE = 0.2


def initial_weights(plan: Plan, seed: int = 1, trained: bool = False) -> Weights:
    """Weights by layer, in the order of definition; kernels are drawn as He et al. do.

    Args:
        trained: biases, and statistics and scales of the normalisations, differ from channel to channel, as after
            training.
    """
    rng = np.random.default_rng(seed)
    norm = _trained_norm if trained else _new_norm
    return [norm(rng, layer) if layer.kind == "norm" else _kernel(rng, layer, trained) for layer in plan.layers]


def _kernel(rng: np.random.Generator, layer: PlannedLayer, trained: bool) -> list[np.ndarray]:
    kernel, *biases = layer.shapes
    scale = np.float32((2 / layer.fan_in) ** 0.5)
    drawn = [scale * rng.standard_normal(kernel, "float32")]
    if not trained:
        return drawn + [np.zeros(shape, "float32") for shape in biases]
    return drawn + [rng.normal(0, 0.1, shape).astype("float32") for shape in biases]


def _new_norm(rng: np.random.Generator, layer: PlannedLayer) -> list[np.ndarray]:
    values = (BLOCK_SCALE if layer.closes_block else 1, 0, 0, 1)
    return [np.full(shape, value, "float32") for shape, value in zip(layer.shapes, values)]


def _trained_norm(rng: np.random.Generator, layer: PlannedLayer) -> list[np.ndarray]:
    (shape, *_) = layer.shapes
    scale, offset, mean = rng.uniform(0.4, 0.8, shape), rng.normal(0, 0.1, shape), rng.normal(0, 0.1, shape)
    return [values.astype("float32") for values in (scale, offset, mean, rng.uniform(0.8, 1.2, shape))]


def to_arrays(weights: Weights) -> dict[str, np.ndarray]:
    """Weights under the names that `from_arrays` knows, for a file."""
    return {f"weight-{i}-{j}": array for i, layer in enumerate(weights) for j, array in enumerate(layer)}


def from_arrays(data) -> Weights:
    weights: Weights = []
    while f"weight-{len(weights)}-0" in data:
        layer: list[np.ndarray] = []
        while (name := f"weight-{len(weights)}-{len(layer)}") in data:
            layer.append(data[name])
        weights.append(layer)
    return weights
