"""Ctrl-C in a callback leaves a usable model and its history; tests/robustness interrupts native code."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.callbacks import Callback, CSVLogger
from lamina.layers import Dense, Input
from lamina.models import Sequential


def model() -> Sequential:
    made = Sequential([Input((3,)), Dense(1)])
    made.compile("sgd", "mse")
    return made


def test_an_interrupt_in_a_callback(tmp_path):
    class Interrupt(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    made = model()
    logger = CSVLogger(tmp_path / "log.csv")
    with pytest.raises(KeyboardInterrupt):
        made.fit(np.ones((4, 3)), np.ones(4), epochs=9, verbose=0, callbacks=[logger, Interrupt()])
    assert made.history.epoch == [0, 1] and len(made.history.history["loss"]) == 2
    assert logger._file is None, "on_train_end was called"
    assert made.fit(np.ones((4, 3)), np.ones(4), verbose=0).epoch == [0]
