"""Kernels as text.

Buffers, variables and shared values are named by the order in which they are met, so equal kernels print equally
but for the first line: the text is what kernels are compared and cached by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from lamina.base.dims import format_shape
from lamina.schedule.expr import INDEX, Buffer, Expr, expressions
from lamina.schedule.loops import Address, Collapse, Declare, Kernel, Loop, Statement, Store, Update, changed, operands

_LEAVES = ("const", "var", "dim", "accumulator")


def format_kernel(kernel: Kernel) -> str:
    """A kernel as text, one statement a line; `let` names a value that is used more than once."""
    names: dict[Buffer, str] = {}
    for buffer in kernel.buffers():
        names[buffer] = f"b{len(names)}"
    for number, buffer in enumerate(kernel.locals):
        names[buffer] = f"s{number}"
    printer = _Printer(names)
    lines = [f"kernel {kernel.name}" + (f"    # {kernel.label}" if kernel.label else "")]
    for buffer, name in names.items():
        lines.append(f"  {name}: {buffer.dtype}{format_shape(buffer.shape)}" + (" local" if name[0] == "s" else ""))
    lines += printer.named([kernel.tasks], "  ", count_uses([kernel.tasks]))
    lines.append(f"  for {printer.text(kernel.task)} in tasks {printer.text(kernel.tasks)}:")
    lines += printer.block(kernel.body, "    ")
    return "\n".join(lines)


class _Printer:
    def __init__(self, buffers: dict[Buffer, str]):
        self.buffers = buffers
        self.variables: dict[str, str] = {}
        self.texts: dict[Expr, str] = {}
        self.values = 0

    def block(self, body: Sequence[Statement], indent: str) -> list[str]:
        lines: list[str] = []
        uses = count_uses([e for s in body for e in operands(s)])
        outside = dict(self.texts)
        for statement in body:
            lines += self.named(operands(statement), indent, uses)
            lines.append(indent + self._statement(statement))
            if isinstance(statement, Loop):
                lines += self.block(statement.body, indent + "  ")
            self._forget(changed([statement]))
        self.texts = outside
        return lines

    def _forget(self, changed: set[object]) -> None:
        """Values that read what has changed are told anew."""
        for e in [e for e in self.texts if e.depends & changed]:
            del self.texts[e]

    def named(self, roots: Sequence[Expr], indent: str, uses: Mapping[Expr, int]) -> list[str]:
        """Lines that name what occurs more than once, of all below these expressions, in the order of need."""
        lines = []
        for e in expressions(roots, self.texts.__contains__):
            if e.op in _LEAVES or e in self.texts:
                continue
            if uses[e] > 1:
                text = self._one(e)
                self.texts[e] = f"x{self.values}"
                self.values += 1
                lines.append(f"{indent}let {self.texts[e]} = {text}")
        return lines

    def text(self, root: Expr) -> str:
        for e in expressions([root], self.texts.__contains__):
            if e not in self.texts and e is not root and e.op not in _LEAVES:
                self.texts[e] = self._one(e)
        return self.texts.get(root) or self._one(root)

    def _name(self, variable: str) -> str:
        return self.variables.setdefault(variable, f"v{len(self.variables)}")

    def _one(self, e: Expr) -> str:
        args = [self.texts.get(a) or self._one(a) for a in e.args]
        if e.op == "const":
            return f"{e.attr!r}" if e.dtype in (INDEX, "float32", "bool") else f"{e.attr!r}:{e.dtype}"
        if e.op == "var":
            return self._name(e.attr[0])
        if e.op == "accumulator":
            return self._name(e.attr)
        if e.op == "dim":
            return str(e.attr)
        if e.op == "affine":
            parts = [a if c == 1 else f"{a}*({c})" for a, c in zip(args, e.attr[0])]
            return "(" + " + ".join([*parts, *([str(e.attr[1])] if e.attr[1] != 0 else [])]) + ")"
        if e.op == "load":
            return f"{self.buffers[e.attr]}[{args[0]}]"
        suffix = f":{e.dtype}" if e.op in ("cast", "bitcast") else ""
        return f"{e.op}{suffix}({', '.join(args)})"

    def _statement(self, s: Statement) -> str:
        if isinstance(s, Store):
            return f"{self.buffers[s.buffer]}[{self.text(s.index)}] = {self.text(s.value)}"
        if isinstance(s, Declare):
            merge = f"  merge {self.text(s.merge)}" if s.merge is not None else ""
            return f"var {self.text(s.accumulator)}:{s.accumulator.dtype} = {self.text(s.initial)}{merge}"
        if isinstance(s, Update):
            return f"{self.text(s.accumulator)} = {self.text(s.value)}"
        if isinstance(s, Collapse):
            return f"collapse {self.text(s.accumulator)}"
        if isinstance(s, Loop):
            word = "vector" if s.vector else "for"
            return f"{word} {self.text(s.variable)} in [{self.text(s.begin)}, {self.text(s.end)}):"
        arguments = [
            f"&{self.buffers[a.buffer]}[{self.text(a.index)}]" if isinstance(a, Address) else self.text(a)
            for a in s.arguments
        ]
        return f"call {s.function}({', '.join(arguments)})"


def count_uses(roots: Sequence[Expr]) -> Mapping[Expr, int]:
    """How often each expression is an operand or a root."""
    return Counter(a for e in expressions(roots) for a in e.args) + Counter(roots)
