"""Pooling with the arguments of Keras, against windows that are cut out one after the other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lamina import ops
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError, ShapeError
from lamina.compiler import compile_graph
from lamina.tensor import GradientTape, Tensor, Trace


def floats(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def pooled(x, fold, bounds):
    """Folds the windows that have these bounds along each axis of space."""
    result = np.zeros((x.shape[0], *map(len, bounds), x.shape[-1]), x.dtype)
    for place in product(*(range(len(b)) for b in bounds)):
        cut = tuple(slice(*b[k]) for b, k in zip(bounds, place))
        axes = tuple(range(1, x.ndim - 1))
        result[(slice(None), *place)] = fold(x[(slice(None), *cut)], axes)
    return result


def bounds_of(extent, size, stride, low=0, high=0):
    """The part within the axis of each window."""
    count = (extent + low + high - size) // stride + 1
    return [(max(k * stride - low, 0), min(k * stride - low + size, extent)) for k in range(count)]


FOLDS = {"max_pool": np.max, "average_pool": np.mean}


@pytest.mark.parametrize("name", FOLDS)
def test_valid_and_same(name, agrees, rng):
    function, fold = getattr(ops, name), FOLDS[name]
    x = floats(rng, 2, 7, 8, 3)
    plain = pooled(x, fold, [bounds_of(7, 2, 2), bounds_of(8, 2, 2)])
    agrees(lambda a: function(a, 2), [x], plain, open_batch=True)
    overlapping = pooled(x, fold, [bounds_of(7, 3, 2, 1, 1), bounds_of(8, 3, 2, 0, 1)])
    agrees(lambda a: function(a, 3, 2, "same"), [x], overlapping, open_batch=True)
    uneven = pooled(x, fold, [bounds_of(7, 2, 3, 0, 1), bounds_of(8, 3, 1, 1, 1)])
    agrees(lambda a: function(a, (2, 3), (3, 1), "SAME"), [x], uneven, open_batch=True)
    given = pooled(x, fold, [bounds_of(7, 3, 2, 1, 1), bounds_of(8, 3, 2, 1, 1)])
    agrees(lambda a: function(a, 3, 2, ((1, 1), (1, 1))), [x], given, open_batch=True)


@pytest.mark.parametrize("name", FOLDS)
def test_one_and_three_axes_and_large_windows(name, agrees, rng):
    function, fold = getattr(ops, name), FOLDS[name]
    line, volume, image = floats(rng, 2, 9, 3), floats(rng, 2, 5, 4, 6, 2), floats(rng, 2, 19, 6, 2)
    agrees(lambda a: function(a, 4, 2), [line], pooled(line, fold, [bounds_of(9, 4, 2)]))
    agrees(lambda a: function(a, 2), [volume], pooled(volume, fold, [bounds_of(n, 2, 2) for n in (5, 4, 6)]))
    large = pooled(image, fold, [bounds_of(19, 18, 1), bounds_of(6, 5, 2, 1, 2)])
    agrees(lambda a: function(a, (18, 5), (1, 2), ((0, 0), (1, 2))), [image], large)


@pytest.mark.parametrize("name", FOLDS)
def test_channels_first(name, agrees, rng):
    x = floats(rng, 2, 7, 8, 3)
    expected = getattr(ops, name)(x, 3, 2, "same").numpy().transpose(0, 3, 1, 2)
    agrees(lambda a: getattr(ops, name)(a, 3, 2, "same", "channels_first"), [x.transpose(0, 3, 1, 2)], expected)


def test_what_lies_outside_never_is_the_largest_and_does_not_count(agrees):
    x = -np.ones((1, 3, 3, 1), np.float32)
    agrees(lambda a: ops.max_pool(a, 2, padding="same"), [x], -np.ones((1, 2, 2, 1)))
    agrees(lambda a: ops.average_pool(a, 2, padding="same"), [x], -np.ones((1, 2, 2, 1)))


ADAPTIVE = {"adaptive_max_pool": np.max, "adaptive_average_pool": np.mean}


@pytest.mark.parametrize("name", ADAPTIVE)
@pytest.mark.parametrize("counts", [1, (7, 8), (7, 4), (3, 5), (2, 7), (9, 3)])
def test_adaptive(name, counts, agrees, rng):
    x = floats(rng, 2, 7, 8, 3)
    each = (counts, counts) if isinstance(counts, int) else counts
    bounds = [[(k * n // m, -(-(k + 1) * n // m)) for k in range(m)] for n, m in zip((7, 8), each)]
    expected = pooled(x, ADAPTIVE[name], bounds)
    agrees(lambda a: getattr(ops, name)(a, counts), [x], expected, open_batch=True)
    first = [x.transpose(0, 3, 1, 2)]
    agrees(lambda a: getattr(ops, name)(a, counts, "channels_first"), first, expected.transpose(0, 3, 1, 2))


def test_infinity_stays_in_its_windows():
    x = np.array([np.inf, 1, 1, 1, 1], np.float32).reshape(1, 5, 1)
    assert ops.adaptive_average_pool(x, 3).numpy().ravel().tolist() == [np.inf, 1, 1]
    assert ops.average_pool(x, 2, 1).numpy().ravel().tolist() == [np.inf, 1, 1, 1]


def gradient(function, x):
    inputs = Tensor(x)
    with GradientTape() as tape:
        tape.watch(inputs)
        result = function(inputs)
    return tape.gradient(result, inputs).numpy()


@pytest.mark.parametrize("size", [2, 5])
def test_one_of_equal_elements_has_the_gradient_the_first(size):
    x = np.zeros((1, 2 * size, 2 * size, 1), np.float32)
    found = gradient(lambda a: ops.max_pool(a, size), x)[0, :, :, 0]
    assert sorted(map(tuple, np.argwhere(found))) == [(0, 0), (0, size), (size, 0), (size, size)]
    adaptive = gradient(lambda a: ops.adaptive_max_pool(a, (2, 2)), x)[0, :, :, 0]
    np.testing.assert_array_equal(adaptive, found)


FUNCTIONS = {
    "max": lambda x: ops.max_pool(x, 2),
    "max_same": lambda x: ops.max_pool(x, 3, 2, "same"),
    "max_large": lambda x: ops.max_pool(x, (5, 4), 1, "same"),
    "average": lambda x: ops.average_pool(x, 2),
    "average_same": lambda x: ops.average_pool(x, (3, 2), (2, 1), "same"),
    "adaptive_max": lambda x: ops.adaptive_max_pool(x, (3, 2)),
    "adaptive_average": lambda x: ops.adaptive_average_pool(x, (3, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_with_an_open_batch_and_its_gradient(name, rng):
    def run(x):
        with GradientTape() as tape:
            tape.watch(x)
            result = FUNCTIONS[name](x)
            total = ops.sum(ops.sin(result))
        return [result, tape.gradient(total, x)]

    trace = Trace()
    with trace.stage("program"):
        program = compile_graph(trace.finish(run(trace.input((Dim("batch"), 7, 6, 4), "float32"))), interpret=False)
    for rows in (1, 5):
        x = floats(rng, rows, 7, 6, 4)
        for found, expected in zip(program([x]), run(Tensor(x)), strict=True):
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_dtypes():
    x = np.arange(8).reshape(1, 4, 2)
    assert ops.max_pool(x, 2).dtype == "int64"
    assert ops.average_pool(x, 2).dtype == "float32"
    assert ops.average_pool(x.astype(np.float16), 2, padding="same").dtype == "float16"
    assert ops.adaptive_max_pool(x, 3).dtype == "int64"


X = np.ones((2, 5, 4), np.float32)
WRONG = [
    (lambda: ops.max_pool(X[0], 2), ShapeError, "max_pool: inputs must have an axis of rows, from 1 to 3 axes of"),
    (lambda: ops.max_pool(X, 6), ShapeError, "max_pool: a window must fit into the inputs. Received: 5 value(s)"),
    (lambda: ops.max_pool(X, 0), ArgumentError, "max_pool: pool_size must be a whole number of at least 1"),
    (lambda: ops.average_pool(X, 2, (1, 2)), ArgumentError, "average_pool: strides must be a whole number"),
    (lambda: ops.average_pool(X, 2, padding="full"), ArgumentError, "average_pool: padding must be 'valid'"),
    (lambda: ops.max_pool(X, 2, data_format=1), ArgumentError, "max_pool: data_format must be"),
    (lambda: ops.adaptive_max_pool(X, 0), ArgumentError, "adaptive_max_pool: output_size must be a whole number"),
    (lambda: ops.adaptive_average_pool(X[:, :0], 2), ShapeError, "the sizes of space must be known and not 0."),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert "Received: " in str(caught.value)
