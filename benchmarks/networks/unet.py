"""U-Net (Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597) with padding, so that sizes stay as they are."""

from __future__ import annotations

from typing import Any

from benchmarks.networks.layers import Layers

BASE, LEVELS = 32, 4


def unet(layers: Layers, x: Any) -> Any:
    """One logit a pixel: four levels down and up again, with 32 channels at the top and 512 at the bottom."""
    skipped = []
    for level in range(LEVELS):
        x = _two_convolutions(layers, x, BASE << level)
        skipped.append(x)
        x = layers.max_pool(x, 2, 2)
    x = _two_convolutions(layers, x, BASE << LEVELS)
    for level in reversed(range(LEVELS)):
        x = layers.conv_transpose(x, BASE << level, 2)
        x = _two_convolutions(layers, layers.concatenate(skipped[level], x), BASE << level)
    return layers.conv(x, 1, 1, use_bias=True)


def _two_convolutions(layers: Layers, x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.conv(x, filters, 3, padding=1, use_bias=True, activation="relu")
    return x
