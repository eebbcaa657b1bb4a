"""Loops that compute their steps again for the gradient, and loops that are written out."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError
from lamina.tensor import GradientTape, TensorSpec, Variable, function
from tests.arena import arena

UNITS = 6


@pytest.fixture(params=["interpreted", "compiled"])
def traced(request):
    """As `function`, interpreted or compiled."""
    return lambda f, **settings: function(f, compile=request.param == "compiled", **settings)


def floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def weights(rng, inputs=4, units=UNITS):
    return floats(rng, inputs, 4 * units) / 3, floats(rng, units, 4 * units) / 3, floats(rng, 4 * units)


def lstm(x, w, u, b, **settings):
    """The last states of an LSTM, and its outputs."""
    units = u.shape[0]

    def step(state, entry):
        h, c = state
        i, f, g, o = ops.split(entry @ w + h @ u + b, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return (h, c), h

    zeros = ops.zeros((ops.shape(x)[1], units))
    (h, c), outputs = ops.scan(step, (zeros, zeros), x, **settings)
    return h, c, outputs


def slopes(*values, **settings):
    with GradientTape() as tape:
        tape.watch(values)
        h, c, outputs = lstm(*values, **settings)
        loss = ops.sum(h * c) + ops.sum(outputs**3)
    return [loss, *tape.gradient(loss, values)]


def assert_same(found, expected, tolerance=2e-5):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 7])
def test_gradients_are_those_of_values_that_are_kept(traced, rng, length, reverse):
    values = floats(rng, length, 3, 4), *weights(rng)
    expected = traced(lambda *v: slopes(*v, reverse=reverse))(*values)
    assert_same(traced(lambda *v: slopes(*v, reverse=reverse, recompute=True))(*values), expected)


def test_length_and_batch_may_be_open(traced, rng):
    values = weights(rng)
    signature = [TensorSpec((None, None, 4)), *(TensorSpec(v.shape) for v in values)]
    kept, again = (traced(lambda *v, r=r: slopes(*v, recompute=r), input_signature=signature) for r in (False, True))
    for shape in ((5, 3, 4), (1, 1, 4), (0, 2, 4), (64, 2, 4)):
        x = floats(rng, *shape)
        assert_same(again(x, *values), kept(x, *values), 1e-4)


def test_threads_do_not_change_the_numbers(rng, compiled):
    values = floats(rng, 9, 40, 4), *weights(rng)
    found = []
    for threads in (1, 2):
        config.threads = threads
        found.append(function(lambda *v: slopes(*v, recompute=True))(*values))
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_second_gradient(traced, rng):
    values = floats(rng, 5, 2, 4), *weights(rng)

    def curvature(x, *rest, recompute):
        with GradientTape() as outer:
            outer.watch(rest)
            with GradientTape() as inner:
                inner.watch(x)
                h, c, outputs = lstm(x, *rest, recompute=recompute)
                loss = ops.sum(h * c) + ops.sum(outputs**3)
            steepness = ops.sum(inner.gradient(loss, x) ** 2)
        return [steepness, *outer.gradient(steepness, rest)]

    kept, again = (traced(lambda *v, r=r: curvature(*v, recompute=r))(*values) for r in (False, True))
    assert_same(again, kept, 1e-4)


def test_variables_may_change_on_the_way(traced, rng):
    steps, w = Variable(np.float32(0)), Variable(floats(rng, 3))
    x = floats(rng, 4, 3)

    def f(x):
        def step(carry, entry):
            steps.assign_add(1.0)
            return carry * w + entry * steps, None

        with GradientTape() as tape:
            total = ops.sum(ops.scan(step, ops.ones(3), x, recompute=True)[0])
        return total, tape.gradient(total, w)

    total, slope = traced(f)(x)
    assert float(steps) == 4
    value, change = np.ones(3), np.zeros(3)
    for t, entry in enumerate(x):
        value, change = value * w.numpy() + entry * (t + 1), change * w.numpy() + value
    np.testing.assert_allclose(total, value.sum(), rtol=1e-4)
    np.testing.assert_allclose(slope, change, rtol=1e-4, atol=1e-5)


def test_long_loops_take_the_memory_of_their_states(rng):
    """200 steps: two states of each are kept, and not the gates, the inputs' product and its gradient."""
    values = floats(rng, 200, 16, 24), *weights(rng, 24, 32)
    kept, again = (arena(lambda *v, r=r: slopes(*v, recompute=r)[1:], *values) for r in (False, True))
    states = 200 * 16 * 32 * 4
    assert 3 * states < again < 4 * states  # the outputs, whose gradient is asked for, are the third
    assert kept > 2.5 * again


def test_a_loop_in_a_loop_keeps_even_less(rng):
    """What is kept then goes as the root of the length: the states between stretches, and those in one of them."""
    values = floats(rng, 400, 16, 2), *weights(rng, 2, 32)

    def loss(stretch, x, w, u, b):
        def run(state, entries):
            h, c, _ = lstm_from(state, entries, w, u, b)
            return (h, c), None

        zeros = ops.zeros((16, 32))
        (h, _), _ = ops.scan(run, (zeros, zeros), ops.reshape(x, (400 // stretch, stretch, 16, 2)), recompute=True)
        return ops.sum(h**2)

    def lstm_from(state, entries, w, u, b):
        def step(state, entry):
            h, c = state
            i, f, g, o = ops.split(entry @ w + h @ u + b, 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            return (ops.sigmoid(o) * ops.tanh(c), c), None

        return *ops.scan(step, state, entries, recompute=True)[0], None

    def gradient(stretch):
        def f(*values):
            with GradientTape() as tape:
                tape.watch(values[1])
                total = loss(stretch, *values)
            return tape.gradient(total, values[1])

        return f

    assert arena(gradient(20), *values) < arena(gradient(1), *values) / 4
    np.testing.assert_allclose(function(gradient(20))(*values), function(gradient(1))(*values), rtol=1e-3, atol=1e-5)


def test_a_sum_over_pieces_never_has_all_of_them(rng):
    """The scores of a large vocabulary, piece by piece: none is kept, and none is computed for all pieces at once."""
    x, w, y = floats(rng, 8, 32, 16), floats(rng, 16, 500), rng.integers(0, 500, (8, 32))

    def f(x, w, y, recompute):
        def step(total, piece):
            scores = piece["x"] @ w
            return total + ops.sum(ops.sparse_categorical_crossentropy(piece["y"], scores, from_logits=True)), None

        with GradientTape() as tape:
            tape.watch(w)
            total = ops.scan(step, ops.zeros(()), {"x": x, "y": y}, recompute=recompute)[0]
        return total, tape.gradient(total, w)

    kept, again = ((lambda *v, r=r: f(*v, r)) for r in (False, True))
    assert_same(function(again)(x, w, y), function(kept)(x, w, y))
    assert arena(again, x, w, y) < arena(kept, x, w, y) / 3


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_steps_written_out_are_those_of_the_loop(traced, rng, length, reverse, recompute):
    values = floats(rng, length, 3, 4), *weights(rng)
    settings = {"reverse": reverse, "recompute": recompute}
    expected = traced(lambda *v: slopes(*v, **settings)[0])(*values)
    np.testing.assert_allclose(traced(lambda *v: lstm_loss(*v, unroll=True, **settings))(*values), expected, rtol=1e-5)
    if length:
        expected = traced(lambda *v: slopes(*v, **settings))(*values)
        assert_same(traced(lambda *v: slopes(*v, unroll=True, **settings))(*values), expected)


def lstm_loss(*values, **settings):
    h, c, outputs = lstm(*values, **settings)
    return ops.sum(h * c) + ops.sum(outputs**3)


def test_steps_written_out_are_no_loop(rng):
    from lamina import debug

    x = floats(rng, 3, 4)
    assert "scan(" not in debug.graph(lambda x: ops.scan(lambda s, e: (s + e, s * e), ops.zeros(4), x, unroll=True), x)
    assert "scan(" in debug.graph(lambda x: ops.scan(lambda s, e: (s + e, s * e), ops.zeros(4), x, unroll=2), x)


def test_unroll_wants_a_known_length_and_a_sensible_value(rng):
    def total(x, unroll):
        return ops.scan(lambda s, e: (s + e, None), ops.zeros(4), x, unroll=unroll)[0]

    with pytest.raises(ShapeError, match=r"unroll=True .* their number must be known.*leave unroll out"):
        function(lambda x: total(x, True), input_signature=[TensorSpec((None, 4))])(floats(rng, 3, 4))
    for value in (0, -2, "all", 1.5):
        with pytest.raises(ArgumentError, match="unroll must be True, False or a positive int"):
            total(floats(rng, 3, 4), value)
