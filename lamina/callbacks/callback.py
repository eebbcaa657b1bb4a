"""The base of all callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.objects import TellsArguments

Logs = dict[str, Any]


class Callback(TellsArguments):
    """Hooks that `fit`, `evaluate` and `predict` call; override those that you need.

    Hooks of batches are entered once a step, which takes the training loop out of native code for each of them.
    To look at the state of training now and then without that cost, override `on_progress`.

    Attributes:
        model: the model, set before the first hook.
        params: dict with `verbose`, `epochs` and `steps` (None when not known yet).
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `fit`, with the logs of the last epoch."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `evaluate`, also of the validation in `fit`."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `evaluate`, with its results."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `predict`."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before the first step of an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after the epoch and its validation, with the results of both (`val_` before those of validation)."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each step of `fit`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each step of `fit`, with the metrics of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each step of `evaluate`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each step of `evaluate`, with the metrics so far."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each step of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each step of `predict`; `logs["outputs"]` is what the step gave."""

    def on_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        """Called now and then while steps run, at most about 50 times a second.

        Args:
            step: how many steps of the epoch are done.
            read_logs: gives the metrics of the epoch so far when called.
        """
