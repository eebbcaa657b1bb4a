"""A progress bar in the terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

_WIDTH = 20
_LEAST_SECONDS = 0.05


class ProgressBar:
    """Draws how far a run has come, how fast it is, and its results.

    On a terminal or in a notebook the line is redrawn in place, at most 20 times a second; elsewhere (a file, a
    pipe) only the finished line is written.

    Args:
        target: how many steps there are; None when not known.
        verbose: 1 draws the bar, 2 writes only the finished line, 0 nothing.
        stream: where to write; default `sys.stdout` at the time of writing.
        unit: what one step is called.
    """

    def __init__(self, target: int | None, verbose: int = 1, stream: TextIO | None = None, unit: str = "step"):
        self.target = target
        self.verbose = verbose
        self.unit = unit
        self._stream = stream
        self._start = time.perf_counter()
        self._drawn_at = 0.0
        self._drawn_width = 0

    def due(self) -> bool:
        """Whether the last drawing is long enough ago for another."""
        return self.verbose == 1 and self._live() and time.perf_counter() - self._drawn_at >= _LEAST_SECONDS

    def update(self, step: int, logs: dict[str, Any], finalize: bool = False) -> None:
        """Draws the state after `step` steps.

        Args:
            logs: results to show.
            finalize: whether this is the last time: the line is ended.
        """
        if self.verbose == 0 or (not finalize and (self.verbose == 2 or not self._live())):
            return
        seconds = time.perf_counter() - self._start
        if self.verbose == 2:
            self._write(self._summary(step, seconds) + _format(logs) + "\n")
            return
        line = f"{self._bar(step)} {self._time(step, seconds, finalize)}{_format(logs)}"
        width = len(line)
        erase = "\r" if self._drawn_width else ""
        self._write(erase + line + " " * max(0, self._drawn_width - width) + ("\n" if finalize else ""))
        self._drawn_width = width
        self._drawn_at = time.perf_counter()

    def _summary(self, step: int, seconds: float) -> str:
        return f"{step}/{self.target or step} - {seconds:.0f}s - {_rate(step, seconds, self.unit)}"

    def _bar(self, step: int) -> str:
        if not self.target:
            return f"{step:>7}/Unknown"
        digits = len(str(self.target))
        filled = min(_WIDTH, _WIDTH * step // self.target)
        return f"{step:>{digits}}/{self.target} " + "\u2501" * filled + "\u2500" * (_WIDTH - filled)

    def _time(self, step: int, seconds: float, finalize: bool) -> str:
        if finalize or not self.target or step == 0:
            return f"{_clock(seconds)} {_rate(step, seconds, self.unit)}"
        left = seconds / step * (self.target - step)
        return f"{_clock(left)} {_rate(step, seconds, self.unit)}"

    def _live(self) -> bool:
        stream = self._stream or sys.stdout
        return bool(getattr(stream, "isatty", lambda: False)()) or "ipykernel" in sys.modules or _pycharm()

    def _write(self, text: str) -> None:
        stream = self._stream or sys.stdout
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.replace("\u2501", "=").replace("\u2500", "-"))
        stream.flush()


def _pycharm() -> bool:
    return "PYCHARM_HOSTED" in os.environ


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}" if whole >= 60 else f"{whole}s"


def _rate(step: int, seconds: float, unit: str) -> str:
    each = seconds / step if step else 0.0
    if each >= 1 or each == 0:
        return f"{each:.0f}s/{unit}"
    return f"{each * 1e3:.0f}ms/{unit}" if each >= 1e-3 else f"{each * 1e6:.0f}us/{unit}"


def _format(logs: dict[str, Any]) -> str:
    return "".join(f" - {name}: {_number(value)}" for name, value in logs.items())


def _number(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"
