"""Vector maths: within 2 ulp of a wider reference over the range of each format, and right at the edges.

erf's reference is its series of positive terms, 2/sqrt(pi) exp(-x**2) sum 2**n x**(2n+1) / (2n+1)!!.
"""

from __future__ import annotations

import numpy as np
import pytest

from lamina.codegen.vector_math import FUNCTIONS
from tests.codegen.numpy_builder import NumpyBuilder, Value

FORMATS = ("float32", "float64")
UNARY = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "rsqrt")
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, 1e30, -1e30)
MOST_OPERATIONS = {"exp": 25, "expm1": 25, "log": 34, "log1p": 34, "tanh": 38, "sin": 32, "cos": 32, "erf": 32}


def erf_series(x: np.ndarray) -> np.ndarray:
    size = np.minimum(np.abs(x), x.dtype.type(7.0))
    total = term = size
    for n in range(1, 160):
        term = term * 2 * size * size / (2 * n + 1)
        total = total + term
    two_over_root_pi = 2 / np.sqrt(np.arctan(x.dtype.type(1)) * 4)
    return np.copysign(np.minimum(two_over_root_pi * np.exp(-size * size) * total, 1), x)


REFERENCES = {name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "arctan2")}
REFERENCES |= {"erf": erf_series, "rsqrt": lambda x: 1 / np.sqrt(x), "pow": np.power}


def wider(dtype: str) -> np.dtype:
    wide = np.dtype(np.float64 if dtype == "float32" else np.longdouble)
    if np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        pytest.skip("no float type wider than float64 to compare with")
    return wide


def run(name: str, *arrays: np.ndarray, fused: bool = True) -> np.ndarray:
    with np.errstate(all="ignore"):
        result = FUNCTIONS[name](NumpyBuilder(fused), *(Value(a) for a in arrays)).array
    assert result.dtype == arrays[0].dtype
    return result


def expected(name: str, *arrays: np.ndarray) -> np.ndarray:
    wide = wider(arrays[0].dtype.name)
    with np.errstate(all="ignore"):
        return REFERENCES[name](*(a.astype(wide) for a in arrays))


def worst_ulp(got: np.ndarray, want: np.ndarray) -> float:
    """The largest error in units of the last place of the right result; infinite where NaN or infinity is wrong."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        unit = np.spacing(np.minimum(np.abs(rounded), np.finfo(got.dtype).max)).astype(want.dtype)
        error = np.abs(got.astype(want.dtype) - want) / unit
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    ordinary = np.isfinite(got) & np.isfinite(rounded)
    return float(np.max(np.where(ordinary, error, np.where(same, 0.0, np.inf))))


def every_magnitude(dtype: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers with random bits, so of every exponent and subnormal; special ones; and more of everyday size."""
    integer = np.dtype("int32" if dtype == "float32" else "int64")
    limits = np.iinfo(integer)
    bits = rng.integers(limits.min, limits.max, count, dtype=integer, endpoint=True).view(dtype)
    spans = (1e-3, 1.0, 4.0, 20.0, 110.0, 750.0, 1e5)
    near = [rng.uniform(-span, span, count) for span in spans]
    powers = np.exp(rng.uniform(-40, 12, count)) * rng.choice([-1, 1], count)
    around_one = 1 + rng.uniform(-1e-3, 1e-3, count)
    tiny = np.finfo(dtype).smallest_subnormal * rng.integers(-1000, 1000, count)
    # NumPy warns of the signalling NaNs among random bits.
    quiet = np.where(np.isnan(bits), np.array(np.nan, dtype), bits)
    return np.concatenate([quiet, *(np.asarray(a, dtype) for a in (*near, powers, around_one, tiny, SPECIAL))])


@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no fma"])
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", UNARY)
def test_accuracy(name: str, dtype: str, fused: bool, rng: np.random.Generator) -> None:
    x = every_magnitude(dtype, 2_000 if name == "erf" else 20_000, rng)
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) > 1e5) | ~np.isfinite(x)]
    want = expected(name, x)
    assert worst_ulp(run(name, x, fused=fused), want) <= (2 if fused else 3)


@pytest.mark.parametrize("name", UNARY)
def test_float32_evenly_through_all_bit_patterns(name: str) -> None:
    x = np.arange(0, 2**32, 32_749, dtype=np.uint32).view(np.float32)
    if name in ("sin", "cos"):
        x = x[np.abs(x) <= 1e5]
    with np.errstate(invalid="ignore"):
        want = expected(name, x)
    assert worst_ulp(run(name, x), want) <= 2


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", UNARY)
def test_edges_as_in_numpy(name: str, dtype: str) -> None:
    edges = np.array([v for v in SPECIAL if name not in ("sin", "cos") or not 1e5 < abs(v) < np.inf], dtype)
    got, want = run(name, edges), expected(name, edges).astype(dtype)
    if name in ("exp", "expm1"):
        # Overflow while rounding the reference is meant.
        want = np.where(edges == 1e30, np.inf, want)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
    numbers = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(want[numbers]))


def test_every_nan_stays_nan() -> None:
    """Also those with a payload in the bits that exponents are made of."""
    payloads = (np.arange(1, 2**23, 997, dtype=np.uint32) | 0x7FC00000).view(np.float32)
    for name in UNARY:
        assert np.isnan(run(name, payloads)).all(), name


@pytest.mark.parametrize("dtype", FORMATS)
def test_results_below_the_normal_range_are_rounded(dtype: str) -> None:
    x = np.linspace(-104, -87, 4001).astype(dtype) if dtype == "float32" else np.linspace(-746, -708, 4001)
    got, want = run("exp", x), expected("exp", x)
    assert worst_ulp(got, want) <= 1
    assert ((got > 0) & (got < np.finfo(dtype).tiny)).sum() > 1000


def test_sin_and_cos_near_multiples_of_half_pi(rng: np.random.Generator) -> None:
    """Where nearly all digits of the argument cancel."""
    turns = rng.integers(0, 60_000, 20_000)
    for dtype in FORMATS:
        x = (turns * (np.pi / 2)).astype(dtype)
        for name in ("sin", "cos"):
            assert worst_ulp(run(name, x), expected(name, x)) <= 2


@pytest.mark.parametrize("dtype", FORMATS)
def test_sin_of_large_arguments(dtype: str, rng: np.random.Generator) -> None:
    x = rng.uniform(1e5, 1e9, 5000).astype(dtype)
    want = expected("sin", x)
    np.testing.assert_allclose(run("sin", x), want.astype(dtype), atol=1e-6)
    huge = np.array([1e17, 1e25, np.finfo(dtype).max], dtype)
    assert (np.abs(run("sin", huge)) <= 1).all() and (np.abs(run("cos", huge)) <= 1).all()


def informative_powers(dtype: str, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Bases and exponents whose powers are mostly within range, and integers, and bases near one."""
    most = 88 if dtype == "float32" else 700
    bases = [np.exp(rng.uniform(-5, 5, count)), 1 + rng.uniform(-1e-2, 1e-2, count)]
    bases = [base.astype(dtype).astype("float64") for base in bases]
    exponents = [rng.uniform(-most, most, count) / np.log(base) for base in bases]
    bases += [rng.uniform(-30, 30, count), every_magnitude(dtype, count, rng)[:count]]
    exponents += [
        rng.integers(-20, 20, count).astype(float),
        rng.permutation(every_magnitude(dtype, count, rng))[:count],
    ]
    with np.errstate(over="ignore"):
        return np.concatenate(bases).astype(dtype), np.concatenate(exponents).astype(dtype)


@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no fma"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_pow(dtype: str, fused: bool, rng: np.random.Generator) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = informative_powers(dtype, 10_000, rng)
    want = expected("pow", x, y)
    assert worst_ulp(run("pow", x, y, fused=fused), want) <= 2


@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no fma"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_arctan2(dtype: str, fused: bool, rng: np.random.Generator) -> None:
    angle, radius = rng.uniform(-np.pi, np.pi, 40_000), np.exp(rng.uniform(-20, 20, 40_000))
    y = np.concatenate([(radius * np.sin(angle)).astype(dtype), every_magnitude(dtype, 4000, rng)])
    x = np.concatenate([(radius * np.cos(angle)).astype(dtype), rng.permutation(every_magnitude(dtype, 4000, rng))])
    want = expected("arctan2", y, x)
    assert worst_ulp(run("arctan2", y, x, fused=fused), want) <= (2 if fused else 3)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ["pow", "arctan2"])
def test_all_pairs_of_edges(name: str, dtype: str) -> None:
    edges = np.array(SPECIAL, dtype)
    first, second = (a.ravel() for a in np.meshgrid(edges, edges))
    got, want = run(name, first, second), expected(name, first, second)
    assert worst_ulp(got, want) <= 2
    with np.errstate(over="ignore", under="ignore"):
        rounded = want.astype(dtype)
    numbers = ~np.isnan(rounded)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(rounded[numbers]))


@pytest.mark.parametrize("name", sorted(MOST_OPERATIONS))
def test_float32_stays_short(name: str) -> None:
    builder = NumpyBuilder(fused=True)
    FUNCTIONS[name](builder, Value(np.ones(1, np.float32)))
    assert builder.operations <= MOST_OPERATIONS[name]
