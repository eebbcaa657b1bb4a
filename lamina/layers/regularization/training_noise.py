"""What the layers that disturb their input while training have in common."""

from __future__ import annotations

from typing import Any

from lamina import random
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer


class TrainingNoise(Layer):
    """A layer that changes its input at random while training, and passes it on unchanged otherwise.

    A subclass has `disturb(inputs)`, which is called while training only, and not when `amount` is 0.

    Args:
        argument: what messages call the amount, such as `"rate"`.
        amount: how much is changed.
        limit: what the amount may be, in words; allowed: whether it is.
        seed: of the random numbers; drawn when None.

    Raises:
        ArgumentError: if the amount is not allowed.
    """

    def __init__(self, argument: str, amount: Any, limit: str, allowed: bool, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        if not allowed:
            raise ArgumentError(f"{self._title()}: {argument} must be a number {limit}. Received: {amount!r}.")
        self._amount = amount
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def disturb(self, inputs: Any) -> Any:
        """The changed inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no `disturb(inputs)`.")

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        return self.disturb(inputs) if training and self._amount > 0 else inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": self.seed}


def is_number(value: Any) -> bool:
    """Whether a value is a Python number, and not a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
