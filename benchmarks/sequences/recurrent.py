"""Recurrent networks: one logit for a text, classes of a series, and a language model."""

from __future__ import annotations

from typing import Any

from benchmarks.sequences.layers import SequenceLayers
from benchmarks.sequences.sequence import Sizes


def lstm_classifier(layers: SequenceLayers, x: Any, sizes: Sizes) -> Any:
    x = layers.embedding(x, sizes["vocabulary"], sizes["embedding"])
    return layers.dense(layers.lstm(x, sizes["units"]), 1)


def bidirectional_lstm(layers: SequenceLayers, x: Any, sizes: Sizes) -> Any:
    x = layers.both_ways(x, sizes["units"], sequences=True)
    return layers.dense(layers.both_ways(x, sizes["units"]), sizes["classes"])


def gru_language_model(layers: SequenceLayers, x: Any, sizes: Sizes) -> Any:
    x = layers.embedding(x, sizes["vocabulary"], sizes["embedding"])
    return layers.dense(layers.gru(x, sizes["units"]), sizes["vocabulary"])
