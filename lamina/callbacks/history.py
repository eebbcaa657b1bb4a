"""The record of a training."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the results of every epoch; `fit` returns one.

    Attributes:
        epoch: numbers of the epochs that were run.
        history: for every result (`"loss"`, `"val_loss"`, ...) the list of its values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []
        if self._model is not None:
            self._model.history = self

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def extend(self, first_epoch: int, logs: dict[str, list[Any]]) -> None:
        """Records several epochs at once: equally many values under every name."""
        count = max(map(len, logs.values()), default=0)
        self.epoch.extend(range(first_epoch, first_epoch + count))
        for name, values in logs.items():
            self.history.setdefault(name, []).extend(values)
