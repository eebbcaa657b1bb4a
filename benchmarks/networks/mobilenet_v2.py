"""MobileNetV2 of width 1.0 (Sandler et al., 2018, https://arxiv.org/abs/1801.04381, table 2)."""

from __future__ import annotations

from typing import Any

from benchmarks.networks.layers import Layers

# Expansion, channels, blocks, strides of the first block.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(layers: Layers, x: Any) -> Any:
    """Logits of 1000 classes, for pictures whose sides are multiples of 32."""
    x = layers.activation(layers.norm(layers.conv(x, 32, 3, 2, padding=1)), "relu6")
    channels = 32
    for expansion, filters, blocks, strides in STAGES:
        for block in range(blocks):
            x = _inverted(layers, x, channels, expansion, filters, strides if block == 0 else 1)
            channels = filters
    x = layers.activation(layers.norm(layers.conv(x, 1280, 1)), "relu6")
    return layers.dense(layers.global_average(x), 1000)


def _inverted(layers: Layers, x: Any, channels: int, expansion: int, filters: int, strides: int) -> Any:
    y = x
    if expansion != 1:
        y = layers.activation(layers.norm(layers.conv(y, expansion * channels, 1)), "relu6")
    y = layers.activation(layers.norm(layers.depthwise(y, 3, strides, padding=1)), "relu6")
    y = layers.norm(layers.conv(y, filters, 1))
    return layers.add(x, y) if strides == 1 and channels == filters else y
