"""The hand-made routines that kernels call, by what the scheduler names them."""

from __future__ import annotations

import functools

from lamina.codegen.kernel_text import Routine as Text
from lamina.codegen.microkernel import micro_kernel
from lamina.codegen.packing import fetch_rows, pack_rows, pack_transposed
from lamina.schedule.loops import Routine
from lamina.schedule.target import Target


@functools.lru_cache(maxsize=256)
def write_routine(routine: Routine, target: Target) -> Text:
    """The name and the LLVM text of a routine."""
    if routine.kind == "multiply":
        return micro_kernel(
            target, routine.dtype, routine.rows, routine.vectors, routine.mode, routine.masked,
            levels=routine.levels, block=routine.block, ahead=routine.ahead,
        )  # fmt: skip
    if routine.kind == "fetch_rows":
        return fetch_rows(target, routine.dtype)
    width = routine.vectors * target.lanes(routine.dtype)
    return (pack_rows if routine.kind == "pack_rows" else pack_transposed)(target, routine.dtype, width)


def routine_name(routine: Routine, target: Target) -> str:
    return write_routine(routine, target).name
