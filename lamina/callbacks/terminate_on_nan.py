"""Stops training when the loss is no longer a number."""

from __future__ import annotations

import math
from collections.abc import Callable

from lamina.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops training as soon as the loss is seen to be NaN or infinite.

    The loss of an epoch is a running mean, so once it is NaN it stays so: it is looked at now and then while
    steps run and at the end of each epoch, and training stays in native code.
    """

    def on_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        self._look(f"Batch {step}", read_logs())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._look(f"Epoch {epoch + 1}", logs)

    def _look(self, where: str, logs: Logs | None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss) and not self.model.stop_training:
            print(f"{where}: Invalid loss, terminating training")
            self.model.stop_training = True
