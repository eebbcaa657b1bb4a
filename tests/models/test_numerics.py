"""The search for the first NaN, on request."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.base.errors import DataError, NumericError
from lamina.layers import Dense, Input, Lambda
from lamina.models import Sequential
from lamina.optimizers import SGD


def broken(**options) -> Sequential:
    made = Sequential(
        [Input((1,)), Dense(1, name="first", kernel_initializer="ones"), Lambda(lambda x: ops.log(x), name="logs")]
    )
    made.compile(SGD(0.01), "mse", **options)
    return made


def test_without_the_search_a_nan_goes_through():
    loss = broken().fit(np.array([1.0, -1.0]), np.zeros(2), verbose=0).history["loss"][0]
    assert np.isnan(loss)


def test_the_error_names_operation_layer_and_line(executor):
    made = broken(check_numerics=True)
    x = np.array([1.0, 2.0, -1.0, 3.0])
    with pytest.raises(NumericError) as error:
        made.fit(x, np.zeros(4), batch_size=2, epochs=3, shuffle=False, verbose=0)
    text = str(error.value)
    assert "In epoch 1, step 2 of 2 the operation log in layer 'sequential" in text and "/logs'" in text
    assert "test_numerics.py:" in text and "was the first to make NaN: 1 of 2 values" in text
    assert "It read values from -0.9" in text
    assert all(np.isfinite(w).all() for w in made.get_weights())
    assert int(made.optimizer.iterations) == 1, "the step before it was kept, its own was undone"
    made.fit(np.array([1.0, 2.0]), np.zeros(2), verbose=0)


def test_a_loss_that_explodes():
    made = Sequential([Input((1,)), Dense(1)])
    made.compile(SGD(1e30), "mse", check_numerics=True)
    with pytest.raises(NumericError, match=r"was the first to make (infinity|NaN)"):
        made.fit(np.arange(4.0), np.arange(4.0), epochs=9, verbose=0)


def test_bad_data_is_named():
    made = Sequential([Input((2,)), Dense(1)])
    made.compile("sgd", "mse", check_numerics=True)
    x = np.ones((4, 2))
    x[3, 1] = np.nan
    with pytest.raises(DataError, match=r"x holds nan in row 3, at index \(1,\) of the row"):
        made.fit(x, np.ones(4), verbose=0)
    with pytest.raises(DataError, match="y holds inf in row 0"):
        made.evaluate(np.ones((1, 2)), np.array([np.inf]), verbose=0)


def test_predict_is_searched_too():
    made = broken(check_numerics=True)
    with pytest.raises(NumericError, match="the operation log in layer"):
        made.predict(np.array([1.0, -1.0]), verbose=0)


def test_infinities_that_reach_no_result_are_no_fault():
    made = Sequential([Input((1,)), Dense(1), Lambda(lambda x: ops.where(x > 1e30, ops.log(x * 0), x))])
    made.compile(SGD(0.01), "mse", check_numerics=True)
    made.evaluate(np.array([1.0, 2.0]), np.zeros(2), verbose=0)
