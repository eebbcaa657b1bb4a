"""Noise that multiplies."""

from __future__ import annotations

import math
from typing import Any

from lamina import random
from lamina.layers.regularization.training_noise import TrainingNoise, is_number


class GaussianDropout(TrainingNoise):
    """Multiplies with normally distributed numbers of mean 1 while training.

    Their variance, `rate / (1 - rate)`, is that of what `Dropout` multiplies with.

    Args:
        rate: from 0 to below 1.
        seed: of the random numbers; drawn when None.

    Raises:
        ArgumentError: if the rate is not from 0 to below 1.

    Source: Srivastava et al., 2014, section 10.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__("rate", rate, "from 0 to below 1", is_number(rate) and 0 <= rate < 1, seed, **kwargs)
        self.rate = rate

    def disturb(self, inputs: Any) -> Any:
        spread = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * random.normal(inputs.dims, 1.0, spread, dtype=inputs.dtype, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate}
