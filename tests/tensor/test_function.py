from __future__ import annotations

import gc
import warnings
import weakref
from typing import NamedTuple

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ArgumentError, CompileError, DTypeError, ShapeError, TraceError
from lamina.tensor import Function, GradientTape, Tensor, TensorSpec, Variable, function, program


def rows(n, width=3, dtype=np.float32):
    return np.arange(n * width, dtype=dtype).reshape(n, width)


@pytest.fixture(autouse=True)
def both(executor):
    """Every test runs interpreted and compiled."""


def test_traces_once_for_a_kind_of_arguments():
    calls = []

    @function
    def f(x, scale=2.0):
        calls.append(1)
        return x * scale

    for _ in range(3):
        np.testing.assert_array_equal(f(rows(2)), rows(2) * 2)
    np.testing.assert_array_equal(f(Tensor(rows(2))), rows(2) * 2)
    assert len(calls) <= 2
    np.testing.assert_array_equal(f(rows(2), scale=3.0), rows(2) * 3)
    assert f(rows(2, dtype=np.float64)).dtype == "float64"
    assert isinstance(f, Function) and f.__name__ == "f"


def test_another_batch_opens_the_leading_dimension():
    @function
    def f(x, y):
        return ops.mean(x, 0), x @ ops.transpose(y)

    for n in (2, 5, 7, 1, 31):
        mean, product = f(rows(n), rows(n) + 1)
        np.testing.assert_allclose(mean, rows(n).mean(0), rtol=1e-6)
        np.testing.assert_allclose(product, rows(n) @ (rows(n) + 1).T, rtol=1e-5)
    assert f.traces == 2


def test_code_that_needs_the_number_is_traced_for_each():
    @function
    def f(x):
        return x[:2] + x.shape[0]

    for n in (2, 3, 4):
        np.testing.assert_array_equal(f(rows(n)), rows(n)[:2] + n)
    assert f.traces == 3


def test_leading_dimensions_that_agree_by_chance_stay_apart():
    @function
    def f(x, y):
        return ops.sum(x) + ops.sum(y)

    for n, m in ((2, 2), (3, 3), (3, 4), (5, 4)):
        assert float(f(rows(n), rows(m))) == rows(n).sum() + rows(m).sum()


def test_structures_in_and_out():
    class Pair(NamedTuple):
        first: object
        second: object

    @function
    def f(data, flags=None):
        pair = Pair(data["a"] + 1, [data["b"][0], None, "text"])
        return {"pair": pair, "flags": flags, "number": 3}

    result = f({"a": np.ones(2, np.float32), "b": (np.zeros(1, np.float32),)}, flags=("x", True))
    np.testing.assert_array_equal(result["pair"].first, [2, 2])
    np.testing.assert_array_equal(result["pair"].second[0], [0])
    assert result["pair"].second[1:] == [None, "text"]
    assert (result["flags"], result["number"]) == (("x", True), 3)


def test_variables_are_state():
    count = Variable(0, dtype="int64", trainable=False)
    total = Variable(np.zeros(3, np.float32))

    @function
    def update(x):
        count.assign_add(1)
        total.assign_add(ops.sum(x, 0))
        return total / ops.cast(count, "float32")

    for n in (2, 3, 2):
        mean = update(rows(n))
    assert int(count) == 3
    expected = rows(2).sum(0) * 2 + rows(3).sum(0)
    np.testing.assert_allclose(total, expected)
    np.testing.assert_allclose(mean, expected / 3, rtol=1e-6)
    total.assign([0, 0, 0])
    np.testing.assert_allclose(update(rows(2)), rows(2).sum(0) / 4, rtol=1e-6)


def test_variables_as_arguments_and_results():
    v, w = Variable([1.0]), Variable([10.0])

    @function
    def add_one(variable):
        variable.assign_add([1.0])
        return variable

    np.testing.assert_array_equal(add_one(v), [2])
    np.testing.assert_array_equal(add_one(w), [11])
    result = add_one(v)
    add_one(v)
    np.testing.assert_array_equal(result, [3])  # not the variable's memory


def test_methods_and_their_objects():
    class Scale:
        def __init__(self, by):
            self.by = by

        @function
        def __call__(self, x):
            return x * self.by

    double, triple = Scale(2.0), Scale(3.0)
    np.testing.assert_array_equal(double(rows(2)), rows(2) * 2)
    np.testing.assert_array_equal(triple(rows(2)), rows(2) * 3)
    gone = weakref.ref(triple)
    del triple
    gc.collect()
    assert gone() is None


def test_functions_in_functions_and_under_tapes():
    w = Variable(3.0)

    @function
    def inner(x):
        return x * w

    @function
    def outer(x):
        return inner(x) + 1.0

    assert float(outer(np.float32(2))) == 7
    with GradientTape() as tape:
        y = outer(np.float32(2))
    assert float(tape.gradient(y, w)) == 2


def test_a_training_step():
    w = Variable(np.zeros(3, np.float32))
    x = rows(8) / 10
    y = x @ np.array([1.0, -2.0, 0.5], np.float32)

    @function
    def step(x, y):
        with GradientTape() as tape:
            loss = ops.mean((x @ w - y) ** 2)
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    losses = [float(step(x, y)) for _ in range(50)]
    assert losses[-1] < losses[0] / 100


@pytest.mark.parametrize(
    "use", [lambda x: 1 if ops.sum(x) > 0 else 0, lambda x: [0] * int(x[0, 0]), lambda x: float(x[0, 0])]
)
def test_control_flow_by_value_is_a_clear_error(use):
    with pytest.raises(TraceError, match=r"test_function.py:\d+.*has no value yet.*lamina.ops.where"):
        function(use)(rows(2))


def test_failing_code_leaves_no_trace_behind():
    v = Variable([1.0])

    @function
    def f(x):
        v.assign([5.0])
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        f(rows(2))
    assert float(v[0]) == 1.0


def test_input_signature():
    @function(input_signature=[TensorSpec((None, 3)), TensorSpec((None,), "int32", name="labels")])
    def f(x, y):
        return ops.sum(x, 1) * ops.cast(y, "float32")

    for n in (2, 4):
        np.testing.assert_array_equal(f(rows(n), np.ones(n, np.int32)), rows(n).sum(1))
    assert f.traces == 1
    with pytest.raises(DTypeError, match="labels must be int32"):
        f(rows(2), np.ones(2))
    with pytest.raises(ShapeError, match=r"must have shape \(batch, 3\)"):
        f(rows(2, 4), np.ones(2, np.int32))
    with pytest.raises(ShapeError):
        f(rows(2), np.ones(3, np.int32))
    with pytest.raises(ArgumentError, match="2 entries"):
        f(rows(2))


def test_many_traces_are_reported():
    @function
    def f(x, k):
        return x + k

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(20):
            f(rows(2), k)
    assert len(caught) == 1
    assert "f was traced 12 times" in str(caught[0].message)


def test_debug_agrees_when_all_is_well():
    w = Variable([1.0, 2.0, 3.0])

    @function(debug=True)
    def f(x):
        w.assign_add(ops.softmax(ops.sum(x, 0)))
        return ops.tanh(x) * w

    f(rows(3))
    f(rows(4))


def test_debug_names_the_first_difference(monkeypatch):
    """With a compiler that gets every exponential wrong."""
    real = program.compile_graph

    def wrong(graph, **options):
        run = real(graph, interpret=True)
        has_exp = [any(n.primitive.name == "exp" for n in [o, *o.inputs]) for o in graph.outputs]
        return lambda arrays: [a * 2 if bad else a for a, bad in zip(run(arrays), has_exp)]

    monkeypatch.setattr(program, "compile_graph", wrong)

    @function(debug=True)
    def f(x):
        y = x + 1.0
        return ops.exp(y)

    with pytest.raises(CompileError, match=r"first differ in <exp float32\(2, 3\)> at test_function.py:\d+"):
        f(rows(2))


def test_unknown_uses_are_refused():
    with pytest.raises(ArgumentError, match="takes a callable"):
        function(3)


def test_python_loops_over_the_batch_fall_back():
    @function
    def f(x):
        total = ops.zeros((3,))
        for i in range(x.shape[0]):
            total = total + x[i]
        return total

    for n in (2, 3):
        np.testing.assert_array_equal(f(rows(n)), rows(n).sum(0))
