from __future__ import annotations

import gc

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ArgumentError, GradientError, ShapeError
from lamina.tensor import GradientTape, Tensor, Variable, function


@pytest.fixture(params=["at once", "traced"])
def runs(request):
    """Runs a function of nothing at once, or as a traced program."""
    return (lambda f: f()) if request.param == "at once" else (lambda f: function(f, compile=False)())


def test_variables_are_watched_when_read(runs):
    w, fixed = Variable([1.0, 2.0]), Variable([3.0, 4.0], trainable=False)

    def f():
        with GradientTape() as tape:
            loss = ops.sum(w * w * fixed)
        return tape.gradient(loss, {"w": w, "fixed": [fixed]})

    gradients = runs(f)
    np.testing.assert_allclose(gradients["w"], [6, 16])
    assert gradients["fixed"] == [None]


def test_tensors_are_watched_on_request(runs):
    x, y = Tensor([1.0, 2.0]), Tensor([5.0, 6.0])

    def f():
        with GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(x * x * y)
        return tape.gradient(loss, [x, y])

    dx, dy = runs(f)
    np.testing.assert_allclose(dx, [10, 24])
    assert dy is None


def test_intermediate_results_are_sources_too(runs):
    x = Tensor(3.0)

    def f():
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * x
            z = y * y
        return tape.gradient(z, y), tape.gradient(z, x)

    dy, dx = runs(f)
    assert float(dy) == 18 and float(dx) == 108


def test_second_derivatives(runs):
    x = Variable(2.0)

    def f():
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = x**3 + x
            first = inner.gradient(y, x)
        return first, outer.gradient(first, x)

    first, second = runs(f)
    assert float(first) == pytest.approx(13) and float(second) == pytest.approx(12)


def test_third_derivatives(runs):
    x = Variable(2.0)

    def f():
        with GradientTape() as a:
            with GradientTape() as b:
                with GradientTape() as c:
                    y = ops.exp(x) * x
                first = c.gradient(y, x)
            second = b.gradient(first, x)
        return a.gradient(second, x)

    assert float(runs(f)) == pytest.approx(np.exp(2) * 5, rel=1e-5)


def test_gradients_of_a_step_that_uses_gradients(runs):
    """As in meta-learning: through one step of gradient descent."""
    w, x = Variable(1.5), Tensor(0.5)

    def f():
        with GradientTape() as outer:
            with GradientTape() as inner:
                loss = (w * x - 1.0) ** 2
            moved = w - 0.1 * inner.gradient(loss, w)
            loss = (moved * x - 1.0) ** 2
        return outer.gradient(loss, w)

    def loss(w):
        moved = w - 0.1 * 2 * (w * 0.5 - 1) * 0.5
        return (moved * 0.5 - 1) ** 2

    assert float(runs(f)) == pytest.approx((loss(1.501) - loss(1.499)) / 0.002, rel=1e-3)


def test_what_ran_before_the_tape_is_constant():
    x = Tensor(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        y = x * x
        with GradientTape() as inner:
            inner.watch(x)
            z = y * x
        assert float(inner.gradient(z, x)) == 9
    assert float(outer.gradient(z, x)) == 27


def test_a_tape_remembers_tensors_that_another_used():
    x, w = Tensor(3.0), Variable(2.0)
    with GradientTape() as first:
        first.watch(x)
        y = x * x
    with GradientTape() as second:
        loss = w * y
    assert float(second.gradient(loss, w)) == 9
    assert float(first.gradient(y, x)) == 6


def test_gradients_with_respect_to_a_recorded_tensor_watched_again():
    x = Tensor(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        y = x * x
        with GradientTape() as inner:
            inner.watch(y)
            z = y * y * x
        dz = inner.gradient(z, y)  # 2 y x = 2 x**3
    assert float(dz) == 54
    assert float(outer.gradient(dz, x)) == 54  # 6 x**2


def test_pausing(runs):
    x = Variable(3.0)

    def f():
        with GradientTape() as tape:
            y = x * x
            with tape.stop_recording():
                z = x * 5.0
            loss = y * z
        return tape.gradient(loss, x)

    assert float(runs(f)) == 90


def test_stop_gradient(runs):
    x = Variable(3.0)

    def f():
        with GradientTape() as tape:
            loss = x * ops.stop_gradient(x * x)
        return tape.gradient(loss, x)

    assert float(runs(f)) == 9


def test_assignments_inside_of_a_tape(runs):
    w = Variable([2.0])

    def f():
        with GradientTape() as tape:
            y = w * w
            w.assign([10.0])
            y = y + w * 3.0
        return tape.gradient(y, w)

    assert float(runs(f)[0]) == 2 * 2 + 3
    assert float(w[0]) == 10


def test_output_gradients_and_several_targets(runs):
    x = Variable([1.0, 2.0])

    def f():
        with GradientTape(persistent=True) as tape:
            y, z = x * x, x * 3.0
        return tape.gradient(y, x, [1.0, 10.0]), tape.gradient([y, z], x)

    weighted, both = runs(f)
    np.testing.assert_allclose(weighted, [2, 40])
    np.testing.assert_allclose(both, [5, 7])


def test_unconnected(runs):
    x, other = Variable([1.0, 2.0]), Variable([[1.0]])

    def f():
        with GradientTape(persistent=True) as tape:
            y = x * x
        return tape.gradient(y, other), tape.gradient(y, other, unconnected_gradients="zero")

    nothing, zeros = runs(f)
    assert nothing is None
    np.testing.assert_array_equal(zeros, [[0]])


def test_jacobian():
    x = Tensor([1.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.stack([x[0] * x[1], x[0] ** 2, x[1]])
    np.testing.assert_allclose(tape.jacobian(y, x), [[2, 1], [2, 0], [0, 1]])


def test_errors():
    x = Variable(1.0)
    with GradientTape() as tape:
        y = x * x
        whole = ops.cast(y, "int32")
        with pytest.raises(ArgumentError, match="recording already"):
            tape.__enter__()
    with pytest.raises(GradientError, match="must be a float"):
        tape.gradient(whole, x)
    with pytest.raises(ShapeError, match="output_gradients"):
        tape.gradient(y, x, [1.0, 2.0])
    with pytest.raises(ArgumentError, match="unconnected_gradients"):
        tape.gradient(y, x, unconnected_gradients="zeros")
    tape.gradient(y, x)
    with pytest.raises(GradientError, match="persistent=True"):
        tape.gradient(y, x)
    with pytest.raises(ArgumentError, match="no gradient"), GradientTape() as tape:
        tape.watch(Tensor([1]))


def test_watching_only_what_is_asked_for():
    a, b = Variable(2.0), Variable(3.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a)
        y = a * b
    da, db = tape.gradient(y, [a, b])
    assert float(da) == 3 and db is None


def test_gradients_of_composites_follow_numeric_ones():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4)) + 0.01
    labels = np.array([0, 3, 1])
    functions = [
        ops.softmax, ops.log_softmax, ops.gelu, ops.silu, ops.mish, ops.elu, ops.selu, ops.softplus, ops.sigmoid,
        lambda v: ops.sparse_categorical_crossentropy(labels, v, True), lambda v: ops.einsum("ij,kj->ik", v, v),
        lambda v: v[1:, [0, 2]] * v[:2, ::-2], lambda v: ops.layer_normalization(v), lambda v: ops.pad(v, 1) ** 2,
        lambda v: ops.take(v, [0, 0, 2], axis=0) * 2, lambda v: ops.glu(v), lambda v: ops.max(v, 1), ops.arcsinh,
        lambda v: ops.concatenate([v, v * v], 1), lambda v: ops.repeat(v, 2, 0), lambda v: ops.roll(v, 1, 1) * v,
        lambda v: ops.clip(v, -0.5, 0.5), lambda v: ops.where(v > 0, v * v, -v), lambda v: ops.prod(v, 1),
    ]  # fmt: skip
    for f in functions:
        weights = rng.standard_normal(f(x).shape)
        t = Tensor(x)
        with GradientTape() as tape:
            tape.watch(t)
            loss = ops.sum(f(t) * weights)
        exact = tape.gradient(loss, t).numpy()
        numeric = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            for sign in (1, -1):
                moved = x.copy()
                moved[place] += sign * 1e-6
                numeric[place] += sign * float(ops.sum(f(moved) * weights)) / 2e-6
        np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-5)


def test_nothing_is_kept_once_a_tape_is_used():
    w = Variable(np.ones(4, np.float32))
    carried = Tensor(np.zeros(4, np.float32))

    def step(carried):
        with GradientTape() as tape:
            carried = carried * 0.5 + w
        tape.gradient(carried, w)
        return carried

    from lamina.graph import node

    for _ in range(3):
        carried = step(carried)
    gc.collect()
    before = len(node._interned)
    for _ in range(20):
        carried = step(carried)
    gc.collect()
    assert len(node._interned) - before < 20
