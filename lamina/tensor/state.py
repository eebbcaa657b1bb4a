"""What is going on in this thread: a trace, gradient tapes, a search for NaN. One small object, read by every op."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.tensor.tape import GradientTape
    from lamina.tensor.trace import Trace


class State(threading.local):
    """Settings of a thread.

    Attributes:
        trace: the trace that is being recorded, or None.
        tapes: gradient tapes that are recording, the outermost first.
        nans: whether eager operations look for NaN and infinity.
        autocast: the dtype as which float variables are read, or None for their own.
        busy: whether any of the above is on; a single test on the path of every operation.
    """

    trace: Trace | None = None
    tapes: tuple[GradientTape, ...] = ()
    nans: bool = False
    autocast: str | None = None
    busy: bool = False

    def change(self, **settings: Any) -> None:
        for name, value in settings.items():
            setattr(self, name, value)
        self.busy = self.trace is not None or bool(self.tapes) or self.nans


state = State()


@contextmanager
def eagerly() -> Iterator[None]:
    """Runs the block at once, unrecorded and in full precision, whatever is on: used while variables are created."""
    trace, tapes, read_as = state.trace, state.tapes, state.autocast
    state.change(trace=None, tapes=(), autocast=None)
    try:
        yield
    finally:
        state.change(trace=trace, tapes=tapes, autocast=read_as)


class autocast:
    """`with autocast(dtype):` reads float variables as this dtype, those made with `autocast=False` excepted.

    Args:
        dtype: name of a float dtype; None to read each as its own.
    """

    def __init__(self, dtype: str | None):
        self.dtype = dtype

    def __enter__(self) -> None:
        self._outer = state.autocast
        state.autocast = self.dtype

    def __exit__(self, *exception: Any) -> None:
        state.autocast = self._outer
