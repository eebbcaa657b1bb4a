"""The layers that the networks are said in; each framework answers them in its own way."""

from __future__ import annotations

from typing import Any, Protocol


class Layers(Protocol):
    """What a network's definition is called with. Every call makes one layer and applies it to `x`.

    Sizes and strides are those of both spatial axes. `padding` zeros stand before and after each of them (for a
    maximum: elements that are never taken). Names of activations are Keras's.
    """

    def conv(
        self,
        x: Any,
        filters: int,
        size: int,
        strides: int = 1,
        padding: int = 0,
        use_bias: bool = False,
        activation: str | None = None,
    ) -> Any: ...

    def depthwise(self, x: Any, size: int, strides: int = 1, padding: int = 0) -> Any:
        """A convolution of every channel with a filter of its own, without bias."""

    def conv_transpose(self, x: Any, filters: int, size: int) -> Any:
        """A transposed convolution with bias, whose strides are its size."""

    def norm(self, x: Any) -> Any:
        """Batch normalisation over the channels."""

    def activation(self, x: Any, name: str) -> Any: ...

    def max_pool(self, x: Any, size: int, strides: int, padding: int = 0) -> Any: ...

    def global_average(self, x: Any) -> Any: ...

    def flatten(self, x: Any) -> Any:
        """One row an example: channels run fastest, then columns, then rows."""

    def dense(self, x: Any, units: int, activation: str | None = None) -> Any: ...

    def add(self, x: Any, y: Any) -> Any: ...

    def concatenate(self, x: Any, y: Any) -> Any:
        """Joins channels."""


# Batch normalisation alike in all frameworks: the share that moving statistics keep, and what is added to variances.
MOMENTUM, EPSILON = 0.9, 1e-5
