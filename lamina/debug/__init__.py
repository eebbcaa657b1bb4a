"""Looks inside: what each stage of the compiler made of a function or of a model's training, and how long it takes.

    graph      what tracing recorded, with the user's line of every operation
    optimized  the same after simplification
    kernels    loops of scalars, in the order in which they run, with the barriers between them
    llvm       the program in LLVM's language
    assembly   the program in the machine's
    memory     where every buffer lies, how long it lives, and what sharing memory saves
    profile    the time of each kernel, beside what the machine could do at most

Each but the last is a function that returns text, for which only the tracing is run, and no machine code is kept;
`show` prints several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lamina.base.errors import ArgumentError
from lamina.debug.listings import assembly_text, graph_text, kernels_text, llvm_text, optimized_text
from lamina.debug.memory_plan import memory_text
from lamina.debug.profiling import profile_subject
from lamina.debug.subject import EXAMPLE_SIZE, Subject, subject_of

if TYPE_CHECKING:
    from lamina.runtime.profile import Profile

__all__ = ["STAGES", "assembly", "graph", "kernels", "llvm", "memory", "optimized", "profile", "show"]

STAGES = ("graph", "optimized", "kernels", "llvm", "assembly", "memory")


def show(what: Any, *example_args: Any, stages: Iterable[str] = STAGES, batch_size: int = EXAMPLE_SIZE) -> None:
    """Prints what the stages of the compiler make of a function or of a model.

    Args:
        what: a function of tensors, plain or made by `lamina.function`; a model; a `Graph` or a `LoopProgram`.
        example_args: arguments to trace a function with, as for calling it. A `lamina.tensor.TensorSpec` stands for an
            array, and leaves the dimensions open that are None. For a model: `x, y`, or `x, y, sample_weight`, to
            see its training as `fit` runs it, with epochs and metrics; `x` alone to see `predict`. None for a graph.
        stages: which to print, of `STAGES`, in that order; all by default.
        batch_size: rows of a step, for the sizes that `memory` tells of a model.

    Raises:
        ArgumentError: if `what` cannot be compiled, the arguments do not fit it, or a stage is unknown.

    Example:
        lamina.debug.show(lambda x: ops.softmax(x), x, stages=["graph", "kernels"])
        lamina.debug.show(model, x_train, y_train, stages=["memory"])
    """
    names = [stages] if isinstance(stages, str) else list(stages)
    for name in names:
        if name not in STAGES:
            raise ArgumentError(f"debug.show: unknown stage {name!r}. Expected some of: {', '.join(STAGES)}.")
    subject = subject_of("show", what, example_args, batch_size)
    for name in STAGES:
        if name in names:
            print(f"======== {name} of {subject.name} ========\n{_WRITERS[name](subject)}\n")


def graph(what: Any, *example_args: Any) -> str:
    """The graphs that tracing gives, an operation a line, with the user's line and layer; arguments as in `show`.

    Example:
        print(lamina.debug.graph(lambda x: x * 2.0, TensorSpec((None, 8))))
    """
    return graph_text(subject_of("graph", what, example_args))


def optimized(what: Any, *example_args: Any) -> str:
    """The graphs that are compiled in place of those that tracing gave; arguments as in `show`."""
    return optimized_text(subject_of("optimized", what, example_args))


def kernels(what: Any, *example_args: Any) -> str:
    """The loops that run, kernel by kernel; arguments as in `show`.

    A comment beside a kernel tells the user's lines that it serves, one beside a buffer what the buffer is. All threads
    share the tasks of the kernels of a phase; none begins the next phase before all have ended the last. Kernels that
    are equal but for their buffers are one function, and printed once.

    Example:
        print(lamina.debug.kernels(lambda x: x * 2.0, x))
    """
    return kernels_text(subject_of("kernels", what, example_args))


def llvm(what: Any, *example_args: Any) -> str:
    """The program as the text that LLVM is given; arguments as in `show`. Says first which function is which kernel."""
    return llvm_text(subject_of("llvm", what, example_args))


def assembly(what: Any, *example_args: Any) -> str:
    """The program in the assembly language of this machine; arguments as in `show`."""
    return assembly_text(subject_of("assembly", what, example_args))


def memory(what: Any, *example_args: Any, batch_size: int = EXAMPLE_SIZE) -> str:
    """The buffers of every stage with their bytes, places and lives, and sums; arguments as in `show`.

    Lives are counted in phases, as `kernels` shows them. Sizes are those that the examples have.
    """
    return memory_text(subject_of("memory", what, example_args, batch_size))


def profile(
    what: Any,
    *example_args: Any,
    steps: int = 20,
    batch_size: int = EXAMPLE_SIZE,
    trace: str | os.PathLike[str] | None = None,
) -> Profile:
    """Runs a function or a model some times in an instrumented program, and tells where the time went.

    Args:
        what: a function of tensors, plain or made by `lamina.function`, or a model.
        example_args: the arguments to call it with; for a model `x, y` for its training, `x` alone for `predict`.
            Variables that a function assigns, and the state of a model, are as before afterwards.
        steps: how often it is run, some more times before that aside; 20.
        batch_size: rows of a model's step.
        trace: a file to write what every thread did to, as by `Profile.chrome_trace`.

    Returns:
        A `lamina.runtime.profile.Profile`: printing it shows the table of kernels.

    Raises:
        ArgumentError: if `what` cannot be compiled, the arguments do not fit it, or everything is interpreted.

    Example:
        print(lamina.debug.profile(lambda a, b: ops.softmax(a @ b), a, b))
    """
    result = profile_subject(what, example_args, steps, batch_size)
    if trace is not None:
        result.chrome_trace(trace)
    return result


_WRITERS: dict[str, Callable[[Subject], str]] = dict(
    zip(STAGES, (graph_text, optimized_text, kernels_text, llvm_text, assembly_text, memory_text))
)
