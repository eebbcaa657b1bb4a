"""Graphs, kernels and native code as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lamina.compiler import Compilation
from lamina.debug.subject import Subject
from lamina.graph import format_graph
from lamina.schedule.expr import Buffer
from lamina.schedule.loops import Kernel
from lamina.schedule.printer import format_kernel
from lamina.schedule.regions import Item, Region
from lamina.schedule.schedule import Schedule


def graph_text(subject: Subject) -> str:
    return "\n\n".join(format_graph(g, sources=True) for g in subject.graphs.values())


def optimized_text(subject: Subject) -> str:
    return "\n\n".join(format_graph(g, sources=True) for g in subject.compilation.graphs.values())


def kernels_text(subject: Subject) -> str:
    return "\n\n".join(_stage_kernels(s.name, s.schedule) for s in subject.compilation.stages)


def _stage_kernels(name: str, plan: Schedule) -> str:
    phases = plan.phases[-1] + 1 if plan.phases else 0
    blocks = [f"stage {name}: {counted(len(plan.kernels), 'kernel')}, {counted(phases, 'phase')}"]
    listing, kept = _Listing(plan), plan.items[: plan.kept]
    if kept:
        blocks += ["======== kept until weights change ========", *listing.blocks(kept), "======== end ========"]
    return "\n\n".join([*blocks, *listing.blocks(plan.items[plan.kept :])])


class _Listing:
    """The kernels of a stage in order, with barriers, loops and branches around them."""

    def __init__(self, plan: Schedule):
        self._plan, self._known = plan, meanings(plan)
        self._printed: dict[str, str] = {}
        self._phases = {id(kernel): phase for kernel, phase in zip(plan.kernels, plan.phases)}
        self._phase = 0

    def blocks(self, items: Sequence[Item]) -> list[str]:
        found: list[str] = []
        for item in items:
            if isinstance(item, Region):
                found += self._region(item)
                continue
            phase = self._phases[id(item)]
            if phase != self._phase:
                found.append(f"-------- barrier, phase {phase} --------")
            self._phase = phase
            found.append(_kernel(item, self._plan, self._known, self._printed))
        return found

    def _region(self, region: Region) -> list[str]:
        self._phase = region.first
        inside = self.blocks(region.items)
        self._phase = region.last + 1
        alone = ", on the first thread" if region.solo else ""
        head = f"======== barrier, phase {region.first}; {region.describe()}{alone} ========"
        return [head, *inside, "======== end ========"]


def _kernel(kernel: Kernel, plan: Schedule, known: Mapping[Buffer, str], printed: dict[str, str]) -> str:
    """A kernel's text with the meaning of its buffers; `printed` has the names of bodies that were printed before."""
    head, *rest = format_kernel(kernel).split("\n")
    buffers = kernel.buffers()
    new = {b: ", new value" if old.role == "state" else ", in its place" for b, old in plan.aliases.items()}
    lines = [f"{line}    # {known[plan.resolved(b)]}{new.get(b, '')}" for line, b in zip(rest, buffers)]
    body = "\n".join(rest)
    if body in printed:
        return "\n".join([head, *lines, f"  as {printed[body]}"])
    printed[body] = kernel.name
    return "\n".join([head, *lines, *rest[len(buffers) :]])


def meanings(plan: Schedule) -> dict[Buffer, str]:
    """What every buffer of a stage is, for people."""
    names = {buffer: f"{buffer.role} {node.attrs['name']!r}" for node, buffer in plan.inputs.items()}
    numbers = {plan.resolved(buffer): k for k, buffer in enumerate(plan.outputs)}
    for buffer in plan.buffers():
        if buffer in numbers:
            names[buffer] = f"output {numbers[buffer]}"
        names.setdefault(buffer, f"{buffer.role} {buffer.name}")
    for buffer, part in plan.slices.items():
        names[buffer] = f"a step's part of {part.whole}"
    return names


def llvm_text(subject: Subject) -> str:
    return f"{_which_is_which(subject.compilation, ';')}\n{subject.compilation.text}"


def assembly_text(subject: Subject) -> str:
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


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
