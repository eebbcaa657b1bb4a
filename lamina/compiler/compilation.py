"""A program on its way from graphs to machine code."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.base.config import config
from lamina.compiler.ahead import Ahead
from lamina.graph import Graph, Node
from lamina.graph.loop import BATCH

if TYPE_CHECKING:
    from lamina.codegen.driver import Marking, ProgramWriter, Stage
    from lamina.codegen.kernel_modules import KernelModules
    from lamina.runtime.program import Program
    from lamina.schedule.expr import Buffer
    from lamina.schedule.loops import Kernel

# Modules of about so many lines of LLVM text are compiled side by side; each takes some tens of milliseconds.
_MODULE_LINES = 3000


class Compilation:
    """A program on its way through the stages; each stage's result is made when first asked for.

    A program that was compiled before, in this process or another, comes from the cache without any of that.

    Args:
        graphs: by the name of their stage: `main`, or `prologue`, `body` and `epilogue`.
        streams: inputs of which a step sees its own rows.
        steady: inputs that seldom change from one call to the next, such as weights; those that the program itself
            changes do not count.
        loop: whether the graphs make a loop over steps.
        profiled: whether the program marks what its threads are at.
        check: raises an error where the graphs are not right; not called for what was compiled before.

    Attributes:
        symbols: names of the sizes that stay open until the program runs.
    """

    def __init__(
        self,
        graphs: Mapping[str, Graph],
        streams: frozenset[Node] = frozenset(),
        steady: frozenset[Node] = frozenset(),
        loop: bool = False,
        profiled: bool = False,
        check: Callable[[], None] | None = None,
    ):
        from lamina.schedule.target import host_target

        self.traced = dict(graphs)
        self.profiled = profiled
        self.target = host_target()
        self.symbols = sorted({s for g in graphs.values() for s in g.symbols()} | ({BATCH} if loop else set()))
        self._streams = streams
        self._steady = steady - {state for graph in graphs.values() for state, _ in graph.updates}
        self._check = check
        self._watch: Callable[[Kernel], None] | None = None

    @functools.cached_property
    def graphs(self) -> dict[str, Graph]:
        """The optimised graphs."""
        from lamina.optimize import optimize

        if self._check is not None:
            self._check()
        return {name: optimize(graph) for name, graph in self.traced.items()}

    @functools.cached_property
    def stages(self) -> list[Stage]:
        """Their schedules."""
        from lamina.codegen.driver import Stage
        from lamina.schedule.schedule import schedule

        inputs: dict[Node, Buffer] = {}
        stages = []
        with _no_garbage_collection():
            for name, graph in self.graphs.items():
                repeated = name in ("main", "body")
                plan = schedule(graph, self.target, inputs, self._steady, repeated, self._watch)
                inputs.update(plan.inputs)
                moving = set(plan.outputs) if name in ("body", "epilogue") else set()
                if name == "body":
                    moving |= {plan.inputs[n] for n in self._streams}
                steady = frozenset(plan.inputs[n] for n in graph.inputs if n in self._steady)
                stages.append(Stage(name, plan, frozenset(moving), steady, self._kernels.bodies))
        return stages

    @functools.cached_property
    def _kernels(self) -> KernelModules:
        from lamina.codegen.kernel_modules import KernelModules

        return KernelModules(self.symbols, self.target)

    @functools.cached_property
    def text(self) -> str:
        """The whole program as LLVM text."""
        return self._writer().text()

    def _writer(self) -> ProgramWriter:
        from lamina.codegen.driver import ProgramWriter

        return ProgramWriter(self.stages, self.symbols, self.target, self._barrier, self._marking)

    @functools.cached_property
    def _barrier(self) -> str:
        from lamina.runtime.waiting import barrier_ir

        return barrier_ir(self.target)

    @functools.cached_property
    def _marking(self) -> Marking | None:
        from lamina.codegen.driver import Marking
        from lamina.runtime import marks

        return Marking(marks.mark_ir(self.target), marks.WAIT, marks.STEP, marks.OUTSIDE) if self.profiled else None

    def key(self) -> str:
        """The name of the machine code in the cache: decided by the loop IR, so no LLVM text is needed to find it."""
        from lamina.codegen.driver import describe_program
        from lamina.runtime import native

        parts = [describe_program(self.stages, self.symbols), _fingerprint(), self._barrier]
        parts += [self._marking.text] if self._marking else []
        return native.object_key("\n".join(parts), self.target)

    def _plan_key(self) -> str | None:
        """The name of the program's plan in the cache: decided by the traced graphs; None where they cannot be told."""
        from lamina.runtime import native
        from lamina.runtime.program_key import program_text

        text = program_text(self.traced, self._streams, self._steady) if config.cache else None
        settings = f"plan {self.profiled} {config.winograd} {config.memory_planner}"
        return text and native.object_key(f"{settings}\n{text}\n{_fingerprint()}", self.target)

    def build(self) -> Program:
        """The program in machine code, from the cache where it is there."""
        from lamina.codegen.context import ENTRY
        from lamina.runtime import cache, native
        from lamina.runtime.plan import ProgramPlan
        from lamina.runtime.program import Program

        with _no_garbage_collection():
            plan_key = self._plan_key()
            found = cache.get(plan_key) if plan_key else None
            if found is not None:
                code_key, *pieces = native.split_objects(found)
                data = cache.get(code_key.decode())
                if data is not None:
                    library = native.load(native.split_objects(data), [ENTRY])
                    return Program(library, ENTRY, ProgramPlan.from_pieces(pieces))
            # Other graphs seldom come to the same machine code: it is compiled while its cache key is being found.
            ahead = Ahead(
                self._kernels, lambda text: native.compile_object(text, self.target), config.threads, _MODULE_LINES
            )
            self._watch = ahead.take if plan_key or not config.cache else None
            try:
                plan = ProgramPlan.of(self.stages, self.symbols)
                key = self.key()
                data = cache.get(key)
                if data is None:
                    data = native.join_objects(ahead.objects(self._writer().last_module(self._kernels)))
                    cache.put(key, data)
            finally:
                ahead.stop()
            made = plan.to_pieces()
            if plan_key and made is not None:
                cache.put(plan_key, native.join_objects([key.encode(), *made]))
        return Program(native.load(native.split_objects(data), [ENTRY]), ENTRY, plan)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Compiling makes many objects, and few die before it ends; looking for those took a fifth of Python's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# What decides machine code and plans, given a traced graph.
_COMPILER = ("base", "graph", "primitives", "optimize", "schedule", "codegen", "runtime", "compiler")


@functools.cache
def _fingerprint() -> str:
    """Changes whenever the compiler's own files do, so that an edited compiler never finds old code."""
    facts = []
    for part in _COMPILER:
        for directory, _, files in os.walk(Path(__file__).parents[1] / part):
            for name in files:
                if name.endswith(".py"):
                    found = os.stat(os.path.join(directory, name))
                    facts.append(f"{part} {name}:{found.st_size}:{found.st_mtime_ns}")
    return "\n".join(sorted(facts))
