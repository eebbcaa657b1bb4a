"""Noise that is added."""

from __future__ import annotations

from typing import Any

from lamina import random
from lamina.layers.regularization.training_noise import TrainingNoise, is_number


class GaussianNoise(TrainingNoise):
    """Adds normally distributed numbers while training.

    Args:
        stddev: their standard deviation, at least 0.
        seed: of the random numbers; drawn when None.

    Raises:
        ArgumentError: if the standard deviation is below 0.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__("stddev", stddev, "of at least 0", is_number(stddev) and stddev >= 0, seed, **kwargs)
        self.stddev = stddev

    def disturb(self, inputs: Any) -> Any:
        return inputs + random.normal(inputs.dims, 0.0, self.stddev, dtype=inputs.dtype, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev}
