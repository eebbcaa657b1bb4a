"""Initializers: statistics of Keras, seeds, names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import initializers, random
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import Trace
from tests.golden.reference import label, load

CASES = load("initializers")
RANDOM = ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotNormal", "GlorotUniform",
          "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal"]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=label)
def test_spread_as_keras(case: dict[str, Any]) -> None:
    kind = getattr(initializers, case["name"])
    constant = case["name"] in ("Zeros", "Ones", "Constant")
    value = np.asarray(kind(**case["config"], **({} if constant else {"seed": 5}))(case["shape"]), "float64")
    assert value.shape == tuple(case["shape"])
    # The standard error of both means is std / sqrt(n); of the standard deviation, about std / sqrt(2 n).
    tolerance = 6 * case["std"] * np.sqrt(2 / value.size) + 1e-7
    assert abs(value.mean() - case["mean"]) < tolerance
    assert abs(value.std() - case["std"]) < tolerance
    bounded = case["name"] not in ("RandomNormal",) and "untruncated" not in str(case["config"])
    if bounded:  # the ends of a uniform or truncated distribution are the same numbers, whatever the seed
        np.testing.assert_allclose([value.min(), value.max()], [case["low"], case["high"]], rtol=2e-2)


@pytest.mark.parametrize("name", RANDOM)
def test_seed_decides_the_values(name: str) -> None:
    kind = getattr(initializers, name)
    first = np.asarray(kind(seed=1)((6, 4)))
    np.testing.assert_array_equal(first, kind(seed=1)((6, 4)))
    assert not np.array_equal(first, kind(seed=2)((6, 4)))


def test_no_seed_gives_each_instance_its_own_values() -> None:
    a, b = initializers.GlorotUniform(), initializers.GlorotUniform()
    assert not np.array_equal(a((3, 3)), b((3, 3)))
    np.testing.assert_array_equal(a((3, 3)), a((3, 3)))


def test_seed_generator_gives_other_values_at_each_call() -> None:
    a = initializers.RandomNormal(seed=random.SeedGenerator(1))
    assert not np.array_equal(a((3, 3)), a((3, 3)))


def test_set_random_seed_decides_instances_without_seed() -> None:
    results = []
    for _ in range(2):
        random.set_random_seed(11)
        results.append([np.asarray(initializers.HeNormal()((4, 4))) for _ in range(2)])
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0][0], results[0][1])


def test_made_while_tracing_is_concrete() -> None:
    trace = Trace()
    with trace.stage("test"):
        trace.input((Dim("batch"), 2), "float32")
        assert not initializers.GlorotUniform()((2, 3)).symbolic


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 2, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    value = np.asarray(initializers.Orthogonal(gain=2.0, seed=3)(shape), "float64").reshape(-1, shape[-1])
    tall = value if value.shape[0] >= value.shape[1] else value.T
    np.testing.assert_allclose(tall.T @ tall, 4 * np.eye(tall.shape[1]), atol=1e-5)


def test_identity_and_constants() -> None:
    np.testing.assert_array_equal(initializers.Identity(gain=3.0)((2, 3)), [[3, 0, 0], [0, 3, 0]])
    np.testing.assert_array_equal(initializers.Constant([1.0, 2.0])((2, 2)), [[1, 2], [1, 2]])
    assert initializers.Constant(2.0)(()).shape == ()
    assert np.asarray(initializers.Ones()((2,), dtype="int32")).dtype == np.int32


@pytest.mark.parametrize(
    ("shape", "fans"), [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((3, 3, 8, 16), (72, 144))]
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("name", [*RANDOM, "Zeros", "Ones", "Constant", "Identity"])
def test_config_makes_the_same_initializer(name: str) -> None:
    made = initializers.get(name)
    again = initializers.deserialize(initializers.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert type(made.clone()) is type(made)


def test_names() -> None:
    assert isinstance(initializers.get("glorot_uniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get("he_normal"), initializers.HeNormal)
    assert isinstance(initializers.get("zeros"), initializers.Zeros)
    assert initializers.get(None) is None
    np.testing.assert_array_equal(initializers.get(np.array([1.0, 2.0]))((2,)), [1, 2])
    with pytest.raises(ArgumentError, match=r"There is no initializer 'glorot_unifrom'. Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: initializers.VarianceScaling(scale=0), ArgumentError, "VarianceScaling: scale must be above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), ArgumentError, "mode must be 'fan_in', 'fan_out' or"),
        (lambda: initializers.VarianceScaling(distribution="x"), ArgumentError, "distribution must be"),
        (lambda: initializers.RandomNormal(seed=1.5), ArgumentError, "RandomNormal: seed must be an int"),
        (lambda: initializers.Orthogonal()((3,)), ShapeError, "Orthogonal needs a weight of rank 2 or more"),
        (lambda: initializers.Identity()((3,)), ShapeError, "Identity makes matrices only"),
        (lambda: initializers.Constant([1, 2, 3])((2,)), ShapeError, r"value of shape \(3,\) does not fit"),
    ],
)
def test_what_cannot_be(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
