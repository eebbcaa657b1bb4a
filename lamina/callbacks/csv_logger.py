"""Writes the results of epochs to a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

from lamina.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes one line for each epoch: its number, then its results in the order of their names.

    Args:
        filename: the file.
        separator: between the entries of a line.
        append: whether to continue a file that exists (no second header) rather than replace it.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        continued = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._header_needed = not continued
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self._file is None:
            return
        writer = csv.writer(self._file, delimiter=self.separator)
        if self.keys is None:
            self.keys = _with_validation(logs)
            if self._header_needed:
                writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _with_validation(logs: Logs) -> list[str]:
    """The names of the columns; those of validation also when the first epoch had none (`validation_freq`)."""
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names if name != "learning_rate"]


def _cell(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(map(str, value))}]"
    return value
