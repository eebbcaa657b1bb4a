"""All callbacks of a run as one, and what they need to be called for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.history import History
from lamina.callbacks.progbar_logger import ProgbarLogger

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}
_EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")


class CallbackList(Callback):
    """Calls every callback in turn: the user's first, then the progress bar, then the history.

    Args:
        callbacks: a callback, several, or None.
        add_history, add_progbar: whether to append a `History` and a `ProgbarLogger` if there is none.
        model: given to every callback.
        params: entries of `Callback.params`.

    Attributes:
        history: the `History` among them, or None.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        self.callbacks = _as_list(callbacks)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.history: History | None = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Callback) -> None:
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self._model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def wants_batches(self, mode: str) -> bool:
        """Whether any callback overrides a hook of the batches of `"train"`, `"test"` or `"predict"`."""
        return any(_overrides(c, _BATCH_HOOKS[mode]) for c in self.callbacks)

    def wants_epochs(self) -> bool:
        """Whether any callback but the history has to be called at epochs or while one runs."""
        return any(
            _overrides(c, (*_EPOCH_HOOKS, *_BATCH_HOOKS["train"], "on_progress"))
            for c in self.callbacks
            if type(c) is not History
        )

    def wants_progress(self) -> bool:
        """Whether any callback overrides `on_progress`."""
        return any(_overrides(c, ("on_progress",)) for c in self.callbacks)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._call("on_train_end", logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._call("on_test_end", logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._call("on_predict_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_epoch_end", epoch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_batch_end", batch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_numbered("on_predict_batch_end", batch, logs)

    def on_progress(self, step: int, read_logs: Callable[[], Logs]) -> None:
        for callback in self.callbacks:
            callback.on_progress(step, read_logs)

    def _call(self, hook: str, logs: Logs | None) -> None:
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            getattr(callback, hook)(logs)

    def _call_numbered(self, hook: str, number: int, logs: Logs | None) -> None:
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            getattr(callback, hook)(number, logs)


def _as_list(callbacks: Callback | Iterable[Callback] | None) -> list[Callback]:
    if callbacks is None:
        return []
    several = hasattr(callbacks, "__iter__") and not isinstance(callbacks, (Callback, str))
    found: list[Any] = list(callbacks) if several else [callbacks]  # type: ignore[arg-type]
    for callback in found:
        if not isinstance(callback, Callback):
            hint = " Did you forget the parentheses?" if isinstance(callback, type) else ""
            raise ArgumentError(f"callbacks must be instances of Callback. Received: {callback!r}.{hint}")
    return found


def _overrides(callback: Callback, hooks: Iterable[str]) -> bool:
    if isinstance(callback, CallbackList):
        return any(_overrides(c, hooks) for c in callback.callbacks)
    kind = type(callback)
    return any(getattr(kind, h) is not getattr(Callback, h) or h in vars(callback) for h in hooks)
