"""Which of two values of a watched result is the better one."""

from __future__ import annotations

import math
import warnings
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.callbacks.callback import Logs

_GROWS = ("acc", "accuracy", "auc", "precision", "recall", "f1", "r2", "iou", "similarity")


class Monitor:
    """Watches one entry of the logs.

    Args:
        owner: name of the callback, for messages.
        name: the entry, for example `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"`: larger is better for accuracies and their like, smaller otherwise.
        min_delta: a change smaller than this is no improvement.
    """

    def __init__(self, owner: str, name: str, mode: str, min_delta: float):
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(f"{owner}: mode must be 'auto', 'min' or 'max'. Received: {mode!r}.")
        self.owner = owner
        self.name = name
        self.min_delta = abs(min_delta)
        self.grows = mode == "max" or (mode == "auto" and any(part in name for part in _GROWS))

    @property
    def worst(self) -> float:
        return -math.inf if self.grows else math.inf

    def better(self, value: float, reference: float) -> bool:
        """Whether `value` improves on `reference` by more than `min_delta`."""
        if self.grows:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def read(self, logs: Logs | None) -> Any:
        """The watched value, or None after a warning that it is not in the logs."""
        logs = logs or {}
        if self.name not in logs:
            warnings.warn(
                f"{self.owner} watches {self.name!r}, which is not among the results: {', '.join(logs) or 'none'}."
                + (" Give validation_data or validation_split." if self.name.startswith("val_") else ""),
                stacklevel=3,
            )
            return None
        return logs[self.name]
