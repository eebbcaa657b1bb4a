"""`remat`: what a function computes on the way is computed again for its gradient, and not kept."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as keras
from lamina import ops
from lamina.base.config import config
from lamina.base.errors import ArgumentError, TraceError
from lamina.tensor import GradientTape, TensorSpec, Variable, function
from tests.arena import arena


@pytest.fixture(params=["interpreted", "compiled"])
def traced(request):
    """As `function`, interpreted or compiled."""
    return lambda f, **settings: function(f, compile=request.param == "compiled", **settings)


def floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def layers_of(rng, count, size=8):
    return [floats(rng, size, size) / np.float32(size**0.5) for _ in range(count)]


def plain(f):
    return f


def chain(x, kernels, wrap, every=1):
    """Dense layers with gelu, `every` of them within one wrapped function."""

    def block(x, *kernels):
        for kernel in kernels:
            x = ops.gelu(x @ kernel)
        return x

    for k in range(0, len(kernels), every):
        x = wrap(block)(x, *kernels[k : k + every])
    return ops.mean(x**2)


def slopes(x, kernels, wrap, every=1):
    with GradientTape() as tape:
        tape.watch([x, *kernels])
        loss = chain(x, kernels, wrap, every)
    return [loss, *tape.gradient(loss, [x, *kernels])]


def assert_same(found, expected, tolerance=1e-5):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("every", [1, 2, 5])
def test_gradients_are_the_same(traced, rng, every):
    x, kernels = floats(rng, 6, 8), layers_of(rng, 5)
    expected = traced(lambda x, k: slopes(x, k, plain))(x, kernels)
    assert_same(traced(lambda x, k: slopes(x, k, keras.remat, every))(x, kernels), expected)


def test_at_once_nothing_changes(rng):
    x, kernels = ops.convert_to_tensor(floats(rng, 6, 8)), list(map(ops.convert_to_tensor, layers_of(rng, 3)))
    for a, b in zip(slopes(x, kernels, keras.remat), slopes(x, kernels, plain)):
        np.testing.assert_array_equal(a, b)


def test_batch_may_be_open(traced, rng):
    kernels = layers_of(rng, 3)
    signature = [TensorSpec((None, 8)), [TensorSpec((8, 8))] * 3]
    run = traced(lambda x, *k: slopes(x, k, keras.remat), input_signature=[signature[0], *signature[1]])
    for rows in (1, 7, 33):
        x = floats(rng, rows, 8)
        assert_same(run(x, *kernels), slopes(*map_tensors(x, kernels), plain))


def map_tensors(x, kernels):
    return ops.convert_to_tensor(x), [ops.convert_to_tensor(k) for k in kernels]


def test_threads_do_not_change_the_numbers(rng, compiled):
    x, kernels = floats(rng, 70, 8), layers_of(rng, 4)
    found = []
    for threads in (1, 2):
        config.threads = threads
        found.append(function(lambda x, k: slopes(x, k, keras.remat, 2))(x, kernels))
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_stale_memory_is_never_read(rng, compiled):
    """Everything that is free is NaN, so that a value that is read after its time would be seen."""
    config.poison = True
    x, kernels = floats(rng, 20, 8), layers_of(rng, 6)
    expected = slopes(*map_tensors(x, kernels), plain)
    for every in (1, 2, 3):
        assert_same(function(lambda x, k, n=every: slopes(x, k, keras.remat, n))(x, kernels), expected)


def test_only_what_goes_in_is_kept(rng):
    x, kernels = floats(rng, 512, 64), layers_of(rng, 8, 64)
    memory = {n: arena(lambda x, k, n=n: slopes(x, k, keras.remat, n), x, kernels) for n in (1, 2)}
    memory[0] = arena(lambda x, k: slopes(x, k, plain), x, kernels)
    one = 512 * 64 * 4
    assert memory[0] > 15 * one  # of each layer, what goes into gelu and what comes out
    assert memory[1] < 10 * one
    assert memory[2] < 8 * one


def test_memory_of_many_layers_goes_as_the_root(rng):
    x, kernels = floats(rng, 256, 32), layers_of(rng, 36, 32)
    together = arena(lambda x, k: slopes(x, k, keras.remat, 6), x, kernels)
    assert together < arena(lambda x, k: slopes(x, k, plain), x, kernels) / 4


def test_each_function_is_computed_twice_and_no_more(rng):
    from lamina import debug

    x, kernels = floats(rng, 4, 8), layers_of(rng, 5)
    once = debug.optimized(lambda x, k: slopes(x, k, plain), x, kernels).count("contract(")
    # The last result waits for nothing: its gradient comes from a mean, and begins right away.
    assert debug.optimized(lambda x, k: slopes(x, k, keras.remat), x, kernels).count("contract(") == once + 4 + 1
    assert debug.optimized(lambda x, k: chain(x, k, keras.remat), x, kernels).count("contract(") == 5


def test_second_gradient(traced, rng):
    x, kernels = floats(rng, 3, 8), layers_of(rng, 2)

    def steepness(x, kernels, wrap):
        with GradientTape() as outer:
            outer.watch(kernels)
            with GradientTape() as inner:
                inner.watch(x)
                loss = chain(x, kernels, wrap)
            size = ops.sum(inner.gradient(loss, x) ** 2)
        return [size, *outer.gradient(size, kernels)]

    expected = traced(lambda x, k: steepness(x, k, plain))(x, kernels)
    assert_same(traced(lambda x, k: steepness(x, k, keras.remat))(x, kernels), expected, 1e-4)


def test_functions_in_functions(traced, rng):
    x, kernels = floats(rng, 6, 8), layers_of(rng, 4)

    def nested(f):
        return keras.remat(lambda x, *k: keras.remat(f)(keras.remat(f)(x, *k[:1]), *k[1:]))

    expected = traced(lambda x, k: slopes(x, k, plain))(x, kernels)
    assert_same(traced(lambda x, k: slopes(x, k, nested, 2))(x, kernels), expected)


def test_loops_and_branches_inside_and_around(traced, rng):
    x, w = floats(rng, 5, 3, 4), floats(rng, 4, 4) / 2

    def inside(x, w):
        h = ops.scan(lambda h, e: (ops.tanh(h @ w + e), None), ops.zeros((3, 4)), x)[0]
        return ops.cond(ops.sum(h) > 0, lambda: ops.exp(h), lambda: h @ w)

    def around(wrap):
        return lambda x, w: ops.scan(
            lambda h, e: (wrap(lambda h, e: ops.tanh(h @ w + ops.sin(e)) * h)(h, e), None), ops.ones((3, 4)), x
        )[0]

    def f(x, w, wrap):
        with GradientTape() as tape:
            tape.watch([x, w])
            loss = ops.sum(wrap(inside)(x, w) ** 2) + ops.sum(around(wrap)(x, w))
        return [loss, *tape.gradient(loss, [x, w])]

    expected = traced(lambda x, w: f(x, w, plain))(x, w)
    assert_same(traced(lambda x, w: f(x, w, keras.remat))(x, w), expected)


def test_variables_and_random_numbers(traced, rng):
    """A mask that is drawn anew in each call is the same one on the way back; what is assigned is assigned once."""
    x, w, calls = floats(rng, 50, 8), Variable(floats(rng, 8, 8)), Variable(np.int32(0))

    def run(wrap):
        seed = keras.random.SeedGenerator(3)

        def block(h):
            calls.assign_add(1)
            return keras.random.dropout(ops.tanh(h @ w), 0.5, seed=seed)

        def f(x):
            with GradientTape() as tape:
                loss = ops.sum(wrap(block)(wrap(block)(x)) ** 2)
            return loss, tape.gradient(loss, w)

        step = traced(f)
        return [value for _ in range(2) for value in step(x)]

    expected = run(plain)
    assert int(calls) == 4
    assert_same(run(keras.remat), expected)
    assert int(calls) == 8
    assert float(expected[0]) != float(expected[2])


def test_structures_and_what_is_no_float(traced, rng):
    x = floats(rng, 4, 5)

    @keras.remat
    def ranked(x, *, scale):
        """Scaled."""
        best = ops.argmax(x, axis=-1)
        return {"scaled": ops.exp(x) * scale, "best": best, "same": x, "name": "n", "rows": x.shape[0]}

    assert ranked.__doc__ == "Scaled." and ranked.__name__ == "ranked"

    def f(x):
        with GradientTape() as tape:
            tape.watch(x)
            found = ranked(x, scale=2.0)
            loss = ops.sum(found["scaled"] ** 2) + ops.sum(found["same"])
        assert found["name"] == "n" and found["rows"] == 4
        return found["best"], tape.gradient(loss, x)

    best, slope = traced(f)(x)
    np.testing.assert_array_equal(best, x.argmax(-1))
    np.testing.assert_allclose(slope, 8 * np.exp(2 * x) + 1, rtol=1e-5)


def test_what_a_tape_leaves_out_stays_out(traced, rng):
    x = floats(rng, 4)

    def f(x, wrap):
        with GradientTape() as tape:
            tape.watch(x)

            def partly(x):
                with tape.stop_recording():
                    y = x * 3.0
                return x * y + ops.stop_gradient(x) * x

            loss = ops.sum(wrap(partly)(x))
        return [tape.gradient(loss, x)]

    assert_same(traced(lambda x: f(x, keras.remat))(x), [4 * x])


def test_model_of_operations(rng, executor):
    """In a functional model, a function of operations is part of the model."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    hidden = keras.remat(lambda h: ops.sin(ops.exp(h) * h))(keras.layers.Dense(5)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    x, y = floats(rng, 16, 6), floats(rng, 16, 1)
    dense, last = model.layers[1], model.layers[-1]
    h = x @ dense.kernel.numpy() + dense.bias.numpy()
    expected = np.sin(np.exp(h) * h) @ last.kernel.numpy()
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_errors(rng):
    with pytest.raises(ArgumentError, match=r"remat\(\) takes a function or a layer. Received: 3"):
        keras.remat(3)
    dense = keras.layers.Dense(3)
    with pytest.raises(TraceError, match=r"with keras.RematScope\(\)"):
        keras.remat(lambda x: ops.exp(dense(x)))(keras.Input((4,)))
