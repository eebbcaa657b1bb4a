"""Where in the user's own code a node came from."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_scopes: list[str] = []


class Source(NamedTuple):
    """A line of the user's code, and the layer that was being called there ("" outside of layers)."""

    file: str
    line: int
    scope: str = ""

    def __str__(self) -> str:
        where = f"{os.path.basename(self.file)}:{self.line}" if self.file else ""
        return f"{where} {self.scope}".strip()


class source_scope:
    """Names the layer that is being called; the names of nested layers are joined by a slash."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> None:
        _scopes.append(self.name)

    def __exit__(self, *exception: object) -> None:
        _scopes.pop()


class inherited_source:
    """Nodes made inside come from `source`: what a rewrite makes stands for what the user wrote."""

    _current: Source | None = None

    def __init__(self, source: Source):
        self.source = source

    def __enter__(self) -> None:
        self.outer = inherited_source._current
        inherited_source._current = self.source

    def __exit__(self, *exception: object) -> None:
        inherited_source._current = self.outer


def user_source() -> Source:
    """The innermost line outside of this package that led here."""
    if inherited_source._current is not None:
        return inherited_source._current
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE):
            return Source(file, frame.f_lineno, "/".join(_scopes))
        frame = frame.f_back  # type: ignore[assignment]
    return Source("", 0, "/".join(_scopes))
