"""Sets the learning rate at the start of every epoch."""

from __future__ import annotations

from collections.abc import Callable

from lamina.base.errors import ArgumentError
from lamina.callbacks.callback import Callback, Logs


class LearningRateScheduler(Callback):
    """Asks a function for the learning rate before every epoch.

    The results of the epoch get an entry `learning_rate`.

    Args:
        schedule: `f(epoch, learning_rate)` or `f(epoch)`, giving the new learning rate as a float.
        verbose: 1 prints a line for each epoch.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        current = float(self.model.optimizer.learning_rate)
        rate = self._ask(epoch, current)
        try:
            rate = float(rate)
        except (TypeError, ValueError):
            raise ArgumentError(
                f"LearningRateScheduler: the schedule must give a float for every epoch. Received: {rate!r}."
            ) from None
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def _ask(self, epoch: int, current: float) -> float:
        code = getattr(self.schedule, "__code__", None)
        if code is not None and code.co_argcount - _bound(self.schedule) == 1:
            return self.schedule(epoch)
        if code is not None:
            return self.schedule(epoch, current)
        try:
            return self.schedule(epoch, current)
        except TypeError:
            return self.schedule(epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _bound(function: Callable[..., float]) -> int:
    return 1 if getattr(function, "__self__", None) is not None else 0
