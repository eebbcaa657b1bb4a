"""Initializers that draw numbers at random, from a seed that decides them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops, random
from lamina.base.errors import ArgumentError, ShapeError
from lamina.initializers.initializer import Initializer, standard_dtype


class RandomInitializer(Initializer):
    """Base of random initializers.

    Args:
        seed: an int gives the same values at every call; None draws an int now, so that this one instance gives
            the same values at every call too; a `SeedGenerator` gives others at each call.
    """

    def __init__(self, seed: Any = None):
        if isinstance(seed, dict):
            seed = random.SeedGenerator.from_config(seed["config"])
        if isinstance(seed, bool) or not (seed is None or isinstance(seed, (int, np.integer, random.SeedGenerator))):
            raise ArgumentError(
                f"{type(self).__name__}: seed must be an int, a SeedGenerator or None. Received: {seed!r}."
            )
        self._given_seed = seed
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        seed: Any = self._given_seed
        if isinstance(seed, random.SeedGenerator):
            seed = {"class_name": "SeedGenerator", "config": seed.get_config()}
        return {"seed": seed}


class RandomNormal(RandomInitializer):
    """Normally distributed numbers; `mean` 0, `stddev` 0.05."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return random.normal(
            tuple(shape), mean=self.mean, stddev=self.stddev, dtype=standard_dtype(dtype), seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normally distributed numbers, those beyond two standard deviations drawn again."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return random.truncated_normal(
            tuple(shape), mean=self.mean, stddev=self.stddev, dtype=standard_dtype(dtype), seed=self.seed
        )


class RandomUniform(RandomInitializer):
    """Numbers spread evenly over `minval` (-0.05) to `maxval` (0.05)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return random.uniform(
            tuple(shape), minval=self.minval, maxval=self.maxval, dtype=standard_dtype(dtype), seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class Orthogonal(RandomInitializer):
    """A matrix with orthogonal columns (or rows, where those are fewer), drawn evenly (Saxe et al., 2013).

    A weight of higher rank is seen as a matrix with its last axis as columns.

    Args:
        gain: factor of the matrix; 1.
        seed: as in `RandomInitializer`.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal needs a weight of rank 2 or more. Received: shape={shape}.")
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        drawn = np.asarray(random.normal(tall, dtype="float32", seed=self.seed), dtype="float64")
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))  # makes the decomposition unique, and so the distribution even
        matrix = q if rows >= columns else q.T
        return ops.convert_to_tensor(
            np.ascontiguousarray(self.gain * matrix.reshape(shape)), dtype=standard_dtype(dtype)
        )

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}
