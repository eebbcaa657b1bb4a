"""Ctrl-C while native code runs returns at once, and leaves a model that works and a history of what it learnt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")

# The goal is 0.2 s; a busy machine gets more.
MOST_SECONDS = 2.0

SCRIPT = """
    import time
    import numpy as np
    import lamina as keras

    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((200,)), dense(256, activation="tanh"), dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(512, 200)).astype("float32")
    y = x[:, :1]
    {warm}
    before = model.get_weights()
    print("ready", flush=True)
    try:
        {call}
    except KeyboardInterrupt:
        print("stopped", time.time(), flush=True)
    assert np.isfinite(model.predict(x[:2], verbose=0)).all()
    if {learns}:
        epochs = len(model.history.epoch)
        assert epochs > 2 and len(model.history.history["loss"]) == epochs
        assert all(np.isfinite(v).all() for v in model.history.history["loss"])
        assert not np.array_equal(before[0], model.get_weights()[0]), "what was learnt is kept"
        assert len(model.fit(x, y, epochs=2, verbose=0).epoch) == 2
    else:
        assert np.array_equal(before[0], model.get_weights()[0]), "nothing was learnt"
    print("usable")
"""
FIT = "model.fit(x, y, epochs=10**6, verbose=0{more})"
CALLBACK = "keras.callbacks.LambdaCallback"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("call", "learns"),
    [
        (FIT.format(more=""), True),
        (FIT.format(more=", validation_split=0.5"), True),
        (
            FIT.format(more=", batch_size=1, callbacks=keras.callbacks.LambdaCallback(on_epoch_end=lambda e, l: 0)"),
            True,
        ),
        (FIT.format(more=f", callbacks={CALLBACK}(on_train_batch_end=lambda b, l: 0)"), True),
        ("while True: model.evaluate(x, y, batch_size=1, verbose=0)", False),
        ("while True: model.predict(x, batch_size=1, verbose=0)", False),
    ],
    ids=["fit", "validation", "epoch-callback", "batch-callback", "evaluate", "predict"],
)
def test_an_interrupt_returns_at_once(call, learns, threads):
    # The same program ran before, so that the interrupt comes while it runs and not while it is compiled.
    warm = call.replace("10**6", "2").removeprefix("while True: ")
    script = textwrap.dedent(SCRIPT.format(call=call, learns=learns, warm=warm))
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    environment = {**os.environ, "LAMINA_THREADS": str(threads)}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        time.sleep(0.6)
        sent = time.time()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.endswith("usable\n")
    took = float(out.split()[1]) - sent
    print(f"returned after {took * 1000:.1f} ms")
    assert took < MOST_SECONDS
