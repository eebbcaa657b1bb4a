"""Arguments that a constructor does not have: the error tells the one that was meant."""

from __future__ import annotations

import pickle

import pytest

from lamina import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from lamina.base.errors import UnknownArgumentError
from lamina.objects import TellsArguments, argument_names, check_arguments


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.LSTM(8, return_sequence=True), "LSTM does not have .*'return_sequence'.*'return_sequences'"),
        (lambda: layers.Dense(unit=8), "Dense .*'unit'. Did you mean 'units'"),
        (lambda: layers.Dense(hidden_size=8), "Did you mean 'units'"),
        (lambda: layers.Dropout(p=0.5), "Did you mean 'rate'"),
        (lambda: layers.Conv2D(8, 3, stride=2), "Did you mean 'strides'"),
        (lambda: layers.Bidirectional(layers.GRU(2), mode="sum"), "Bidirectional .*'mode'. Did you mean 'merge_mode'"),
        (lambda: losses.MeanSquaredError(redution="sum"), "Did you mean 'reduction'"),
        (lambda: losses.SparseCategoricalCrossentropy(logits=True), "Did you mean 'from_logits'"),
        (lambda: metrics.Precision(treshold=0.3), "Did you mean 'thresholds'"),
        (lambda: optimizers.Adam(lr=0.1), "Adam .*'lr'. Did you mean 'learning_rate'"),
        (lambda: optimizers.SGD(momentun=0.9), "Did you mean 'momentum'"),
        (lambda: optimizers.schedules.ExponentialDecay(0.1, 10, rate=0.9), "'decay_rate' or 'initial_learning_rate'"),
        (lambda: callbacks.EarlyStopping(patence=3), "Did you mean 'patience'"),
        (lambda: initializers.HeNormal(sed=1), "Did you mean 'seed'"),
        (lambda: regularizers.L2(l3=1), "It has: l2"),
        (lambda: constraints.MaxNorm(max=1), "Did you mean 'max_value'|It has: axis, max_value"),
        (lambda: losses.MeanSquaredError(zzz=1), "It has: dtype, name, reduction"),
    ],
)  # fmt: skip
def test_the_right_name_is_told(make, text):
    with pytest.raises(UnknownArgumentError, match=text) as found:
        make()
    assert isinstance(found.value, ValueError) and isinstance(found.value, TypeError)


def test_what_the_bases_take_counts_too():
    class Small(layers.Dense):
        def __init__(self, factor=1, **kwargs):
            super().__init__(4 * factor, **kwargs)

    assert {"factor", "units", "activation", "name", "dtype"} <= argument_names(Small)
    assert Small(activation="relu").units == 4
    with pytest.raises(UnknownArgumentError, match="Small .*'factr'. Did you mean 'factor'"):
        Small(factr=2)


def test_pythons_own_errors_stay():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'units'"):
        layers.Dense(activation="relu")
    with pytest.raises(TypeError, match="positional argument"):
        losses.MeanSquaredError("sum", "name", "float32", 4)


def test_objects_without_arguments():
    class Bare(TellsArguments):
        pass

    assert isinstance(Bare(), Bare) and isinstance(pickle.loads(pickle.dumps(losses.MeanSquaredError())), losses.Loss)
    check_arguments(Bare, (), {})
    with pytest.raises(UnknownArgumentError, match="It has none"):
        Bare(size=1)
    with pytest.raises(TypeError, match="takes no arguments"):
        Bare(1)
