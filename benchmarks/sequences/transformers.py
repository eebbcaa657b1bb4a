"""Transformers: an encoder as in Vaswani et al., 2017, and a decoder as in Radford et al., 2019 (GPT-2)."""

from __future__ import annotations

from typing import Any

from benchmarks.sequences.layers import SequenceLayers
from benchmarks.sequences.sequence import Sizes


def encoder(layers: SequenceLayers, x: Any, sizes: Sizes) -> Any:
    """Logits of a token at every step; normalisation after each sum, ReLU inside."""
    x = layers.positions(layers.embedding(x, sizes["vocabulary"], sizes["size"]))
    for _ in range(sizes["layers"]):
        x = layers.norm(layers.add(x, layers.attention(x, sizes["heads"], causal=False)))
        x = layers.norm(layers.add(x, _inner(layers, x, sizes, "relu")))
    return layers.dense(x, sizes["vocabulary"])


def gpt(layers: SequenceLayers, x: Any, sizes: Sizes) -> Any:
    """Logits of the next token at every step; normalisation before each branch, GELU inside."""
    x = layers.positions(layers.embedding(x, sizes["vocabulary"], sizes["size"]))
    for _ in range(sizes["layers"]):
        x = layers.add(x, layers.attention(layers.norm(x), sizes["heads"], causal=True))
        x = layers.add(x, _inner(layers, layers.norm(x), sizes, "gelu"))
    return layers.dense(layers.norm(x), sizes["vocabulary"])


def _inner(layers: SequenceLayers, x: Any, sizes: Sizes, activation: str) -> Any:
    return layers.dense(layers.dense(x, sizes["inner"], activation), sizes["size"])
