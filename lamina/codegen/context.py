"""The context that native code reads: an array of eight-byte slots. Apart, as running a program needs no compiler."""

from __future__ import annotations

from enum import IntEnum

ENTRY = "lamina_run"


class Slot(IntEnum):
    """Places in the context."""

    REPORT = 0  # and 15 to 17: become 1 when an index was out of range
    SYMBOLS = 1  # pointer to the numbers of the symbols
    TABLE = 2  # pointer to the pointers of the buffers
    SCRATCH = 3  # pointer to the threads' scratch memory
    SCRATCH_BYTES = 4  # of one thread
    BARRIER = 5  # pointer to the barrier's two words
    STRIDES = 6  # pointer to bytes of a row (of an epoch's row) of every buffer, 0 where it is seen whole
    ROOM = 7  # pointer to the room in which threads wait for each other
    EPOCH = 8
    EPOCHS = 9
    STEP = 10
    STEPS = 11
    ROWS = 12
    BATCH_SIZE = 13
    MAX_STEPS = 14
    MORE_REPORTS = 15
    MARKS = 18  # of a profiled program: pointer to the threads' marks
    MARK_BYTES = 19  # of one thread
    PREPARED = 20  # whether what is kept of weights is as the weights are
    COUNT = 21
