"""Shows the progress of a run in the terminal."""

from __future__ import annotations

from collections.abc import Callable

from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.progress_bar import ProgressBar


class ProgbarLogger(Callback):
    """Draws a progress bar for `fit`, `evaluate` and `predict`; they add one unless `verbose` is 0.

    It looks at the running metrics from time to time and does not slow the steps down.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: ProgressBar | None = None
        self._steps_done = 0
        self._training = False

    @property
    def _verbose(self) -> int:
        verbose = self.params.get("verbose", 1)
        return 1 if verbose in ("auto", True) else int(verbose)

    def _open(self) -> None:
        self._steps_done = 0
        self._bar = ProgressBar(self.params.get("steps"), self._verbose)

    def _close(self, logs: Logs | None) -> None:
        if self._bar is not None:
            steps = self.params.get("steps") or self._steps_done
            self._bar.target = steps
            self._bar.update(steps, logs or {}, finalize=True)
            self._bar = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False
        self._bar = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._verbose and self.params.get("epochs", 1) > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._open()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._close(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._open()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._close(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._open()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._close(None)

    def on_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        self._steps_done = step
        if self._bar is not None and self._bar.due():
            self._bar.update(step, read_logs())
