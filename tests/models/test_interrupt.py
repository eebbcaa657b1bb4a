"""Ctrl-C during fit returns at once and leaves a usable model and its history."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

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


SCRIPT = """
    import sys, time
    import numpy as np
    import lamina as keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((64, 3), "float32")
    model.fit(x, x[:, :1], batch_size=1, verbose=0)
    print("ready", flush=True)
    try:
        model.fit(x, x[:, :1], batch_size=1, epochs=10**8 if {shown} else 10**6, verbose=0, callbacks={callbacks})
    except KeyboardInterrupt:
        print("stopped", time.time(), flush=True)
    epochs = len(model.history.epoch)
    assert epochs > 0 and len(model.history.history["loss"]) == epochs
    assert np.isfinite(model.predict(x[:2], verbose=0)).all()
    assert len(model.fit(x, x[:, :1], verbose=0).epoch) == 1
    print("usable")
"""


@pytest.mark.parametrize("callbacks", ["None", "[keras.callbacks.LambdaCallback(on_epoch_end=lambda e, l: None)]"])
def test_an_interrupt_while_native_code_runs(callbacks):
    import time

    script = textwrap.dedent(SCRIPT.format(callbacks=callbacks, shown=callbacks != "None"))
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    time.sleep(0.5)
    sent = time.time()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.endswith("usable\n")
    assert float(out.split()[1]) - sent < 0.2
