"""Packages that are imported when they are first needed, and what to say where one is not installed."""

from __future__ import annotations

import importlib
from typing import Any

from lamina.base.errors import MissingExtraError

# What each is for, and what else can be done without it.
_PURPOSES = {
    "llvmlite": ("compiled programs need", "Without it only the interpreter runs, slowly: set LAMINA_INTERPRET=1."),
    "ml_dtypes": ("the dtype bfloat16 needs", "float16 and float32 need nothing."),
}


def required(module: str) -> Any:
    """Imports a module of another package, such as `"llvmlite.binding"`.

    Raises:
        MissingExtraError: if the package is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the package is there, and misses one itself
        purpose, advice = _PURPOSES.get(package, ("this needs", ""))
        raise MissingExtraError(
            f"{purpose[0].upper()}{purpose[1:]} the package {package!r}, which is not installed for this Python. "
            f"Install it with `pip install {package}`. {advice}".rstrip()
        ) from None
