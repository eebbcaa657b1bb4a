"""The memory that a program takes for what it computes on the way."""

from __future__ import annotations

import re
from typing import Any

from lamina import debug


def arena(what: Any, *args: Any, **options: Any) -> int:
    """The bytes of the arena of a traced function or of a model's training; arguments as of `debug.memory`."""
    found = re.search(r"^arena: ([\d,]+) bytes", debug.memory(what, *args, **options), re.MULTILINE)
    assert found is not None
    return int(found.group(1).replace(",", ""))
