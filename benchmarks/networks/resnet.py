"""Residual networks (He et al., 2015, https://arxiv.org/abs/1512.03385): ResNet-18 for 32x32, ResNet-50 for 224x224.

ResNet-50's blocks have their stride in the 3x3 convolution, as PyTorch's own model has.
"""

from __future__ import annotations

from typing import Any

from benchmarks.networks.layers import Layers


def resnet18(layers: Layers, x: Any) -> Any:
    """Logits of 10 classes: a 3x3 stem without pooling, then four stages of two basic blocks."""
    x = _conv_norm_relu(layers, x, 64, 3)
    for filters, strides in ((64, 1), (128, 2), (256, 2), (512, 2)):
        x = _basic(layers, x, filters, strides, project=strides != 1)
        x = _basic(layers, x, filters, 1, project=False)
    return layers.dense(layers.global_average(x), 10)


def resnet50(layers: Layers, x: Any) -> Any:
    """Logits of 1000 classes: a 7x7 stem with pooling, then stages of 3, 4, 6 and 3 bottleneck blocks."""
    x = _conv_norm_relu(layers, x, 64, 7, 2)
    x = layers.max_pool(x, 3, 2, padding=1)
    for filters, strides, blocks in ((64, 1, 3), (128, 2, 4), (256, 2, 6), (512, 2, 3)):
        x = _bottleneck(layers, x, filters, strides, project=True)
        for _ in range(blocks - 1):
            x = _bottleneck(layers, x, filters, 1, project=False)
    return layers.dense(layers.global_average(x), 1000)


def _basic(layers: Layers, x: Any, filters: int, strides: int, project: bool) -> Any:
    shortcut = _conv_norm(layers, x, filters, 1, strides) if project else x
    y = _conv_norm_relu(layers, x, filters, 3, strides)
    y = _conv_norm(layers, y, filters, 3)
    return layers.activation(layers.add(y, shortcut), "relu")


def _bottleneck(layers: Layers, x: Any, filters: int, strides: int, project: bool) -> Any:
    shortcut = _conv_norm(layers, x, 4 * filters, 1, strides) if project else x
    y = _conv_norm_relu(layers, x, filters, 1)
    y = _conv_norm_relu(layers, y, filters, 3, strides)
    y = _conv_norm(layers, y, 4 * filters, 1)
    return layers.activation(layers.add(y, shortcut), "relu")


def _conv_norm(layers: Layers, x: Any, filters: int, size: int, strides: int = 1) -> Any:
    return layers.norm(layers.conv(x, filters, size, strides, padding=size // 2))


def _conv_norm_relu(layers: Layers, x: Any, filters: int, size: int, strides: int = 1) -> Any:
    return layers.activation(_conv_norm(layers, x, filters, size, strides), "relu")
