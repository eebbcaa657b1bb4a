"""When fit, evaluate and predict call which hook, with what: as Keras 3 does."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.base.errors import ArgumentError
from lamina.callbacks import Callback, EarlyStopping, LambdaCallback, LearningRateScheduler
from lamina.layers import Dense, Input
from lamina.models import Sequential

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 2, 10)
HOOKS = [name for name in dir(Callback) if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end")]


class Recorder(Callback):
    """Writes down every call: hook, number, and the names in the logs."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _recording(hook):
    def called(self, *args):
        number = [a for a in args if isinstance(a, int)]
        self.calls.append((hook, *number, *sorted(args[-1] or {})))

    return called


for _hook in HOOKS:
    if _hook != "on_progress":
        setattr(Recorder, _hook, _recording(_hook))


def model() -> Sequential:
    made = Sequential([Input((3,)), Dense(1, activation="sigmoid")])
    made.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return made


def test_fit():
    recorder = Recorder()
    model().fit(X, Y, batch_size=4, epochs=2, validation_split=0.2, verbose=0, callbacks=[recorder])
    logs = ("accuracy", "loss")
    whole = ("accuracy", "loss", "val_accuracy", "val_loss")

    def epoch(number):
        return [
            ("on_epoch_begin", number),
            ("on_train_batch_begin", 0),
            ("on_train_batch_end", 0, *logs),
            ("on_train_batch_begin", 1),
            ("on_train_batch_end", 1, *logs),
            ("on_test_begin",),
            ("on_test_batch_begin", 0),
            ("on_test_batch_end", 0, *logs),
            ("on_test_end", *logs),
            ("on_epoch_end", number, *whole),
        ]

    assert recorder.calls == [("on_train_begin",), *epoch(0), *epoch(1), ("on_train_end", *whole)]


def test_evaluate_and_predict():
    recorder = Recorder()
    made = model()
    made.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[recorder])
    logs = ("accuracy", "loss")
    assert recorder.calls == [
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0, *logs),
        ("on_test_batch_begin", 1),
        ("on_test_batch_end", 1, *logs),
        ("on_test_end", *logs),
    ]
    recorder.calls.clear()
    made.predict(X, batch_size=8, verbose=0, callbacks=[recorder])
    assert recorder.calls == [
        ("on_predict_begin",),
        ("on_predict_batch_begin", 0),
        ("on_predict_batch_end", 0, "outputs"),
        ("on_predict_batch_begin", 1),
        ("on_predict_batch_end", 1, "outputs"),
        ("on_predict_end",),
    ]


def test_generators_call_the_same_hooks():
    recorder, same = Recorder(), Recorder()
    batches = [(X[:4], Y[:4]), (X[4:8], Y[4:8])]
    model().fit((b for b in batches * 2), epochs=2, steps_per_epoch=2, verbose=0, callbacks=[recorder])
    model().fit(X[:8], Y[:8], batch_size=4, epochs=2, verbose=0, callbacks=[same])
    assert recorder.calls == same.calls


def test_logs_of_batches_are_running_means():
    losses = []
    callback = LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    made, other = model(), model()
    other.set_weights(made.get_weights())
    made.fit(X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=[callback])
    total = 0.0
    for rows, loss in zip((slice(0, 4), slice(4, 8), slice(8, 10)), losses):
        total += other.train_on_batch(X[rows], Y[rows], return_dict=True)["loss"] * len(X[rows])
        assert total / rows.stop == pytest.approx(loss, rel=1e-5)


def test_batch_callbacks_do_not_change_the_result():
    made, watched = model(), model()
    watched.set_weights(made.get_weights())
    made.fit(X, Y, batch_size=3, epochs=2, verbose=0, shuffle=False)
    watched.fit(X, Y, batch_size=3, epochs=2, verbose=0, shuffle=False, callbacks=[Recorder()])
    np.testing.assert_array_equal(made.get_weights()[0], watched.get_weights()[0])


def test_stop_training_within_an_epoch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    made = model()
    history = made.fit(X, Y, batch_size=2, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0] and int(made.optimizer.iterations) == 2
    assert made.fit(X, Y, verbose=0).epoch == [0], "the next fit is not stopped"


def test_early_stopping_in_fit():
    made = model()
    stopping = EarlyStopping("loss", patience=0, min_delta=100.0, restore_best_weights=True)
    history = made.fit(X, Y, epochs=9, verbose=0, callbacks=[stopping])
    assert history.epoch == [0, 1]


def test_learning_rate_scheduler_in_fit():
    made = model()
    history = made.fit(X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.1 / (e + 1))])
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    zero = made.get_weights()[0]
    made.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda e, rate: rate * 0)])
    np.testing.assert_array_equal(zero, made.get_weights()[0])


def test_what_is_printed(capsys):
    made = model()
    made.fit(X, Y, epochs=2, verbose=2, validation_data=(X, Y))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    assert lines[1].startswith("1/1 - 0s - ")
    shown = [part.split(":")[0] for part in lines[1].split(" - ")[3:]]
    assert shown == ["accuracy", "loss", "val_accuracy", "val_loss"]
    made.evaluate(X, Y)
    assert capsys.readouterr().out.startswith("1/1 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    made.fit(X, Y, verbose=0)
    made.predict(X)
    assert capsys.readouterr().out == "", "one step of predict needs no bar"
    made.predict(X, verbose=1)
    assert "1/1" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match=r"verbose must be 0, 1, 2 or 'auto'\. Received: 7"):
        made.fit(X, Y, verbose=7)
