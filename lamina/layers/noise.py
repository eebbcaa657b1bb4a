"""Layers that disturb their input while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops, random
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer


class Dropout(Layer):
    """Sets a share of the inputs to 0 while training, and scales the others so that the expected sum stays.

    Outside of training the inputs pass unchanged.

    Args:
        rate: the share, from 0 to 1.
        noise_shape: shape of the pattern; axes of size 1 share it (None: the input's size); the input's when None.
        seed: of the random numbers; drawn when None.

    Raises:
        ArgumentError: if the rate is not within 0 and 1.

    Source: Srivastava et al., 2014.
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ArgumentError(f"{self._title()}: rate must be a number from 0 to 1. Received: {rate!r}.")
        self.rate = rate
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        shape = self.noise_shape
        if shape is not None:
            sizes = zip(shape, inputs.dims, strict=True)
            shape = tuple(full if size is None else size for size, full in sizes)
        return random.dropout(inputs, self.rate, noise_shape=shape, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class GaussianNoise(Layer):
    """Adds normally distributed numbers while training.

    Args:
        stddev: their standard deviation, at least 0.
        seed: of the random numbers; drawn when None.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(stddev, bool) or not isinstance(stddev, (int, float)) or stddev < 0:
            raise ArgumentError(f"{self._title()}: stddev must be a number of at least 0. Received: {stddev!r}.")
        self.stddev = stddev
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        noise = random.normal(inputs.dims, stddev=self.stddev, dtype=inputs.dtype, seed=self.seed_generator)
        return ops.add(inputs, noise)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev, "seed": self.seed}
