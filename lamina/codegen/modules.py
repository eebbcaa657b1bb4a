"""Functions of LLVM text, put together as modules: one, or several that are compiled side by side and linked."""

from __future__ import annotations

from collections.abc import Sequence

_METADATA = "!0 = !{i32 1}"
_LOCAL = "define internal "


class ModuleWriter:
    """Collects functions into a module at a time.

    A function is written once, as internal to its module; where a later module calls it, both see it by its name.

    Attributes:
        lines: of the functions of the present module.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._present: dict[str, str] = {}
        self._declarations: dict[str, str] = {}
        self._used: dict[str, None] = {}

    def has(self, name: str) -> bool:
        """Whether the function was added, to this module or to one before."""
        return name in self._present or name in self._declarations

    def add(self, name: str, text: str) -> None:
        """Adds a function, which is defined as internal."""
        self._present[name] = text
        self.lines += text.count("\n")

    def use(self, name: str) -> None:
        """Says that the present module calls a function that was added before."""
        if name in self._declarations:
            self._used[name] = None

    def finish(self) -> str:
        """The present module, whose functions others may call; the next one begins."""
        text = self._joined([t.replace(_LOCAL, "define hidden ", 1) for t in self._present.values()])
        self._declarations |= {name: _declaration(t) for name, t in self._present.items()}
        self._present, self._used, self.lines = {}, {}, 0
        return text

    def finish_program(self, rest: Sequence[str]) -> str:
        """The last module, with what else belongs into it."""
        return self._joined([*self._present.values(), *rest])

    def _joined(self, functions: Sequence[str]) -> str:
        return "\n\n".join([*(self._declarations[n] for n in self._used), *functions, _METADATA]) + "\n"


def _declaration(text: str) -> str:
    """The declaration of a function that another module defines."""
    head = text[text.index(_LOCAL) :].split("\n", 1)[0]
    return head.replace(_LOCAL, "declare hidden ", 1).removesuffix("{").rstrip()
