from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import NumericError
from lamina.graph.source import source_scope
from lamina.tensor import Trace, Variable, debug_nans, find_nan, function


def test_the_first_operation_that_makes_nan_is_named():
    message = r"log at test_debugging.py:\d+ gave NaN \(from finite operands\)"
    with debug_nans(), pytest.raises(NumericError, match=message):
        ops.exp(ops.log(np.array([1.0, -1.0], np.float32)))


def test_infinities_count_where_they_are_made():
    with debug_nans():
        with pytest.raises(NumericError, match="divide .* gave infinity"):
            ops.divide(1.0, np.zeros(2, np.float32))
        masked = ops.where(np.array([True, False]), 0.0, -np.inf)
        np.testing.assert_allclose(ops.softmax(masked), [1, 0])


def test_nan_in_the_data_is_told_apart():
    with debug_nans(), pytest.raises(NumericError, match="its operands hold NaN already"):
        ops.add(np.array([np.nan], np.float32), 1.0)


def test_off_again_afterwards():
    with debug_nans():
        pass
    assert np.isnan(ops.log(-1.0).numpy())
    debug_nans(True)
    try:
        with pytest.raises(NumericError):
            ops.log(-1.0)
    finally:
        debug_nans(False)


def test_in_a_traced_function_the_state_stays():
    v = Variable([4.0], name="v")

    @function
    def f(x):
        v.assign_sub(x)
        return ops.log(v)

    with debug_nans(), pytest.raises(NumericError, match=r"NaN was made by log at test_debugging.py:\d+"):
        f(np.array([5.0], np.float32))
    assert float(v[0]) == 4.0


def test_find_nan_names_layer_and_line():
    trace = Trace()
    with trace.stage("model"):
        x = trace.input((2,), "float32", name="features")
        with source_scope("dense_3"):
            y = ops.sqrt(x)
        graph = trace.finish([ops.exp(y)])
    good, bad = np.ones(2, np.float32), np.array([1, -1], np.float32)
    assert find_nan(graph, [good]) is None
    finding = find_nan(graph, [bad])
    assert (finding.node.primitive.name, finding.kind, finding.given) == ("sqrt", "NaN", False)
    assert finding.source.scope == "dense_3"
    assert "NaN was made by sqrt at test_debugging.py" in str(finding) and "dense_3" in str(finding)
    given = find_nan(graph, [np.array([1, np.nan], np.float32)])
    assert given.given
    assert str(given) == "The input 'features' of shape (2,) already holds NaN."
