"""Random numbers: each is a function of a key and of the element's place (Philox4x32-10), on any executor alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.core import Operand, apply, cast, convert, normal_axis, normal_shape, positive, to_float
from lamina.ops.elementwise import clip, maximum
from lamina.ops.logic import where
from lamina.ops.reduction import argmax, sum
from lamina.ops.shaping import expand_dims
from lamina.ops.transcendental import erfinv, log
from lamina.random.seed_generator import draw_seed
from lamina.tensor.arithmetic import add, multiply, negative, subtract
from lamina.tensor.tensor import Tensor

# Twice the tail of the normal distribution beyond two standard deviations is 1 - erf(sqrt(2)).
_WITHIN_TWO_SIGMA = math.erf(math.sqrt(2))


def _dtype(name: str, dtype: Any) -> str:
    known = dtypes.canonical(dtype or config.floatx)
    if not dtypes.is_float(known):
        raise ArgumentError(f"{name}: dtype must be a float. Received: {known}.")
    return known


def bits(shape: Any, seed: Any = None) -> Tensor:
    """Random bits, as uint32.

    Args:
        shape: of the result.
        seed: as for all draws: a `SeedGenerator`; a whole number, for the same numbers every time; or None.
    """
    return apply(P.RANDOM_BITS, draw_seed(seed), shape=normal_shape("random", shape))


def _fraction(shape: Any, seed: Any, name: str) -> Tensor:
    """Numbers from 0 to below 1 in steps of 2**-24 (float64: 2**-53), half floats in as many bits as they hold."""
    if name == "float64":
        words = bits((*normal_shape("random", shape), 2), seed)
        high, low = cast(words[..., 0] >> 5, "float64"), cast(words[..., 1] >> 6, "float64")
        return multiply(add(multiply(high, 2.0**26), low), 2.0**-53)
    kept = {"float32": 24, "float16": 11, "bfloat16": 8}[name]
    return multiply(cast(bits(shape, seed) >> (32 - kept), name), 2.0**-kept)


def _symmetric(shape: Any, seed: Any, name: str) -> Tensor:
    """Numbers between -1 and 1, neither included, symmetric about 0; float32 or float64."""
    if name == "float64":
        return add(multiply(_fraction(shape, seed, name), 2.0), -1.0 + 2.0**-53)
    place = cast(bits(shape, seed) >> 8, "float32")
    return multiply(subtract(place, 2.0**23 - 0.5), 2.0**-23)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers that are equally likely everywhere from `minval` to below `maxval`.

    Args:
        shape: of the result.
        minval, maxval: numbers or tensors that broadcast.
        dtype: a float, `floatx` by default.
        seed: a `SeedGenerator`; a whole number, for the same numbers every time; or None for the global generator.
    """
    name = _dtype("uniform", dtype)
    fraction = _fraction(shape, seed, name)
    if isinstance(minval, (int, float)) and isinstance(maxval, (int, float)):
        if minval == 0 and maxval == 1:
            return fraction
        return add(multiply(fraction, float(maxval - minval)), float(minval))
    low, high = cast(convert(minval), name), cast(convert(maxval), name)
    return add(multiply(fraction, subtract(high, low)), low)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed numbers, by the inverse of the distribution function (see `ops.erfinv`).

    Args:
        shape: of the result.
        mean, stddev: numbers or tensors that broadcast.
        dtype: a float, `floatx` by default.
        seed: as in `uniform`.
    """
    return _normal_within(1.0, shape, mean, stddev, _dtype("normal", dtype), seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """As `normal`, of the numbers within two standard deviations of the mean only."""
    return _normal_within(_WITHIN_TWO_SIGMA, shape, mean, stddev, _dtype("truncated_normal", dtype), seed)


def _normal_within(share: float, shape: Any, mean: Any, stddev: Any, name: str, seed: Any) -> Tensor:
    wide = dtypes.compute_dtype(name)
    place = _symmetric(shape, seed, wide)
    if share < 1:
        place = multiply(place, share)
    result = multiply(erfinv(place), math.sqrt(2))
    result = clip(result, -2.0, 2.0) if share < 1 else result
    if not (type(stddev) in (int, float) and stddev == 1):
        result = multiply(result, cast(convert(stddev), wide))
    if not (type(mean) in (int, float) and mean == 0):
        result = add(result, cast(convert(mean), wide))
    return positive(cast(result, name))


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Whole numbers that are equally likely from `minval` to below `maxval`.

    Args:
        shape: of the result.
        minval, maxval: whole numbers, or integer tensors that broadcast and lie less than 2**31 apart.
        dtype: an integer, int32 by default.
        seed: as in `uniform`.
    """
    name = dtypes.canonical(dtype)
    if not dtypes.is_integer(name):
        raise ArgumentError(f"randint: dtype must be an integer. Received: {name}.")
    known = isinstance(minval, (int, np.integer)) and isinstance(maxval, (int, np.integer))
    if known and int(maxval) <= int(minval):
        raise ArgumentError(f"randint: maxval must be above minval. Received: minval={minval}, maxval={maxval}.")
    if known and int(maxval) - int(minval) > 2**31:
        return _wide_randint(shape, int(minval), int(maxval), name, seed)
    low, high = cast(convert(minval), "int64"), cast(convert(maxval), "int64")
    scaled = multiply(cast(bits(shape, seed), "int64"), subtract(high, low)) >> 32
    return positive(cast(add(scaled, low), name))


def _wide_randint(shape: Any, low: int, high: int, name: str, seed: Any) -> Tensor:
    """The remainder of 63 random bits: for ranges that 32 bits do not cover."""
    if high - low >= 2**63:
        raise ArgumentError(f"randint: maxval - minval must be below 2**63. Received: {high} - {low}.")
    words = cast(bits((*normal_shape("random", shape), 2), seed), "int64")
    joined = (words[..., 0] << 31) ^ words[..., 1]
    return positive(cast(add(joined % (high - low), convert(low, "int64")), name))


def bernoulli(shape: Any, p: Any = 0.5, dtype: Any = None, seed: Any = None) -> Tensor:
    """1 with probability `p`, else 0.

    Args:
        shape: of the result.
        p: a number or tensor that broadcasts, from 0 to 1.
        dtype: `floatx` by default.
        seed: as in `uniform`.
    """
    hit = _chance(p, bits(shape, seed))
    return positive(cast(hit, dtypes.canonical(dtype or config.floatx)))


def _chance(p: Any, words: Operand) -> Tensor:
    """True with probability `p`."""
    if isinstance(p, (int, float)):
        if not 0 <= p <= 1:
            raise ArgumentError(f"A probability must lie from 0 to 1. Received: {p}.")
        most = round(float(p) * 2**32) - 1
        return words <= convert(most, "uint32") if most >= 0 else words != words
    return multiply(cast(words >> 8, "float32"), 2.0**-24) < cast(convert(p), "float32")


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """How many of `counts` trials succeed, each with the given probability.

    Args:
        shape: of the result; `counts` and `probabilities` broadcast to it.
        counts: whole numbers, known while tracing; every trial is drawn, so large counts take long.
        probabilities: from 0 to 1.
        dtype: `floatx` by default.
        seed: as in `uniform`.
    """
    dims = normal_shape("binomial", shape)
    trials = convert(counts)
    most = int(np.max(trials.numpy(), initial=0))
    chance = probabilities if isinstance(probabilities, (int, float)) else expand_dims(to_float(probabilities), -1)
    hit = _chance(chance, bits((*dims, most), seed))
    if trials.ndim:
        hit = hit & (Tensor.of_array(np.arange(most)) < expand_dims(cast(trials, "int64"), -1))
    return positive(cast(sum(hit, -1), dtypes.canonical(dtype or config.floatx)))


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Classes drawn by their log-probabilities, which need not be scaled: the place of the largest logit with noise.

    The noise is Gumbel's, `-log(-log(u))` (Gumbel-max trick).

    Args:
        logits: of shape (batch, classes).
        num_samples: draws for each row.

    Returns:
        Of shape (batch, num_samples).
    """
    x = to_float(logits)
    if len(x.dims) != 2:
        raise ShapeError(f"categorical: logits must have shape (batch, classes). Received: rank {len(x.dims)}.")
    x = cast(x, dtypes.compute_dtype(x.dtype))
    batch, classes = x.dims
    words = cast(bits((batch, num_samples, classes), seed) >> 8, x.dtype)
    fraction = multiply(maximum(words, 0.5), 2.0**-24)
    noise = negative(log(negative(log(fraction))))
    return positive(cast(argmax(add(expand_dims(x, 1), noise), axis=-1), dtype))


def permutation(length: Any, seed: Any = None) -> Tensor:
    """The numbers from 0 to below `length` in random order, as int64."""
    return apply(P.RANDOM_PERMUTATION, draw_seed(seed), length=normal_shape("permutation", length)[0])


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """`x` with its entries along an axis in random order."""
    x = convert(x)
    place = normal_axis("shuffle", axis, len(x.dims))
    return apply(P.TAKE, x, permutation(x.dims[place], seed), axis=place)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[Any] | None = None, seed: Any = None) -> Tensor:
    """`inputs` with elements set to 0 with probability `rate`, and the others divided by `1 - rate`.

    Args:
        rate: from 0 to below 1; 1 gives zeros.
        noise_shape: the shape of the random choice, which is broadcast; None, also within it, for that of `inputs`.
        seed: as in `uniform`.
    """
    if not 0 <= rate <= 1:
        raise ArgumentError(f"dropout: rate must lie from 0 to 1. Received: {rate}.")
    x = to_float(inputs)
    if rate == 0:
        return positive(x)
    shape = x.dims if noise_shape is None else [d if n is None else n for n, d in zip(noise_shape, x.dims, strict=True)]
    kept = _chance(1 - rate, bits(tuple(shape), seed))
    return where(kept, multiply(x, 1 / (1 - rate) if rate < 1 else 0.0), 0.0)
