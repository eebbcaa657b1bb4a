"""Looks inside: what each stage of the compiler made of a function or of a model's training.

    graph      what tracing recorded, with the user's line of every operation
    optimized  the same after simplification
    kernels    loops of scalars, in the order in which they run, with the barriers between them
    llvm       the program in LLVM's language
    assembly   the program in the machine's
    memory     where every buffer lies, how long it lives, and what sharing memory saves

Each is a function that returns text; `show` prints several. Only the tracing is run, and no machine code is kept.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Shape, evaluate, format_shape
from lamina.base.errors import ArgumentError
from lamina.compiler import Compilation
from lamina.graph import Graph, Node, format_graph
from lamina.graph.interpreter import bind_symbols
from lamina.graph.loop import BATCH, InterpretedLoop, LoopProgram
from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel
from lamina.schedule.memory import Lifetime, plan_memory
from lamina.schedule.printer import format_kernel
from lamina.schedule.schedule import Schedule
from lamina.tensor import Function, TensorSpec
from lamina.tensor.program import trace_program
from lamina.tensor.signature import Signature, bind

__all__ = ["STAGES", "assembly", "graph", "kernels", "llvm", "memory", "optimized", "show"]

STAGES = ("graph", "optimized", "kernels", "llvm", "assembly", "memory")
# The size that stands for a dimension of which no example tells the size; also the rows of a step of `fit`.
EXAMPLE_SIZE = 32


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
    subject = _subject("show", what, example_args, batch_size)
    for name in STAGES:
        if name in names:
            print(f"======== {name} of {subject.name} ========\n{_WRITERS[name](subject)}\n")


def graph(what: Any, *example_args: Any) -> str:
    """The graphs that tracing gives, an operation a line, with the user's line and layer; arguments as in `show`.

    Example:
        print(lamina.debug.graph(lambda x: x * 2.0, TensorSpec((None, 8))))
    """
    return _graph(_subject("graph", what, example_args))


def optimized(what: Any, *example_args: Any) -> str:
    """The graphs that are compiled in place of those that tracing gave; arguments as in `show`."""
    return _optimized(_subject("optimized", what, example_args))


def kernels(what: Any, *example_args: Any) -> str:
    """The loops that run, kernel by kernel; arguments as in `show`.

    A comment beside a kernel tells the user's lines that it serves, one beside a buffer what the buffer is. All threads
    share the tasks of the kernels of a phase; none begins the next phase before all have ended the last. Kernels that
    are equal but for their buffers are one function, and printed once.

    Example:
        print(lamina.debug.kernels(lambda x: x * 2.0, x))
    """
    return _kernels(_subject("kernels", what, example_args))


def llvm(what: Any, *example_args: Any) -> str:
    """The program as the text that LLVM is given; arguments as in `show`. Says first which function is which kernel."""
    return _llvm(_subject("llvm", what, example_args))


def assembly(what: Any, *example_args: Any) -> str:
    """The program in the assembly language of this machine; arguments as in `show`."""
    return _assembly(_subject("assembly", what, example_args))


def memory(what: Any, *example_args: Any, batch_size: int = EXAMPLE_SIZE) -> str:
    """The buffers of every stage with their bytes, places and lives, and sums; arguments as in `show`.

    Lives are counted in phases, as `kernels` shows them. Sizes are those that the examples have.
    """
    return _memory(_subject("memory", what, example_args, batch_size))


# --- what is looked at -----------------------------------------------------------------------------------------------


class _Subject:
    """A program to look at.

    Args:
        name: for headings.
        graphs: by the name of their stage.
        sizes: numbers for the symbols in their shapes, as far as known.
        streams: inputs of which a step sees its own rows; None where the program is no loop.
    """

    def __init__(
        self, name: str, graphs: dict[str, Graph], sizes: Mapping[str, int], streams: tuple[Node, ...] | None = None
    ):
        self.name = name
        self.graphs = graphs
        self._sizes = sizes
        self._streams = streams

    @functools.cached_property
    def compilation(self) -> Compilation:
        return Compilation(self.graphs, frozenset(self._streams or ()), loop=self._streams is not None)

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        """A number for every symbol of the program."""
        return {s: self._sizes.get(s, EXAMPLE_SIZE) for s in self.compilation.symbols}


def _subject(function: str, what: Any, args: tuple[Any, ...], batch_size: int = EXAMPLE_SIZE) -> _Subject:
    from lamina.models.trainer import Trainer

    if isinstance(what, (Graph, LoopProgram)):
        if args:
            raise ArgumentError(f"debug.{function}: a {type(what).__name__} has its shapes; give no example arguments.")
        return _loop("the loop", what, {}) if isinstance(what, LoopProgram) else _Subject(what.name, {"main": what}, {})
    if isinstance(what, Trainer):
        return _model(function, what, args, batch_size)
    if not callable(what) or isinstance(what, type):
        raise ArgumentError(
            f"debug.{function}: expected a function of tensors, a lamina.function, a model or a graph, and example "
            f"arguments after it. Received: {what!r}."
        )
    return _traced(function, what, args)


def _traced(function: str, what: Any, args: tuple[Any, ...]) -> _Subject:
    """A function, traced with its example arguments."""
    name = getattr(what, "__name__", type(what).__name__)
    code = what.python_function if isinstance(what, Function) else what
    _check_call(function, name, code, args)
    declared: dict[int, Shape] = {}
    given = []
    for position, arg in enumerate(args):
        if isinstance(arg, TensorSpec):
            shape = arg.dims(position)
            arg = np.zeros([EXAMPLE_SIZE if isinstance(d, Dim) else d for d in shape], dtypes.to_numpy(arg.dtype))
            declared[id(arg)] = shape
        given.append(arg)
    signature = Signature.of(tuple(given), {})
    if isinstance(what, Function) and what._specs is not None:
        shapes = bind(what._specs, signature, name)
    else:
        shapes = tuple(declared.get(id(a), a.shape) for a in signature.arrays)
    traced = trace_program(code, signature, shapes, name, debug=False, compiled=False).graph
    if not traced.roots:
        raise ArgumentError(
            f"debug.{function}: {name} returned no tensor and assigned no variable, so there is nothing to compile. "
            "Return what it computes, and give arrays or tensors as example arguments."
        )
    return _Subject(name, {"main": traced}, bind_symbols(zip(shapes, signature.shapes)))


def _check_call(function: str, name: str, code: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        parameters = inspect.signature(code, follow_wrapped=False)
    except ValueError:  # some callables written in C do not tell
        return
    try:
        parameters.bind(*args)
    except TypeError as error:
        raise ArgumentError(
            f"debug.{function}: the {len(args)} example argument(s) do not fit {name}{parameters}: {error}. Give them "
            f"after the function, as for calling it: debug.{function}({name}, x, ...)."
        ) from None


def _model(function: str, model: Any, args: tuple[Any, ...], batch_size: int) -> _Subject:
    """What `fit` runs on this data, or `predict` where there are no targets."""
    from lamina.models.forms import form_of
    from lamina.models.programs import ROWS, Builder

    if not 1 <= len(args) <= 3:
        raise ArgumentError(
            f"debug.{function}: a model needs example data: x, y (and sample_weight) to see its training, x alone to "
            f"see predict. Received: {len(args)} argument(s)."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ArgumentError(f"debug.{function}: batch_size must be an int of at least 1. Received: {batch_size!r}.")
    data = model._data(*args)
    # Interpreted: the programs are wanted as graphs, and are compiled here if at all.
    if len(args) == 1:
        model._build_on(data)
        program = Builder(model, None, None, True, False).prediction(form_of(data))
    else:
        data = model._ready(data)
        if model.trainable_variables and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        builder = Builder(model, model._compiled(), model.optimizer, True, False)
        program = builder.training(form_of(data), shuffle=data.rows > 1, whole=True)
    sizes = {BATCH: min(batch_size, data.rows), ROWS: data.rows}
    loop = program.loop
    assert isinstance(loop, InterpretedLoop), "the builder was asked for the interpreter"
    return _loop(model.name, loop.program, sizes)


def _loop(name: str, program: LoopProgram, sizes: Mapping[str, int]) -> _Subject:
    named = {"prologue": program.prologue, "body": program.body, "epilogue": program.epilogue}
    return _Subject(name, {k: g for k, g in named.items() if g is not None}, sizes, program.streams)


# --- graphs and kernels ----------------------------------------------------------------------------------------------


def _graph(subject: _Subject) -> str:
    return "\n\n".join(format_graph(g, sources=True) for g in subject.graphs.values())


def _optimized(subject: _Subject) -> str:
    return "\n\n".join(format_graph(g, sources=True) for g in subject.compilation.graphs.values())


def _kernels(subject: _Subject) -> str:
    return "\n\n".join(_stage_kernels(s.name, s.schedule) for s in subject.compilation.stages)


def _stage_kernels(name: str, plan: Schedule) -> str:
    phases = plan.phases[-1] + 1 if plan.phases else 0
    blocks = [f"stage {name}: {_count(len(plan.kernels), 'kernel')}, {_count(phases, 'phase')}"]
    meanings = _meanings(plan)
    printed: dict[str, str] = {}
    phase = 0
    for kernel, wanted in zip(plan.kernels, plan.phases):
        if wanted != phase:
            phase = wanted
            blocks.append(f"-------- barrier, phase {phase} --------")
        blocks.append(_kernel(kernel, plan, meanings, printed))
    return "\n\n".join(blocks)


def _kernel(kernel: Kernel, plan: Schedule, meanings: Mapping[Buffer, str], printed: dict[str, str]) -> str:
    """A kernel's text with the meaning of its buffers; `printed` has the names of bodies that were printed before."""
    head, *rest = format_kernel(kernel).split("\n")
    buffers = kernel.buffers()
    new = dict.fromkeys(plan.aliases, ", new value")
    lines = [f"{line}    # {meanings[plan.resolved(b)]}{new.get(b, '')}" for line, b in zip(rest, buffers)]
    body = "\n".join(rest)
    if body in printed:
        return "\n".join([head, *lines, f"  as {printed[body]}"])
    printed[body] = kernel.name
    return "\n".join([head, *lines, *rest[len(buffers) :]])


def _meanings(plan: Schedule) -> dict[Buffer, str]:
    """What every buffer of a stage is, for people."""
    names = {buffer: f"{buffer.role} {node.attrs['name']!r}" for node, buffer in plan.inputs.items()}
    numbers = {plan.resolved(buffer): k for k, buffer in enumerate(plan.outputs)}
    for buffer in plan.buffers():
        if buffer in numbers:
            names[buffer] = f"output {numbers[buffer]}"
        names.setdefault(buffer, f"{buffer.role} {buffer.name}")
    return names


# --- native code -----------------------------------------------------------------------------------------------------


def _llvm(subject: _Subject) -> str:
    return f"{_which_is_which(subject.compilation, ';')}\n{subject.compilation.text}"


def _assembly(subject: _Subject) -> str:
    from lamina.runtime import native

    compilation = subject.compilation
    return f"{_which_is_which(compilation, '#')}\n{native.assembly(compilation.text, compilation.target)}"


def _which_is_which(compilation: Compilation, comment: str) -> str:
    """A comment line for every kernel: the function that does it. Stages call their kernels in order."""
    lines = []
    for stage in compilation.stages:
        start = compilation.text.index(f"@stage_{stage.name}(")
        called = re.findall(r"call void @(kernel_\w+)\(", compilation.text[start:])
        for kernel, name in zip(stage.schedule.kernels, called):
            lines.append(f"{comment} {name}: {stage.name} {kernel.name}, {kernel.label}".removesuffix(", "))
    return "\n".join(lines)


# --- memory ----------------------------------------------------------------------------------------------------------


def _memory(subject: _Subject) -> str:
    stages, sizes = subject.compilation.stages, subject.sizes
    heading = ", ".join(f"{s} = {n}" for s, n in sizes.items())
    blocks = [f"sizes: {heading}"] if sizes else []
    blocks += [_stage_memory(s.name, s.schedule, sizes) for s in stages]
    arena = max([plan_memory(s.schedule.lifetimes(), sizes).size for s in stages])
    alone = sum(plan_memory(s.schedule.lifetimes(), sizes, share=False).size for s in stages)
    lines = [f"arena: {arena:,} bytes; {alone:,} if every temporary buffer had memory of its own"]
    totals: Counter[str] = Counter()
    for buffer in dict.fromkeys(b for s in stages for b in s.schedule.buffers()):
        totals[buffer.role] += _bytes(buffer, sizes)
    lines += [f"{role}: {totals[role]:,} bytes" for role in ("state", "input", "output", "constant") if totals[role]]
    scratch = max([sum(_bytes(b, sizes) for b in k.locals) for s in stages for k in s.schedule.kernels] or [0])
    lines.append(f"scratch: {scratch:,} bytes for each thread")
    return "\n\n".join([*blocks, "\n".join(lines)])


def _stage_memory(name: str, plan: Schedule, sizes: Mapping[str, int]) -> str:
    lifetimes = plan.lifetimes()
    offsets = plan_memory(lifetimes, sizes).offsets
    lives = {item.buffer: item for item in lifetimes}
    meanings = _meanings(plan)
    replaced = set(plan.aliases.values())
    rows = [("buffer", "type", "bytes", "offset", "phases", "written by")]
    for buffer in plan.buffers():
        writers = [k.name for k in plan.kernels if buffer in map(plan.resolved, k.written())]
        life = lives.get(buffer)
        rows.append((
            meanings[buffer],
            f"{buffer.dtype}{format_shape(buffer.shape)}",
            f"{_bytes(buffer, sizes):,}",
            f"{offsets[buffer]:,}" if life else "",
            f"{life.first}-{life.last}" if life else "",
            ", ".join(writers) + (" (in place)" if buffer in replaced else ""),
        ))  # fmt: skip
    return "\n".join([f"stage {name}: {_sharing(lifetimes, sizes)}", *_table(rows)])


def _sharing(lifetimes: list[Lifetime], sizes: Mapping[str, int]) -> str:
    """The temporary memory of a stage: with sharing, without, and what no plan could do without."""
    if not lifetimes:
        return "no temporary buffers"
    shared, alone = plan_memory(lifetimes, sizes).size, plan_memory(lifetimes, sizes, share=False).size
    alive: Counter[int] = Counter()
    for item in lifetimes:
        for phase in range(item.first, item.last + 1):
            alive[phase] += _bytes(item.buffer, sizes)
    busiest = max(alive, key=lambda phase: (alive[phase], -phase))
    return (
        f"{_count(len(lifetimes), 'temporary buffer')} in {shared:,} bytes (unshared {alone:,}); the most alive at "
        f"once: {alive[busiest]:,}, in phase {busiest}"
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of text with aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if k in (2, 3) else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths))]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _bytes(buffer: Buffer, sizes: Mapping[str, int]) -> int:
    return evaluate(buffer.size(), sizes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_WRITERS: dict[str, Callable[[_Subject], str]] = dict(
    zip(STAGES, (_graph, _optimized, _kernels, _llvm, _assembly, _memory))
)
