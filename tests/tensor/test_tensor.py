from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from lamina.base.dims import Dim
from lamina.base.errors import DTypeError, IndexRangeError, ShapeError, TraceError
from lamina.tensor import Tensor, Trace, Variable, convert, from_dlpack

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_attributes():
    t = Tensor(X)
    assert (t.shape, t.dtype, t.ndim, t.size, len(t)) == ((2, 3, 4), "float32", 3, 24, 2)
    assert "shape=(2,), dtype=float32" in repr(Tensor([1.0, 2.0]))
    assert f"{Tensor(1.25):.3f}" == "1.250"


def test_dtypes_of_python_data():
    assert Tensor([1.0, 2.0]).dtype == "float32"
    assert Tensor([1, 2]).dtype == "int32"
    assert Tensor([1, 2**40]).dtype == "int64"
    assert Tensor([True]).dtype == "bool"
    assert Tensor([]).dtype == "float32"
    assert Tensor(np.arange(3)).dtype == "int64"
    assert Tensor(np.ones(3)).dtype == "float64"
    assert Tensor([1, 2], dtype="float16").dtype == "float16"
    assert Tensor(np.arange(3, dtype=">i4")).tolist() == [0, 1, 2]


@pytest.mark.parametrize("bad", ["text", None, object(), ["a"], [None, 1.0]])
def test_what_is_not_numeric_is_refused(bad):
    with pytest.raises(DTypeError):
        convert(bad)


def test_ragged_lists_are_refused():
    with pytest.raises(ShapeError, match="same length"):
        convert([[1, 2], [3]])


def test_memory_is_shared_with_numpy():
    data = X.copy()
    t = Tensor(data)
    assert t.numpy() is data
    assert np.shares_memory(np.asarray(t), data)
    assert not np.shares_memory(np.array(t, copy=True), data)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError):
        np.asarray(t, dtype=np.int8, copy=False)


def test_dlpack_both_ways_without_a_copy():
    data = X.copy()
    t = from_dlpack(data)
    assert np.shares_memory(t.numpy(), data)
    assert np.shares_memory(np.from_dlpack(Tensor(data)), data)
    v = Variable(data)
    assert np.shares_memory(np.from_dlpack(v), v._array)


def test_operators_follow_numpy():
    a, b = Tensor(X), Tensor(X[:, :1] + 1)
    for operation in (
        lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p * q, lambda p, q: p / q, lambda p, q: p // q,
        lambda p, q: p % q, lambda p, q: q**2, lambda p, q: p == q, lambda p, q: p < q, lambda p, q: p >= q,
        lambda p, q: -p, lambda p, q: abs(-p), lambda p, q: 2 - p, lambda p, q: 2 / q, lambda p, q: 3 // q,
        lambda p, q: (p > 3) & (q < 5), lambda p, q: ~(p > 3), lambda p, q: +p,
    ):  # fmt: skip
        np.testing.assert_allclose(operation(a, b), operation(a.numpy(), b.numpy()), rtol=1e-6)
    np.testing.assert_allclose(a @ X[0].T, X @ X[0].T)
    np.testing.assert_allclose(X[0] @ Tensor(X[0].T), X[0] @ X[0].T)


def test_numpy_leaves_operators_to_tensors():
    assert isinstance(X + Tensor(X), Tensor)
    assert isinstance(np.float32(2) * Tensor(X), Tensor)


def test_comparison_with_what_is_no_tensor():
    t = Tensor([1.0])
    assert (t == "text") is False
    assert (t != None) is True  # noqa: E711
    with pytest.raises(TypeError):
        t + "text"
    assert t in [t]
    assert len({t, Tensor([1.0])}) == 2


def test_python_numbers():
    assert float(Tensor(2.5)) == 2.5 and int(Tensor(3)) == 3 and bool(Tensor(True))
    assert [10, 20][Tensor(1)] == 20
    assert Tensor([[1, 2]]).tolist() == [[1, 2]] and Tensor(2.5).item() == 2.5
    with pytest.raises(ValueError):
        bool(Tensor([1, 2]))
    with pytest.raises(TypeError):
        len(Tensor(1.0))


def test_iteration_and_membership():
    assert [row.shape for row in Tensor(X)] == [(3, 4)] * 2
    assert 3.0 in Tensor(X) and 99.0 not in Tensor(X)


MASK = X[0, :, 0] > 2
KEYS = [
    0, -1, (1, 2), (slice(None), 1), slice(1, None), slice(None, None, -1), (Ellipsis, 0), (0, Ellipsis, slice(1, 3)),
    None, (None, 0, None), (slice(None), slice(2, 0, -1), slice(None, None, 2)), (slice(5, 2),), [1, 0, 1],
    (slice(None), [0, 2]), ([0, 1], [2, 0]), ([0, 1], slice(None), [3, 3]), (slice(None), [0, 2], [1, 1]),
    (0, slice(None), [1, -1]), (slice(None), MASK), X > 5, ([[0], [1]], [0, 1]),
    (slice(None, None, -2), 1, slice(3, None, -3)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_indexing_follows_numpy(key):
    result = Tensor(X)[key]
    assert isinstance(result, Tensor)
    np.testing.assert_array_equal(result, X[key])


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_indexing_while_tracing(key):
    from lamina.compiler import compile_graph

    trace = Trace()
    with trace.stage("index"):
        graph = trace.finish([trace.input(X.shape, "float32")[key]])
    np.testing.assert_array_equal(compile_graph(graph, interpret=True)([X])[0], X[key])


@pytest.mark.parametrize("key", [2, -3, (0, 3), [0, 2], (slice(None), [0, -4]), ([0, 1], [0, 3]), (0, 0, 0, 0)])
def test_indices_out_of_range(key):
    with pytest.raises(IndexRangeError):
        Tensor(X)[key]


def test_indexing_an_open_axis():
    from lamina.compiler import compile_graph

    trace = Trace()
    with trace.stage("index"):
        x = trace.input((Dim("batch"), 4), "float32")
        assert x[:, 1:].dims == (Dim("batch"), 3)
        assert x[::-1].dims == (Dim("batch"), 4)
        with pytest.raises(ShapeError):
            x[:5]
        with pytest.raises(TraceError, match="lamina.ops.where"):
            x[x > 0]
        with pytest.raises(TraceError, match="not known yet"):
            len(x)
        graph = trace.finish([x[-1], x[0]])
    last, first = compile_graph(graph, interpret=True)([X[0]])
    np.testing.assert_array_equal(last, X[0, -1])
    np.testing.assert_array_equal(first, X[0, 0])


def test_items_cannot_be_assigned():
    with pytest.raises(TypeError, match="slice_update"):
        Tensor(X)[0] = 1


@pytest.mark.parametrize(
    "use", [bool, int, float, np.asarray, lambda t: t.numpy(), lambda t: [1, 2][t], lambda t: t.item()]
)
def test_a_symbolic_tensor_has_no_value(use):
    with Trace().stage("body") as trace:
        x = trace.input((), "int32")
        with pytest.raises(TraceError, match=r"At test_tensor.py:\d+: Python asked for .* lamina.ops.where"):
            use(x)


def test_lists_of_tensors_are_stacked():
    t = convert([Tensor([1.0, 2.0]), Tensor([3, 4])])
    assert t.dtype == "float32"
    np.testing.assert_array_equal(t, [[1, 2], [3, 4]])
    with pytest.raises(ShapeError, match="one shape"):
        convert([Tensor([1.0]), Tensor([1.0, 2.0])])


def test_copies_and_pickles():
    t = Tensor(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(t)), X)
    v = Variable(X, name="weight")
    other = copy.deepcopy(v)
    other.assign(other + 1)
    np.testing.assert_array_equal(v, X)
    assert other.name == "weight"


def test_importing_brings_in_numpy_alone():
    code = (
        "import sys, lamina.ops, lamina.random, lamina.tensor;"
        "print([m for m in ('ml_dtypes', 'pandas', 'h5py', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
