"""What the workloads know of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.layers import Layers

Definition = Callable[[Layers, Any], Any]


@dataclass(frozen=True)
class Network:
    """Attributes:
    name: for tables and settings.
    define: layers and the input -> the output: a row of logits, or one logit a pixel.
    shape: of an example: rows, columns, channels.
    mask: whether it gives one logit a pixel, with a target of the same size; else logits of classes.
    optimizer: `sgd` (with momentum) or `adam`.
    learning_rate: of the optimizer: so that a few steps move the loss, yet not so far that roundings decide about it.
    softmax: whether the Keras model ends in a softmax rather than in logits.
    """

    name: str
    define: Definition
    shape: tuple[int, int, int]
    mask: bool = False
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    softmax: bool = False


SGD_MOMENTUM = 0.9
