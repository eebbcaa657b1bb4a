"""Runs functions and models with their kernels timed."""

from __future__ import annotations

from typing import Any

from lamina.base.config import config
from lamina.base.errors import ArgumentError
from lamina.compiler import ProfiledGraph
from lamina.debug.subject import is_model, trace_function
from lamina.models.arguments import check_count
from lamina.runtime.buffers import aligned_copy
from lamina.runtime.profile import Profile

_WARM_UP = 3


def profile_subject(what: Any, args: tuple[Any, ...], steps: int, batch_size: int) -> Profile:
    """As `lamina.debug.profile`."""
    if is_model(what):
        return what.profile(*args, batch_size=batch_size, steps=steps)
    count = check_count("steps", steps, 1)
    if config.interpret:
        raise ArgumentError("debug.profile: everything is interpreted, which has no kernels. Unset LAMINA_INTERPRET.")
    traced = trace_function("profile", what, args)
    arrays = [*traced.signature.arrays, *(aligned_copy(v.numpy()) for v in traced.program.variables)]
    return ProfiledGraph(traced.program.graph, traced.program.steady).profile(arrays, count, _WARM_UP, traced.name)
