"""The convolutional network of a first course: two convolutions, two poolings, two dense layers."""

from __future__ import annotations

from typing import Any

from benchmarks.networks.layers import Layers


def small_cnn(layers: Layers, x: Any) -> Any:
    """Logits of 10 classes, for pictures of 28x28x1."""
    x = layers.conv(x, 32, 3, use_bias=True, activation="relu")
    x = layers.max_pool(x, 2, 2)
    x = layers.conv(x, 64, 3, use_bias=True, activation="relu")
    x = layers.max_pool(x, 2, 2)
    x = layers.dense(layers.flatten(x), 128, activation="relu")
    return layers.dense(x, 10)
