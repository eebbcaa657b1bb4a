"""Dropout for self-normalising networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops, random
from lamina.layers.regularization.dropout import filled_shape
from lamina.layers.regularization.training_noise import TrainingNoise, is_number

# What selu gives for an input without a lower limit: minus its scale times its alpha.
_LOWEST = -1.0507009873554805 * 1.6732632423543772


class AlphaDropout(TrainingNoise):
    """Sets a share of the inputs to the lowest value of `selu` while training.

    A scale and a shift keep mean 0 and variance 1 as they are, which goes well with `selu` and
    `"lecun_normal"` kernels.

    Args:
        rate: the share, from 0 to below 1.
        noise_shape: shape of the pattern; axes of size 1 share it (None: the input's size); the input's when None.
        seed: of the random numbers; drawn when None.

    Raises:
        ArgumentError: if the rate is not from 0 to below 1.

    Source: Klambauer et al., 2017, "Self-normalizing neural networks".
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__("rate", rate, "from 0 to below 1", is_number(rate) and 0 <= rate < 1, seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs: Any) -> Any:
        shape = filled_shape(self._title(), self.noise_shape, inputs) or inputs.dims
        kept = random.bernoulli(shape, 1.0 - self.rate, dtype="bool", seed=self.seed_generator)
        scale = ((1.0 - self.rate) * (1.0 + self.rate * _LOWEST**2)) ** -0.5
        shift = -scale * _LOWEST * self.rate
        return ops.where(kept, inputs, _LOWEST) * scale + shift

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "noise_shape": self.noise_shape}
