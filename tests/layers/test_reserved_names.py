"""Names that every layer has: what a subclass may do with them, and what it is told otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, models
from lamina.base.errors import ArgumentError, ReservedNameError


@pytest.mark.parametrize("base", [layers.Layer, models.Model, layers.Dense])
@pytest.mark.parametrize("name", ["name", "weights", "losses", "dtype", "trainable"])
def test_a_method_of_such_a_name(base, name):
    with pytest.raises(ReservedNameError, match=f"class Own: a method cannot be called '{name}'"):
        type("Own", (base,), {name: lambda self: 1})


def test_properties_and_plain_attributes_may_say_something_else():
    class Own(models.Model):
        name = "own"

        @property
        def losses(self):
            return []

        def call(self, x):
            return x

    assert Own().name == "own" and Own().losses == []
    np.testing.assert_array_equal(Own().predict(np.ones((2, 3)), verbose=0), np.ones((2, 3)))


def test_other_names_are_free():
    class Own(layers.Layer):
        def output(self, x):
            return 2 * x

        def call(self, inputs):
            return self.output(inputs)

    np.testing.assert_array_equal(Own()(np.ones(2, "float32")), [2, 2])


def test_attributes_that_tell_what_was_found():
    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.layers = [layers.Dense(1)]

    with pytest.raises(ReservedNameError, match="Own: the attribute 'layers' cannot be set.*self.my_layers"):
        Own()
    with pytest.raises(AttributeError):
        layers.Dense(1).weights = []


def test_a_name_can_be_given_later():
    layer = layers.Dense(1)
    layer.name = "last"
    assert layer.name == "last" and "'last'" in layer._title()
    for wrong in ("a/b", "", 3):
        with pytest.raises(ArgumentError, match="name must be a non-empty string"):
            layer.name = wrong
