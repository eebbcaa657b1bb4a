"""The layers that networks over time are said in; each framework answers them in its own way."""

from __future__ import annotations

from typing import Any, Protocol


class SequenceLayers(Protocol):
    """What a definition is called with. Every call makes one layer and applies it to `x`: `(batch, steps, features)`.

    Names of activations are Keras's; so are gates, their order and the two biases of a GRU.
    """

    def embedding(self, x: Any, count: int, size: int) -> Any:
        """Tokens `(batch, steps)` -> a learnt vector for each."""

    def positions(self, x: Any) -> Any:
        """Adds a learnt vector for each step."""

    def lstm(self, x: Any, units: int) -> Any:
        """The last state `(batch, units)`."""

    def both_ways(self, x: Any, units: int, sequences: bool = False) -> Any:
        """Two LSTMs, one from each end, side by side: their last states, or those of all steps."""

    def gru(self, x: Any, units: int) -> Any:
        """The states of all steps."""

    def attention(self, x: Any, heads: int, causal: bool) -> Any:
        """Self-attention with projections, the features being divided among the heads."""

    def norm(self, x: Any) -> Any:
        """Layer normalisation."""

    def dense(self, x: Any, units: int, activation: str | None = None) -> Any: ...

    def add(self, x: Any, y: Any) -> Any: ...


# What is added to variances, alike in all frameworks.
EPSILON = 1e-5
