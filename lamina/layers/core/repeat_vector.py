"""One vector for every step."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.dense import positive_integer
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class RepeatVector(Layer):
    """Makes a sequence of a vector, which is the same at every step: what a decoder is told of the whole of its input.

    Input: `(batch, features)`; output: `(batch, n, features)`.

    Args:
        n: the number of steps.

    Raises:
        ArgumentError: if it is not a positive whole number.
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = positive_integer(self._title(), "n", n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        batch, features = inputs.dims
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}
