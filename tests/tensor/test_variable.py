from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError, TraceError
from lamina.tensor import Tensor, Trace, Variable


def test_values_and_initializers():
    v = Variable([1.0, 2.0], name="w")
    assert (v.name, v.path, v.shape, v.dtype, v.trainable) == ("w", "w", (2,), "float32", True)
    made = Variable(lambda shape, dtype: ops.ones(shape, dtype), shape=(2, 3))
    assert made.shape == (2, 3) and made.dtype == "float32"
    assert Variable(np.ones(3), dtype="float16").dtype == "float16"
    assert Variable(0, dtype="int64", trainable=False).dtype == "int64"


def test_the_value_is_copied_and_contiguous():
    data = np.ones((3, 2), np.float32)
    v = Variable(data.T)
    data[0, 0] = 5
    assert v._array.flags.c_contiguous
    np.testing.assert_array_equal(v, np.ones((2, 3)))


def test_assignment_changes_memory_in_place():
    v = Variable([1.0, 2.0])
    memory = v._array
    assert v.assign([3, 4]) is v
    v.assign_add(1)
    v.assign_sub([0.5, 0.0])
    assert v._array is memory
    np.testing.assert_array_equal(v, [3.5, 5.0])


def test_snapshots_do_not_change_with_the_variable():
    v = Variable(np.arange(4.0, dtype=np.float32))
    snapshots = [v.value, v.numpy(), np.asarray(v), ops.reshape(v, (2, 2)), v[1:], +v, ops.transpose(v),
                 ops.convert_to_tensor(v), ops.cast(v, "float32")]  # fmt: skip
    before = [np.array(s) for s in snapshots]
    v.assign(v * 0 - 1)
    for snapshot, old in zip(snapshots, before):
        np.testing.assert_array_equal(snapshot, old)


def test_behaves_as_a_tensor():
    v = Variable([[1.0, 2.0]])
    np.testing.assert_array_equal(2 * v + v / 2, [[2.5, 5.0]])
    np.testing.assert_array_equal(v @ np.ones((2, 1), np.float32), [[3.0]])
    assert isinstance(np.ones(2, np.float32) + v, Tensor)
    assert len(v) == 1 and v[0, 1] == 2.0 and v.ndim == 2 and v.size == 2


@pytest.mark.parametrize("value", [[1.0], [[1.0, 2.0]], 3.0])
def test_assigning_another_shape_is_refused(value):
    with pytest.raises(ShapeError, match=r"Variable 'w': assign\(\) takes a value of the variable's shape \(2,\)"):
        Variable([1.0, 2.0], name="w").assign(value)


def test_bad_initial_values():
    with pytest.raises(ArgumentError, match="needs a shape"):
        Variable(lambda shape, dtype: ops.ones(shape, dtype))
    with pytest.raises(ShapeError, match="every dimension must be known"):
        Variable(ops.ones, shape=(None, 2))
    with pytest.raises(ShapeError, match=r"expected a value of shape \(3,\)"):
        Variable([1.0], shape=(3,))


def test_in_a_trace_a_variable_is_state():
    v, untouched = Variable([1.0, 2.0]), Variable([9.0])
    trace = Trace()
    with trace.stage("first"):
        old = v + 0.0
        v.assign_add(1.0)
        first = trace.finish([old, v])
    with trace.stage("second"):
        second = trace.finish([v * 2])
    np.testing.assert_array_equal(v, [1, 2])  # tracing changes nothing
    assert first.inputs == second.inputs
    assert trace.arrays()[first.inputs[0]] is v._array
    assert trace.variables() == {first.inputs[0]: v}
    assert untouched._array[0] == 9

    from lamina.compiler import compile_graph

    before, after = compile_graph(first, interpret=True)([v._array])
    np.testing.assert_array_equal(before, [1, 2])
    np.testing.assert_array_equal(after, [2, 3])
    np.testing.assert_array_equal(v, [2, 3])


def test_in_a_trace_a_variable_has_no_value():
    v = Variable(1.0, name="rate")
    with Trace().stage("body"):
        for use in (float, bool, np.asarray, lambda x: x.numpy()):
            with pytest.raises(TraceError, match="variable 'rate' while a function or model is traced"):
                use(v)


def test_variables_are_made_at_once_inside_of_a_trace():
    trace = Trace()
    with trace.stage("body"):
        v = Variable(lambda shape, dtype: ops.ones(shape, dtype) * 2, shape=(2,))
        with pytest.raises(TraceError, match="no value yet"):
            Variable(trace.input((2,), "float32"))
    np.testing.assert_array_equal(v, [2, 2])


def test_a_leaked_symbolic_tensor_is_reported():
    trace = Trace()
    with trace.stage("body"):
        x = trace.input((2,), "float32")
    with pytest.raises(TraceError, match="outside of its trace"):
        Variable([1.0, 2.0]) + x
    with pytest.raises(TraceError, match="outside of its trace"):
        Variable([1.0, 2.0]).assign(x)


def test_unused_reads_are_not_inputs():
    v, w = Variable([1.0]), Variable([2.0])
    trace = Trace()
    with trace.stage("body"):
        _ = v * 3
        graph = trace.finish([w * 2])
    assert [trace.variables()[n] for n in graph.inputs] == [w]
