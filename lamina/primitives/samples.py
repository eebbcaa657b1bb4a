"""Arrays with which primitives are tested: typical ones and the edges of what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from lamina.base import dtypes
from lamina.graph import Sample

EDGE_SHAPES = ((), (1,), (0, 3), (7,), (2, 1, 5))
_FLOAT_SPECIALS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-30, 1e30)


def available(names: Iterable[str]) -> list[str]:
    """The dtypes that exist here: bfloat16 only where ml_dtypes is installed."""
    found = []
    for name in names:
        try:
            dtypes.to_numpy(name)
        except ImportError:
            continue
        found.append(name)
    return found


def values(shape: Sequence[int], dtype: str = "float64", low: float = -2, high: float = 2, seed: int = 0) -> np.ndarray:
    """Repeatable values between `low` and `high`; of unsigned integers between 0 and `high`."""
    generator = np.random.default_rng([seed, len(shape)])
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtypes.is_integer(dtype):
        lowest = 0 if dtype in dtypes.UNSIGNED else int(np.floor(low))
        return generator.integers(max(lowest, int(np.floor(low))), int(np.ceil(high)) + 1, shape).astype(dtype)
    return np.asarray(generator.uniform(low, high, shape)).astype(dtypes.to_numpy(dtype))


def strided(
    shape: Sequence[int], dtype: str = "float64", low: float = -2, high: float = 2, seed: int = 0
) -> np.ndarray:
    """Values in memory that is not contiguous: every second column of an array that is stored transposed."""
    wide = values(tuple(reversed([*shape[:-1], 2 * shape[-1]])), dtype, low, high, seed)
    return wide.T[..., ::2]


def specials(dtype: str) -> np.ndarray:
    """The special values of a dtype: NaN, infinities and signed zeros; the ends of an integer's range."""
    if dtype == "bool":
        return np.array([False, True])
    if dtypes.is_integer(dtype):
        info = np.iinfo(dtype)
        return np.array(sorted({info.min, info.max, 0, 1, 2, 7, max(info.min, -1), max(info.min, -7)}), dtype)
    with np.errstate(over="ignore"):
        return np.array(_FLOAT_SPECIALS).astype(dtypes.to_numpy(dtype))


def elementwise_samples(
    operands: int, names: Iterable[str], low: float = -2, high: float = 2, with_specials: bool = True
) -> Iterator[Sample]:
    """Samples of an elementwise operation whose operands share shape and dtype.

    Args:
        operands: how many there are.
        names: dtypes to cover; edge shapes come in the last.
        low, high: where typical values lie.
        with_specials: also all combinations of special values.
    """
    found = available(names)
    for dtype in found:
        yield Sample(tuple(values((3, 5), dtype, low, high, seed) for seed in range(operands)))
        if with_specials:
            combinations = np.array(list(product(specials(dtype), repeat=operands)), dtypes.to_numpy(dtype))
            yield Sample(tuple(combinations.T), {}, False)
    for shape in EDGE_SHAPES:
        yield Sample(tuple(values(shape, found[-1], low, high, seed) for seed in range(operands)))
    yield Sample(tuple(strided((3, 4), found[-1], low, high, seed) for seed in range(operands)))
