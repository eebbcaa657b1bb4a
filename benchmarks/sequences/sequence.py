"""What the workloads know of a network over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.sequences.layers import SequenceLayers

Sizes = Mapping[str, int]
Definition = Callable[[SequenceLayers, Any, Sizes], Any]


@dataclass(frozen=True)
class Sequence:
    """Attributes:
    name: for tables and settings.
    define: layers, the input and the sizes -> logits.
    sizes: of the measured network; `steps`, and either `vocabulary` (the input is tokens) or `features`.
    quick: sizes that only show that everything runs.
    target: what is predicted: `binary` (one logit), `label` (logits of classes) or `tokens` (logits at every step).
    learning_rate: of Adam.
    """

    name: str
    define: Definition
    sizes: Sizes
    quick: Sizes
    target: str
    learning_rate: float = 0.001


def input_shape(sizes: Sizes) -> tuple[int, ...]:
    """Of an example: tokens, or rows of features."""
    return (sizes["steps"], sizes["features"]) if "features" in sizes else (sizes["steps"],)
