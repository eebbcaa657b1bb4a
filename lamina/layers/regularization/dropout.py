"""Dropout of single values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import random
from lamina.base.errors import ShapeError
from lamina.layers.regularization.training_noise import TrainingNoise, is_number


class Dropout(TrainingNoise):
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
        super().__init__("rate", rate, "from 0 to 1", is_number(rate) and 0 <= rate <= 1, seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs: Any) -> Any:
        return random.dropout(inputs, self.rate, noise_shape=self._pattern_shape(inputs), seed=self.seed_generator)

    def _pattern_shape(self, inputs: Any) -> tuple[Any, ...] | None:
        """The shape of the random choice, which is broadcast to the inputs; None for theirs."""
        return filled_shape(self._title(), self.noise_shape, inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "noise_shape": self.noise_shape}


def filled_shape(owner: str, shape: tuple[int | None, ...] | None, inputs: Any) -> tuple[Any, ...] | None:
    """A noise shape in which None stands for the input's size; ShapeError if it does not broadcast to the input's."""
    if shape is None:
        return None
    fits = len(shape) == len(inputs.shape)
    if not fits or any(size not in (None, 1, full) for size, full in zip(shape, inputs.dims, strict=True)):
        raise ShapeError(
            f"{owner}: noise_shape must have a size for each axis of the input: that of the input, 1, or None. "
            f"Received: noise_shape={shape}, input shape {tuple(inputs.shape)}."
        )
    return tuple(full if size is None else size for size, full in zip(shape, inputs.dims, strict=True))
