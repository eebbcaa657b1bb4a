"""Networks by hand in JAX: pure functions of the weights, channels last."""

from __future__ import annotations

import jax
from jax import lax
from jax import numpy as jnp

from benchmarks.networks.layers import EPSILON, MOMENTUM
from benchmarks.networks.network import Network

_NAMES = ("NHWC", "HWIO", "NHWC")


class JaxLayers:
    """Answers a definition with arrays.

    Args:
        weights: trainable arrays by layer, in the order of definition.
        statistics: moving mean and variance of each normalisation.
        training: normalise by the batch and move the statistics.

    Attributes:
        moved: the statistics afterwards.
    """

    def __init__(self, weights, statistics, training: bool):
        self._weights, self._statistics, self._training = iter(weights), iter(statistics), training
        self.moved: list = []

    def conv(self, x, filters, size, strides=1, padding=0, use_bias=False, activation=None):
        kernel, *bias = next(self._weights)
        return self.activation(_convolution(x, kernel, strides, padding) + (bias[0] if bias else 0), activation)

    def depthwise(self, x, size, strides=1, padding=0):
        (kernel,) = next(self._weights)
        return _convolution(x, kernel.transpose(0, 1, 3, 2), strides, padding, groups=x.shape[-1])

    def conv_transpose(self, x, filters, size):
        kernel, bias = next(self._weights)
        return (
            lax.conv_transpose(x, kernel, (size, size), "VALID", dimension_numbers=_NAMES, transpose_kernel=True) + bias
        )

    def norm(self, x):
        (gamma, beta), (mean, variance) = next(self._weights), next(self._statistics)
        if self._training:
            batch_mean = x.mean((0, 1, 2))
            batch_variance = jnp.square(x).mean((0, 1, 2)) - jnp.square(batch_mean)
            pairs = ((mean, batch_mean), (variance, batch_variance))
            self.moved.append([MOMENTUM * old + (1 - MOMENTUM) * new for old, new in pairs])
            mean, variance = batch_mean, batch_variance
        return (x - mean) * (gamma * lax.rsqrt(variance + EPSILON)) + beta

    def activation(self, x, name):
        return x if name is None else getattr(jax.nn, name)(x)

    def max_pool(self, x, size, strides, padding=0):
        around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, strides, strides, 1), around)

    def global_average(self, x):
        return x.mean((1, 2))

    def flatten(self, x):
        return x.reshape(len(x), -1)

    def dense(self, x, units, activation=None):
        kernel, bias = next(self._weights)
        return self.activation(x @ kernel + bias, activation)

    def add(self, x, y):
        return x + y

    def concatenate(self, x, y):
        return jnp.concatenate((x, y), axis=-1)


def _convolution(x, kernel, strides: int, padding: int, groups: int = 1):
    around = [(padding, padding)] * 2
    return lax.conv_general_dilated(
        x, kernel, (strides, strides), around, dimension_numbers=_NAMES, feature_group_count=groups
    )


def split(weights):
    """Weights by layer -> trainable ones by layer, and the statistics of the normalisations."""
    trainable = [[jnp.asarray(array) for array in (layer[:2] if len(layer) == 4 else layer)] for layer in weights]
    return trainable, [[jnp.asarray(array) for array in layer[2:]] for layer in weights if len(layer) == 4]


def apply(network: Network, weights, statistics, x, training: bool):
    """The output and the moved statistics."""
    layers = JaxLayers(weights, statistics, training)
    return network.define(layers, x), layers.moved
