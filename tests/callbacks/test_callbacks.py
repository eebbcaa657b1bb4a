"""Callbacks on their own, with a stand-in for the model."""

from __future__ import annotations

import math

import pytest

from lamina.base.errors import ArgumentError
from lamina.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)  # fmt: skip


class Optimizer:
    learning_rate = 0.1


class Model:
    """As much of a model as callbacks need; its weights count the epochs."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = Optimizer()
        self.epoch = -1
        self.restored = None

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.restored = weights


def run(callback, values, name="val_loss"):
    """Calls a callback as `fit` would for these results; returns the model and the number of epochs run."""
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model, model.epoch + 1


def test_early_stopping_waits_for_its_patience():
    stopping = EarlyStopping(patience=2)
    _, epochs = run(stopping, [3, 2, 2.5, 2.1, 1])
    assert epochs == 4 and stopping.stopped_epoch == 3 and stopping.best == 2


def test_early_stopping_restores_the_best_weights(capsys):
    model, _ = run(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), [3, 1, 2, 0])
    assert model.restored == [1]
    assert "Epoch 3: early stopping" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "name", "values", "epochs"),
    [
        ({"monitor": "val_accuracy"}, "val_accuracy", [0.5, 0.6, 0.6, 0.9], 3),
        ({"monitor": "score", "mode": "max"}, "score", [1, 2, 1], 3),
        ({"min_delta": 0.5}, "val_loss", [3.0, 2.8, 1.0], 2),
        ({"baseline": 1.0, "patience": 2}, "val_loss", [3.0, 2.0, 1.5, 1.4], 4),
        ({"start_from_epoch": 2}, "val_loss", [1, 2, 3, 4, 5], 4),
    ],
)
def test_early_stopping_options(options, name, values, epochs):
    assert run(EarlyStopping(**options), values, name)[1] == epochs


def test_early_stopping_can_be_used_again():
    stopping = EarlyStopping()
    assert run(stopping, [1, 2])[1] == run(stopping, [1, 2])[1] == 2


def test_watching_something_that_is_not_there_warns():
    with pytest.warns(UserWarning, match=r"EarlyStopping watches 'val_loss'.*results: loss\. Give validation_data"):
        run(EarlyStopping(), [1], "loss")
    with pytest.raises(ArgumentError, match="mode must be"):
        EarlyStopping(mode="least")


def test_reduce_lr_on_plateau():
    reducing = ReduceLROnPlateau(factor=0.1, patience=2, min_lr=0.0005)
    model, _ = run(reducing, [1.0] * 5)
    assert model.optimizer.learning_rate == pytest.approx(0.001)
    model, _ = run(reducing, [1.0] * 9)
    assert model.optimizer.learning_rate == 0.0005
    model, _ = run(ReduceLROnPlateau(patience=1, cooldown=10), [1.0] * 9)
    assert model.optimizer.learning_rate == pytest.approx(0.01)
    with pytest.raises(ArgumentError, match="below 1"):
        ReduceLROnPlateau(factor=1.0)


@pytest.mark.parametrize("schedule", [lambda epoch: 1 / (epoch + 1), lambda epoch, rate: 1 / (epoch + 1)])
def test_learning_rate_scheduler(schedule):
    model, _ = run(LearningRateScheduler(schedule), [0] * 4)
    assert model.optimizer.learning_rate == 0.25
    logs = {}
    scheduler = LearningRateScheduler(schedule)
    scheduler.set_model(model)
    scheduler.on_epoch_end(3, logs)
    assert logs == {"learning_rate": 0.25}


def test_learning_rate_scheduler_wants_numbers():
    with pytest.raises(ArgumentError, match=r"must give a float for every epoch\. Received: None"):
        run(LearningRateScheduler(lambda epoch: None), [0])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_terminate_on_nan(value, capsys):
    _, epochs = run(TerminateOnNaN(), [1.0, value, 1.0], "loss")
    assert epochs == 2
    assert "Invalid loss, terminating training" in capsys.readouterr().out


def test_terminate_on_nan_looks_while_steps_run():
    callback = TerminateOnNaN()
    callback.set_model(Model())
    callback.on_progress(7, lambda: {"loss": math.nan})
    assert callback.model.stop_training


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path), [1.5, 2.5], "loss")
    assert path.read_text().splitlines() == ["epoch,loss,val_loss", "0,1.5,NA", "1,2.5,NA"]
    run(CSVLogger(path, append=True), [3.5], "loss")
    assert path.read_text().splitlines()[-1] == "0,3.5,NA"
    assert path.read_text().count("epoch") == 1
    run(CSVLogger(str(path), separator=";"), [1], "val_loss")
    assert path.read_text().splitlines() == ["epoch;val_loss", "0;1"]


def test_lambda_callback():
    seen = []
    callback = LambdaCallback(
        on_epoch_end=lambda number, results: seen.append((number, results)),
        on_test_end=lambda results: seen.append("t"),
    )
    CallbackList([callback]).on_epoch_end(3, {"loss": 1})
    CallbackList([callback]).on_test_end()
    assert seen == [(3, {"loss": 1}), "t"]
    with pytest.raises(ArgumentError, match="no hook on_lunch"):
        LambdaCallback(on_lunch=print)


def test_callback_list_knows_what_it_is_needed_for():
    class EveryBatch(Callback):
        def on_batch_end(self, batch, logs=None):
            pass

    class EveryEpoch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    assert CallbackList([EveryBatch()]).wants_batches("train")
    assert not CallbackList([EveryBatch()]).wants_batches("test")
    assert not CallbackList([EveryEpoch(), TerminateOnNaN(), ProgbarLogger()]).wants_batches("train")
    assert CallbackList([LambdaCallback(on_test_batch_end=print)]).wants_batches("test")
    assert CallbackList([EveryEpoch()], add_history=True).wants_epochs()
    assert not CallbackList(add_history=True).wants_epochs()
    assert not CallbackList([LambdaCallback(on_train_end=print)]).wants_epochs()


def test_callback_list_order_and_errors():
    own = Callback()
    listed = CallbackList(own, add_history=True, add_progbar=True)
    assert [type(c) for c in listed.callbacks] == [Callback, ProgbarLogger, History]
    with pytest.raises(ArgumentError, match="Did you forget the parentheses"):
        CallbackList([EarlyStopping])


def test_history():
    history = History()
    run(history, [3.0, 2.0], "loss")
    history.extend(2, {"loss": [1.0, 0.5]})
    assert history.epoch == [0, 1, 2, 3] and history.history == {"loss": [3.0, 2.0, 1.0, 0.5]}


@pytest.mark.parametrize("wrong", ["early", 5])
def test_what_is_no_callback(wrong):
    with pytest.raises(ArgumentError, match=f"must be instances of Callback. Received: {wrong!r}"):
        CallbackList(wrong)
