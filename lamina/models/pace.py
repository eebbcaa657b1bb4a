"""How many steps to ask of native code at a time."""

from __future__ import annotations

_SECONDS = 0.025
_GROWTH = 16


class Pace:
    """Chooses a number of steps that takes about 25 ms, so that Ctrl-C and the progress bar get their turn.

    Starts with one step, since nobody knows yet how long it takes.

    Attributes:
        steps: how many to ask for next.
    """

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = 1

    def learn(self, steps: int, seconds: float) -> None:
        """Takes into account that `steps` steps took `seconds`."""
        fitting = int(steps * _SECONDS / max(seconds, 1e-9))
        self.steps = max(1, min(fitting, steps * _GROWTH) if steps >= self.steps else min(fitting, self.steps))
