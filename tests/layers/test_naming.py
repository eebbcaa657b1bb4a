"""Errors of operations within layers name the layer, and what it was called on."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, models, ops
from lamina.base.errors import ArgumentError, IndexRangeError, LaminaError, ShapeError, TraceError

X = np.ones((8, 5, 3), "float32")


class Broken(layers.Layer):
    def call(self, inputs, others=None):
        return ops.matmul(inputs, np.ones((7, 2), "float32"))


def test_the_layer_and_its_inputs(executor):
    expected = r"matmul: .* In Broken layer 'mine', called on inputs \(8, 5, 3\), others \(2,\), \(3,\)\.$"
    with pytest.raises(ShapeError, match=expected) as found:
        Broken(name="mine")(X, others=[np.ones(2), np.ones(3)])
    assert found.value.layer == "mine"
    with pytest.raises(ShapeError, match=r"In Broken layer 'mine', called on inputs \(None, 5, 3\)"):
        Broken(name="mine")(layers.Input((5, 3)))


def test_the_innermost_layer_is_named_once():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = Broken(name="inner")

        def call(self, inputs):
            return self.inner(inputs)

    with pytest.raises(ShapeError) as found:
        Outer()(X)
    assert "'inner'" in str(found.value) and "'outer'" not in str(found.value)


def test_who_names_himself_is_not_named_again():
    with pytest.raises(ShapeError) as found:
        layers.LSTM(3, name="reader")(X[0])
    assert str(found.value).count("'reader'") == 1 and " In " not in str(found.value)


def test_other_errors_stay():
    class Asks(layers.Layer):
        def call(self, inputs):
            return inputs if ops.sum(inputs) > 0 else -inputs

    class Raises(layers.Layer):
        def call(self, inputs):
            raise KeyError("mine")

    with pytest.raises(TraceError) as found:
        Asks(name="asks")(layers.Input((3,)))
    assert "'asks'" not in str(found.value)
    with pytest.raises(KeyError, match="^'mine'$"):
        Raises()(X)
    assert not issubclass(TraceError, ArgumentError) and issubclass(IndexRangeError, LaminaError)


@pytest.mark.parametrize("call", [
    lambda layer: layer(X),
    lambda layer: models.Sequential([layers.Input((5, 3)), layer]),
])  # fmt: skip
def test_an_argument_of_call_is_missing(call):
    with pytest.raises(ArgumentError, match=r"must be called with query, value: value is missing. A Sequential"):
        call(layers.MultiHeadAttention(2, 2))


def test_several_outputs_in_a_sequential():
    with pytest.raises(ArgumentError, match=r"takes 1 input\(s\). Received: 3. .*return_state=True"):
        models.Sequential([layers.Input((5, 3)), layers.LSTM(3, return_state=True), layers.Dense(1)])


def test_a_call_without_a_result():
    class Silent(layers.Layer):
        def call(self, inputs):
            inputs * 2

    class SilentModel(models.Model):
        def call(self, inputs):
            inputs * 2

    with pytest.raises(ArgumentError, match="Silent layer 'silent': its call gave no tensor.*forget to `return`"):
        models.Sequential([layers.Input((3,)), Silent(name="silent"), layers.Dense(1)])
    with pytest.raises(ArgumentError, match="its call gave no tensor. Received: None"):
        SilentModel().predict(X, verbose=0)
