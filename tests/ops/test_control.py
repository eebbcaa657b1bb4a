"""Loops and branches: at once, interpreted and compiled; their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import GradientError
from lamina.tensor import GradientTape, TensorSpec, Variable, function

WAYS = ["at once", "interpreted", "compiled"]


@pytest.fixture(params=WAYS)
def runs(request):
    """Runs a function of arrays at once, in the interpreter, or as a native program."""
    if request.param == "at once":
        return lambda f, *args: f(*args)
    return lambda f, *args: function(f, compile=request.param == "compiled")(*args)


@pytest.fixture(params=WAYS[1:])
def traced(request):
    """As `function`, interpreted or compiled."""
    return lambda f, **settings: function(f, compile=request.param == "compiled", **settings)


def close(found, expected, tolerance=2e-5):
    expected = 0.0 if expected is None else expected  # at once, no step is no dependence
    np.testing.assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=tolerance)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Lstm:
    """A layer written with `ops.scan`, and the same in NumPy."""

    def __init__(self, rng, inputs=4, units=5):
        self.units = units
        self.w = Variable(rng.normal(size=(inputs, 4 * units)).astype("float32") / 2)
        self.u = Variable(rng.normal(size=(units, 4 * units)).astype("float32") / 2)
        self.b = Variable(rng.normal(size=4 * units).astype("float32") / 2)

    @property
    def weights(self):
        return [self.w, self.u, self.b]

    def __call__(self, x, reverse=False):
        def step(state, entry):
            h, c = state
            z = entry @ self.w + h @ self.u + self.b
            i, f, g, o = ops.split(z, 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            return (h, c), h

        zeros = ops.zeros((ops.shape(x)[1], self.units))
        (h, c), outputs = ops.scan(step, (zeros, zeros), x, reverse=reverse)
        return h, c, outputs

    def in_numpy(self, x, reverse=False):
        w, u, b = (v.numpy().astype("float64") for v in self.weights)
        h = c = np.zeros((x.shape[1], self.units))
        outputs = np.zeros((*x.shape[:2], self.units))
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            i, f, g, o = np.split(x[t] @ w + h @ u + b, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = outputs[t] = sigmoid(o) * np.tanh(c)
        return h, c, outputs


def floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_lstm_is_what_numpy_computes(runs, rng, length, reverse):
    layer, x = Lstm(rng), floats(rng, length, 3, 4)
    for found, expected in zip(runs(lambda x: layer(x, reverse), x), layer.in_numpy(x, reverse)):
        close(found, expected)


def lstm_slopes(layer, x, reverse=False):
    with GradientTape() as tape:
        tape.watch(x)
        h, c, outputs = layer(x, reverse)
        loss = ops.sum(h * c) + ops.sum(outputs**3)
    return [loss, *tape.gradient(loss, [x, *layer.weights])]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 6])
def test_gradients_of_lstm_are_those_of_its_steps(traced, rng, length, reverse):
    layer, x = Lstm(rng), floats(rng, length, 3, 4)
    expected = lstm_slopes(layer, ops.convert_to_tensor(x), reverse)
    found = traced(lambda x: lstm_slopes(layer, x, reverse))(x)
    for a, b in zip(found, expected):
        close(a, b, 1e-4)


def test_length_and_batch_may_be_open(traced, rng):
    layer = Lstm(rng)
    run = traced(lambda x: lstm_slopes(layer, x), input_signature=[TensorSpec((None, None, 4))])
    for shape in ((5, 3, 4), (1, 1, 4), (0, 2, 4), (12, 9, 4), (64, 2, 4)):
        x = floats(rng, *shape)
        for a, b in zip(run(x), lstm_slopes(layer, ops.convert_to_tensor(x))):
            close(a, b, 1e-4)
    assert run.traces == 1


def test_second_gradient(traced, rng):
    w, x = Variable(floats(rng, 3, 3) / 2), floats(rng, 5, 2, 3)

    def penalty(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                h, _ = ops.scan(lambda h, e: (ops.tanh(h @ w + e), None), ops.zeros((2, 3)), x)
                loss = ops.sum(h * h)
            slope = inner.gradient(loss, w)
            total = ops.sum(slope * slope)
        return outer.gradient(total, w)

    close(traced(penalty)(x), penalty(ops.convert_to_tensor(x)), 1e-4)


def test_loops_in_loops(traced, rng):
    w, x = Variable(floats(rng, 3, 3) / 2), floats(rng, 4, 5, 2, 3)

    def rows(h, row):
        return ops.scan(lambda h, e: (ops.tanh(h @ w + e), h * e), h, row)

    def slopes(x):
        with GradientTape() as tape:
            h, outputs = ops.scan(rows, ops.zeros((2, 3)), x)
            loss = ops.sum(h * h) + ops.sum(outputs)
        return loss, outputs, tape.gradient(loss, w)

    for a, b in zip(traced(slopes)(x), slopes(ops.convert_to_tensor(x))):
        close(a, b, 1e-4)


def test_structures_are_kept(runs):
    def step(carry, x):
        return {"n": carry["n"] + 1, "s": [carry["s"][0] + x["a"]]}, (x["a"] * 2.0, {"b": x["b"]})

    def f(a, b):
        return ops.scan(step, {"n": 0, "s": [0.0]}, {"a": a, "b": b})

    carry, (doubled, rest) = runs(f, np.float32([1, 2, 3]), np.int32([4, 5, 6]))
    assert int(carry["n"]) == 3 and float(carry["s"][0]) == 6
    close(doubled, [2, 4, 6])
    assert rest["b"].numpy().tolist() == [4, 5, 6]


def test_without_inputs_the_length_says_how_often(runs):
    final, outputs = runs(lambda x: ops.scan(lambda c, _: (c * 2.0, c), x, length=4), np.float32(3))
    assert float(final) == 48
    close(outputs, [3, 6, 12, 24])


def test_without_carries_it_is_a_map(runs, rng):
    x, w = floats(rng, 6, 2, 3), floats(rng, 3, 4)
    close(runs(lambda x: ops.map(lambda e: ops.tanh(e @ w), x), x), np.tanh(x @ w))
    close(runs(lambda x: ops.vectorized_map(lambda e: ops.sum(e, axis=-1) / 2.0, x), x), x.sum(-1) / 2)


def test_variables_may_be_assigned(runs):
    count, total = Variable(0, dtype="int32"), Variable(np.zeros(2, "float32"))

    def step(carry, x):
        count.assign_add(1)
        total.assign_add(x)
        return carry + ops.sum(total), total + 0.0

    def f(x):
        return ops.scan(step, 0.0, x)

    x = np.float32([[1, 2], [3, 4], [5, 6]])
    final, seen = runs(f, x)
    assert int(count) == 3 and float(final) == 3 + 10 + 21
    close(total, [9, 12])
    close(seen, np.cumsum(x, 0))


def test_what_does_not_change_may_be_anything(runs, rng):
    table, x = floats(rng, 7, 3), floats(rng, 4, 2, 3)
    ids = np.int32([[0, 6], [1, 5], [2, 4], [3, 3]])

    def f(x, ids, table):
        scaled, turned = table * 2.0, ops.transpose(table)[:, :3]

        def step(h, inputs):
            e, i = inputs
            return ops.tanh(h @ turned + ops.take(scaled, i, axis=0) + e), ops.max(h, axis=-1)

        return ops.scan(step, ops.ones((2, 3)), (x, ids))

    h, expected = np.ones((2, 3)), []
    for e, i in zip(x, ids):
        expected.append(h.max(-1))
        h = np.tanh(h @ table.T[:, :3] + 2 * table[i] + e)
    final, tops = runs(f, x, ids, table)
    close(final, h)
    close(tops, expected)


def test_carries_may_change_places(runs):
    final, seen = runs(
        lambda x: ops.scan(lambda c, e: ((c[1], c[0] + e), c[0]), (x[0], x[1]), x), np.float32([1, 5, 9])
    )
    a, b, expected = 1.0, 5.0, []
    for e in (1, 5, 9):
        expected.append(a)
        a, b = b, a + e
    close(final, [a, b])
    close(seen, expected)


def test_while_loop(runs):
    def collatz(n):
        return ops.while_loop(
            lambda n, steps: n != 1, lambda n, steps: (ops.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1), (n, 0)
        )

    n, steps = runs(collatz, np.int32(27))
    assert (int(n), int(steps)) == (1, 111)
    n, steps = runs(collatz, np.int32(1))
    assert (int(n), int(steps)) == (1, 0)


def test_while_loop_of_one_variable(runs):
    close(
        runs(lambda x: ops.while_loop(lambda v: ops.sum(v) < 100.0, lambda v: v * 2.0, x), np.float32([1, 2])),
        [64, 128],
    )


def test_while_loop_ends_after_so_many_steps(runs):
    limited = runs(
        lambda x: ops.while_loop(lambda v: v < 1e6, lambda v: v * 3.0, x, maximum_iterations=4), np.float32(1)
    )
    assert float(limited) == 81
    none = runs(lambda x: ops.while_loop(lambda v: v < 1e6, lambda v: v * 3.0, x, maximum_iterations=0), np.float32(1))
    assert float(none) == 1


def test_gradient_of_a_limited_while_loop(runs):
    w = Variable(np.float32(1.5))

    def f(x):
        with GradientTape() as tape:
            y = ops.while_loop(lambda v: ops.sum(v) < 20.0, lambda v: v * w, x, maximum_iterations=9)
            loss = ops.sum(y)
        return loss, tape.gradient(loss, w)

    loss, slope = runs(f, np.float32([1, 2]))
    close(loss, 3 * 1.5**5)
    close(slope, 3 * 5 * 1.5**4)


def test_operands_of_a_limited_while_loop_may_depend_on_each_other(runs):
    w = Variable(np.float32(2.0))

    def f(x):
        with GradientTape() as tape:
            y = ops.while_loop(lambda v: v < 50.0, lambda v: v * w, w * w * x, maximum_iterations=9)
        return y, tape.gradient(y, w)

    y, slope = runs(f, np.float32(3))
    close(y, 3 * 2.0**5)
    close(slope, 3 * 5 * 2.0**4)


def test_gradient_of_a_while_loop_without_limit_is_refused():
    def f(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.while_loop(lambda v: v < 20.0, lambda v: v * 2.0, x)
        return tape.gradient(y, x)

    with pytest.raises(GradientError, match="maximum_iterations"):
        function(f)(np.float32(1))


def test_fori_loop(runs, rng):
    x = floats(rng, 3)
    close(runs(lambda x: ops.fori_loop(2, 6, lambda i, v: v * ops.cast(i, "float32"), x), x), x * 2 * 3 * 4 * 5)
    close(runs(lambda x: ops.fori_loop(5, 2, lambda i, v: v * 2.0, x), x), x)
    found = runs(lambda n, x: ops.fori_loop(0, n, lambda i, v: v + ops.cast(i, "float32"), x), np.int32(5), x)
    close(found, x + 10)


def test_cond_runs_one_branch(runs):
    w = Variable(np.float32([1, 2, 3]))

    def f(n):
        return ops.cond(n > 0, lambda: {"a": w * 2.0, "n": n}, lambda: {"a": w - 1.0, "n": n * n})

    for n, expected, m in ((3, [2, 4, 6], 3), (-4, [0, 1, 2], 16)):
        found = runs(f, np.int32(n))
        close(found["a"], expected)
        assert int(found["n"]) == m


def test_cond_does_not_compute_what_the_other_branch_is_for(runs, rng):
    """There is no such place: computing it would be an error."""
    x = floats(rng, 4)

    def f(x, n):
        return ops.cond(n < 4, lambda: ops.take(x, n) * 2.0, lambda: ops.sum(x))

    close(runs(f, x, np.int32(3)), 2 * x[3])
    close(runs(f, x, np.int32(9)), x.sum())


def test_gradient_of_cond(traced):
    w = Variable(np.float32([1, 2, 3]))

    def f(n):
        with GradientTape() as tape:
            y = ops.sum(ops.cond(n > 0, lambda: w * w * w, lambda: ops.exp(w)))
        return tape.gradient(y, w)

    run = traced(f)
    close(run(np.int32(1)), [3, 12, 27])
    close(run(np.int32(-1)), np.exp([1, 2, 3]))


def test_cond_assigns_in_one_branch(runs):
    v = Variable(np.float32([1, 2]))

    def f(n):
        return ops.cond(n > 0, lambda: v.assign(v * 10.0), lambda: v + 0.0)

    runs(f, np.int32(0))
    close(v, [1, 2])
    runs(f, np.int32(1))
    close(v, [10, 20])


def test_cond_in_a_loop_and_a_loop_in_cond(runs, rng):
    x = floats(rng, 6, 3)

    def step(total, e):
        big = ops.sum(e) > 0.0
        total = ops.cond(big, lambda: total + e, lambda: ops.fori_loop(0, 3, lambda i, v: v * 0.5, total))
        return total, ops.sum(total)

    total, sums = np.zeros(3), []
    for e in x:
        total = total + e if e.sum() > 0 else total / 8
        sums.append(total.sum())
    final, found = runs(lambda x: ops.scan(step, ops.zeros(3), x), x)
    close(final, total)
    close(found, sums)


def test_switch(runs):
    def f(n, x):
        return ops.switch(n, [lambda v: v, lambda v: v * 2.0, lambda v: -v], x)

    for n, expected in ((-3, 5), (0, 5), (1, 10), (2, -5), (9, -5)):
        assert float(runs(f, np.int32(n), np.float32(5))) == expected


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_associative_scan(runs, rng, size):
    x = floats(rng, 2, size, 2, 2)
    expected = [x[:, 0]]
    for k in range(1, size):
        expected.append(expected[-1] @ x[:, k])
    found = runs(lambda x: ops.associative_scan(lambda a, b: a @ b, x, axis=1), x)
    close(found, np.stack(expected, 1))
    y = floats(rng, size)
    found = runs(lambda y: ops.associative_scan(lambda a, b: a + b, y, reverse=True), y)
    close(found, np.cumsum(y[::-1])[::-1])


def test_a_loop_is_one_operation_however_long_it_is():
    def nodes(length):
        run = function(lambda x: ops.scan(lambda h, e: (ops.tanh(h + e), h), ops.zeros(3), x), compile=False)
        run(np.zeros((length, 3), "float32"))
        (program,) = run._programs.values()
        return len(program.graph.nodes())

    assert nodes(3) == nodes(1000)
