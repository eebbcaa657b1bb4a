"""What a network over time is made of, without a framework: shapes of its weights and floating-point operations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.networks.plan import Weights
from benchmarks.sequences.sequence import Sequence, Sizes, input_shape


@dataclass(frozen=True)
class PlannedWeights:
    """Of one layer, in the order of definition.

    Attributes:
        kind: `table`, `dense`, `attention`, `recurrent` or `norm`.
        shapes: as Keras has them.
        fan_in: how many inputs one output of a kernel sums over; 0 for those that are no kernels.
    """

    kind: str
    shapes: tuple[tuple[int, ...], ...]
    fan_in: tuple[int, ...] = ()


class SequencePlan:
    """Answers a definition with shapes, without the batch, and keeps what it is asked for.

    Attributes:
        layers: those with weights.
        forward: floating-point operations of the multiply-adds of one example; a multiply-add counts as two. Attention
            counts the pairs that a causal mask leaves.
        training: the same with both gradients; that of the network's input is not needed, and not counted.
    """

    def __init__(self, sequence: Sequence, sizes: Sizes):
        self.layers: list[PlannedWeights] = []
        self.forward = self.training = 0
        self._input = input_shape(sizes)
        self.output = sequence.define(self, self._input, sizes)

    def embedding(self, x, count, size):
        self._layer("table", (count, size))
        return (*x, size)

    def positions(self, x):
        self._layer("table", x)
        return x

    def lstm(self, x, units):
        self._recurrent(x, units, 4, (4 * units,))
        return (units,)

    def both_ways(self, x, units, sequences=False):
        self._recurrent(x, units, 4, (4 * units,), times=2)
        return (x[0], 2 * units) if sequences else (2 * units,)

    def gru(self, x, units):
        self._recurrent(x, units, 3, (2, 3 * units))
        return (x[0], units)

    def attention(self, x, heads, causal):
        steps, size = x
        onto, back = (size, heads, size // heads), (heads, size // heads, size)
        shapes = [shape for _ in range(3) for shape in (onto, onto[1:])]
        self._layer("attention", *shapes, back, (size,), fan_in=(*(size, 0) * 3, size, 0))
        pairs = steps * (steps + 1) // 2 if causal else steps * steps
        self._work(4 * steps * size * size + 2 * pairs * size)
        return x

    def norm(self, x):
        self._layer("norm", x[-1:], x[-1:])
        return x

    def dense(self, x, units, activation=None):
        self._layer("dense", (x[-1], units), (units,), fan_in=(x[-1], 0))
        self._work(math.prod(x) * units, x)
        return (*x[:-1], units)

    def add(self, x, y):
        if x != y:
            raise ValueError(f"shapes to add differ: {x} and {y}")
        return x

    def _recurrent(self, x, units, gates, bias, times=1):
        (steps, features), wide = x, gates * units
        shapes = [(features, wide), (units, wide), bias] * times
        self._layer("recurrent", *shapes, fan_in=(features, units, 0) * times)
        self._work(times * steps * features * wide, x)
        self._work(times * steps * units * wide)

    def _layer(self, kind, *shapes, fan_in=()):
        self.layers.append(PlannedWeights(kind, tuple(shapes), tuple(fan_in) or (0,) * len(shapes)))

    def _work(self, multiply_adds, x=None):
        self.forward += 2 * multiply_adds
        self.training += 2 * multiply_adds * (2 if x is self._input else 3)


# How far initial values stand from 0 (from 1, for scales); biases too, so that a gate in a wrong place is seen.
SPREAD = 0.1


def initial_weights(plan: SequencePlan, seed: int = 1) -> Weights:
    """Weights by layer, in the order of definition."""
    rng = np.random.default_rng(seed)
    return [
        [
            _values(rng, layer.kind, shape, fan_in, i)
            for i, (shape, fan_in) in enumerate(zip(layer.shapes, layer.fan_in))
        ]
        for layer in plan.layers
    ]


def _values(rng: np.random.Generator, kind: str, shape: tuple[int, ...], fan_in: int, index: int) -> np.ndarray:
    values = rng.standard_normal(shape, "float32") * np.float32(fan_in**-0.5 if fan_in else SPREAD)
    return values + 1 if kind == "norm" and index == 0 else values
