"""Kernels as functions in modules, each written as soon as it is scheduled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lamina.codegen.emitter import KernelEmitter
from lamina.codegen.modules import ModuleWriter
from lamina.codegen.routines import write_routine
from lamina.schedule.loops import Kernel
from lamina.schedule.printer import format_kernel
from lamina.schedule.target import Target


def body_text(kernel: Kernel) -> str:
    """The text of a kernel without its name: equal texts, equal machine code."""
    return format_kernel(kernel).split("\n", 1)[1]


def function_name(body: str) -> str:
    """The name of the function of all kernels with this text."""
    return "kernel_" + hashlib.sha256(body.encode()).hexdigest()[:12]


class KernelModules:
    """Writes kernels, with the routines that they call, into one module after the other.

    Attributes:
        writer: has the present module.
        bodies: the texts of the kernels that were written.
    """

    def __init__(self, symbols: Sequence[str], target: Target):
        self.symbols, self.target = list(symbols), target
        self.writer = ModuleWriter()
        self.bodies: dict[Kernel, str] = {}

    def add(self, kernel: Kernel) -> None:
        """Writes the function of a kernel, unless an equal one has it already."""
        if kernel in self.bodies:
            return
        body = self.bodies[kernel] = body_text(kernel)
        name = function_name(body)
        if self.writer.has(name):
            return
        for routine in kernel.routines():
            text = write_routine(routine, self.target)
            if self.writer.has(text.name):
                self.writer.use(text.name)
            else:
                self.writer.add(text.name, text.text)
        self.writer.add(name, KernelEmitter(kernel, name, self.symbols, self.target).emit())
