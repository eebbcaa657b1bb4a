"""Stops training when a result stops improving."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Stops training when the watched result has not improved for some epochs.

    Args:
        monitor: name of the result.
        min_delta: the least change that counts as improvement.
        patience: epochs without improvement after which to stop.
        verbose: 1 prints a line when it stops.
        mode: `"min"`, `"max"` or `"auto"` (from the name).
        baseline: a value that must be improved upon first.
        restore_best_weights: whether the model gets back the weights of its best epoch at the end.
        start_from_epoch: epochs to wait before watching.

    Attributes:
        best, best_epoch, best_weights, wait, stopped_epoch: the state of the watch.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__()
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._watch = Monitor("EarlyStopping", monitor, mode, min_delta)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float = self._watch.worst
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self._watch.read(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._watch.better(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self._watch.better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
