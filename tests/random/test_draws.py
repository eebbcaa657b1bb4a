from __future__ import annotations

import math

import numpy as np
import pytest

from lamina import ops, random
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.compiler import compile_graph
from lamina.tensor import GradientTape, Tensor, Trace, Variable, function

N = 40_000


def distance(samples, distribution):
    """Kolmogorov and Smirnov's: the largest gap between the observed and the true distribution function."""
    ordered = np.sort(samples.astype(np.float64))
    true = distribution(ordered)
    places = np.arange(len(ordered))
    return max(np.max(true - places / len(ordered)), np.max((places + 1) / len(ordered) - true))


# Passed by chance alone in one of 1000 runs, if the distribution is right; the seeds are fixed.
LIMIT = 1.95 / math.sqrt(N)
PHI = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform(dtype):
    x = random.uniform((N,), -2.0, 3.0, dtype, seed=1).numpy()
    assert x.dtype == dtype and x.min() >= -2 and x.max() <= 3
    assert distance(x, lambda v: (v + 2) / 5) < LIMIT
    assert abs(x.mean() - 0.5) < 0.03 and abs(x.var() - 25 / 12) < 0.05


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(dtype):
    x = random.normal((N,), 1.0, 2.0, dtype, seed=2).numpy()
    z = (x.astype(np.float64) - 1) / 2
    assert distance(z, PHI) < LIMIT
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02
    assert abs((z**3).mean()) < 0.05 and abs((z**4).mean() - 3) < 0.15


def test_truncated_normal():
    z = random.truncated_normal((N,), seed=3).numpy().astype(np.float64)
    assert np.abs(z).max() <= 2
    within = PHI(2.0) - PHI(-2.0)
    assert distance(z, lambda v: (PHI(v) - PHI(-2.0)) / within) < LIMIT
    assert abs(z.std() - 0.8796) < 0.01


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    x = random.uniform((N,), dtype=dtype, seed=4)
    values = x.numpy().astype(np.float32)
    assert x.dtype == dtype and values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01
    assert random.normal((3,), dtype=dtype, seed=4).dtype == dtype


def test_randint():
    x = random.randint((N,), -3, 4, seed=5)
    assert x.dtype == "int32"
    counts = np.bincount(x.numpy() + 3, minlength=7)
    assert len(counts) == 7
    assert ((counts - N / 7) ** 2 / (N / 7)).sum() < 22.5  # chi-squared with 6 degrees of freedom, 1 in 1000
    wide = random.randint((N,), -(2**40), 2**40, "int64", seed=5).numpy()
    assert wide.min() < -(2**39) and wide.max() > 2**39 and np.abs(wide).max() <= 2**40
    assert abs(wide.mean()) < 2**40 * 0.02
    assert random.randint((3,), 0, 2**32, "int64", seed=1).numpy().max() < 2**32


def test_bernoulli_and_binomial():
    assert abs(float(ops.mean(random.bernoulli((N,), 0.3, seed=6))) - 0.3) < 0.01
    assert float(ops.sum(random.bernoulli((N,), 0.0, seed=6))) == 0
    assert float(ops.sum(random.bernoulli((N,), 1.0, seed=6))) == N
    by_row = random.bernoulli((3, N), np.array([[0.1], [0.5], [0.9]]), seed=6)
    np.testing.assert_allclose(ops.mean(by_row, 1), [0.1, 0.5, 0.9], atol=0.01)
    x = random.binomial((N,), 10, 0.4, seed=7).numpy()
    assert abs(x.mean() - 4) < 0.05 and abs(x.var() - 2.4) < 0.1
    mixed = random.binomial((N, 2), np.array([1.0, 5.0]), np.array([1.0, 0.5]), seed=7).numpy()
    assert (mixed[:, 0] == 1).all() and abs(mixed[:, 1].mean() - 2.5) < 0.05


def test_categorical():
    logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]], np.float32))
    x = random.categorical(logits, N, seed=8)
    assert x.shape == (2, N) and x.dtype == "int32"
    np.testing.assert_allclose(np.bincount(x.numpy()[0]) / N, [0.1, 0.2, 0.7], atol=0.01)
    assert x.numpy()[1].max() == 1
    with pytest.raises(ShapeError, match=r"\(batch, classes\)"):
        random.categorical(logits[0], 3)


def test_shuffle_and_permutation():
    x = np.arange(20.0, dtype=np.float32).reshape(10, 2)
    mixed = random.shuffle(x, seed=9).numpy()
    assert not np.array_equal(mixed, x)
    np.testing.assert_array_equal(mixed[np.argsort(mixed[:, 0])], x)
    np.testing.assert_array_equal(np.sort(random.shuffle(x, axis=1, seed=9).numpy(), 1), x)
    firsts = [int(random.permutation(5, seed=s)[0]) for s in range(1000)]
    assert np.bincount(firsts, minlength=5).min() > 150


def test_dropout():
    x = np.ones((N,), np.float32)
    y = random.dropout(x, 0.25, seed=10).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    assert abs((y == 0).mean() - 0.25) < 0.01
    np.testing.assert_array_equal(random.dropout(x, 0.0), x)
    assert not random.dropout(x, 1.0).numpy().any()
    by_row = random.dropout(np.ones((50, 4), np.float32), 0.5, (None, 1), seed=10).numpy()
    assert (by_row == by_row[:, :1]).all() and 0 < by_row.mean() < 2
    t = Tensor(np.ones(100, np.float32))
    with GradientTape() as tape:
        tape.watch(t)
        y = random.dropout(t, 0.5, seed=3)
    np.testing.assert_array_equal(tape.gradient(y, t), y)


DRAWS = [
    lambda seed: random.uniform((5, 3), seed=seed), lambda seed: random.normal((7,), seed=seed),
    lambda seed: random.truncated_normal((7,), seed=seed), lambda seed: random.randint((7,), 0, 9, seed=seed),
    lambda seed: random.bernoulli((7,), 0.5, seed=seed), lambda seed: random.permutation(7, seed=seed),
    lambda seed: random.categorical(np.zeros((2, 3), np.float32), 4, seed=seed),
    lambda seed: random.dropout(np.ones(9, np.float32), 0.5, seed=seed),
    lambda seed: random.uniform((4,), dtype="float64", seed=seed),
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS, ids=range(len(DRAWS)))
def test_the_same_numbers_at_once_and_traced(draw, executor):
    rtol = 0 if executor == "interpreted" else 1e-5
    np.testing.assert_array_equal(draw(11), draw(11))
    np.testing.assert_allclose(function(lambda: draw(11))(), draw(11), rtol=rtol, atol=rtol)
    first, second = random.SeedGenerator(5), random.SeedGenerator(5)
    traced = function(lambda: draw(first))
    drawn = [traced().numpy() for _ in range(3)]
    for values in drawn:
        np.testing.assert_allclose(values, draw(second), rtol=rtol, atol=rtol)
    assert not np.array_equal(drawn[0], drawn[1]) or not np.array_equal(drawn[1], drawn[2])
    np.testing.assert_array_equal(first.state, second.state)


def test_numbers_do_not_depend_on_the_size_of_the_batch():
    trace = Trace()
    with trace.stage("draw"):
        x = trace.input((Dim("batch"), 3), "float32")
        noise = random.uniform(ops.shape(x), seed=12)
        graph = trace.finish([noise])
    values = compile_graph(graph, interpret=True)([np.zeros((4, 3), np.float32)])[0]
    np.testing.assert_array_equal(values, random.uniform((4, 3), seed=12))


def test_seeds():
    random.set_random_seed(3)
    first = [random.normal((4,)).numpy() for _ in range(2)]
    random.set_random_seed(3)
    second = [random.normal((4,)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    generator = random.SeedGenerator(7)
    a = random.normal((4,), seed=generator)
    assert not np.array_equal(a, random.normal((4,), seed=generator))
    generator.reset()
    np.testing.assert_array_equal(a, random.normal((4,), seed=generator))
    np.testing.assert_array_equal(a, random.normal((4,), seed=7))
    assert random.SeedGenerator.from_config(generator.get_config()).seed == 7
    assert random.SeedGenerator().seed != random.SeedGenerator().seed
    assert not generator.state.trainable


def test_seeds_beyond_32_bits_differ():
    assert not np.array_equal(random.bits((4,), seed=1), random.bits((4,), seed=1 + 2**32))


def test_draws_inside_of_initializers_move_the_generator_on():
    generator = random.SeedGenerator(1)
    trace = Trace()
    with trace.stage("build"):
        v = Variable(lambda shape, dtype: random.normal(shape, dtype=dtype, seed=generator), shape=(3,))
    np.testing.assert_array_equal(v, random.normal((3,), seed=1))
    assert int(generator.state[1]) == 1


@pytest.mark.parametrize("seed", ["text", 1.5, -1])
def test_bad_seeds(seed):
    with pytest.raises(ArgumentError, match="seed must"):
        random.uniform((2,), seed=seed)


def test_bad_arguments():
    with pytest.raises(ArgumentError, match="maxval must be above minval"):
        random.randint((2,), 3, 3)
    with pytest.raises(ArgumentError, match="dtype must be a float"):
        random.uniform((2,), dtype="int32")
    with pytest.raises(ArgumentError, match="from 0 to 1"):
        random.bernoulli((2,), 1.5)
    with pytest.raises(ArgumentError, match="rate must lie"):
        random.dropout(np.ones(2), -0.1)
    with pytest.raises(ShapeError):
        random.uniform((-2,))
