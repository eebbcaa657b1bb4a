"""Initializers whose spread follows from the size of the layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import random
from lamina.base.errors import ArgumentError
from lamina.initializers.initializer import standard_dtype
from lamina.initializers.random import RandomInitializer

# Standard deviation of a standard normal distribution that is cut off at -2 and 2.
_TRUNCATED_STDDEV = 0.87962566103423978


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs reach an output of a weight, and how many outputs an input reaches.

    Args:
        shape: `(inputs, outputs)`, or `(*window, inputs, outputs)` of a convolution; a bias has its size as both.
    """
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return int(shape[0]), int(shape[0])
    window = math.prod(shape[:-2])
    return int(shape[-2] * window), int(shape[-1] * window)


class VarianceScaling(RandomInitializer):
    """Numbers with variance `scale / n`, where `n` is the number of a unit's inputs, outputs, or their mean.

    Args:
        scale: a positive factor; 1.
        mode: `"fan_in"` (default), `"fan_out"` or `"fan_avg"`: what `n` is.
        distribution: `"truncated_normal"` (default; also `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: as in `RandomInitializer`.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: Any = None
    ):
        super().__init__(seed)
        if scale <= 0:
            raise ArgumentError(f"VarianceScaling: scale must be above 0. Received: {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(f"VarianceScaling: mode must be 'fan_in', 'fan_out' or 'fan_avg'. Received: {mode!r}.")
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ArgumentError(
                "VarianceScaling: distribution must be 'truncated_normal', 'untruncated_normal' or 'uniform'. "
                f"Received: {distribution!r}."
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def _variance(self, shape: Sequence[int]) -> float:
        fan_in, fan_out = compute_fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        return self.scale / max(1.0, count)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        shape, dtype = tuple(shape), standard_dtype(dtype)
        variance = self._variance(shape)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, mean=0.0, stddev=math.sqrt(variance), dtype=dtype, seed=self.seed)
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return random.truncated_normal(shape, mean=0.0, stddev=stddev, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return own | super().get_config()


class _Preset(VarianceScaling):
    """A variance scaling with everything but the seed decided."""

    preset: tuple[float, str, str]

    def __init__(self, seed: Any = None):
        super().__init__(*self.preset, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return RandomInitializer.get_config(self)


class GlorotUniform(_Preset):
    """Uniform within `sqrt(6 / (inputs + outputs))` of 0 (Glorot and Bengio, 2010)."""

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal with standard deviation `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010)."""

    preset = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_Preset):
    """Truncated normal with standard deviation `sqrt(2 / inputs)` (He et al., 2015)."""

    preset = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Preset):
    """Uniform within `sqrt(6 / inputs)` of 0 (He et al., 2015)."""

    preset = (2.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal with standard deviation `sqrt(1 / inputs)` (LeCun et al., 1998)."""

    preset = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform within `sqrt(3 / inputs)` of 0 (LeCun et al., 1998)."""

    preset = (1.0, "fan_in", "uniform")
