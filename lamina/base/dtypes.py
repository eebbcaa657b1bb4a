"""Names of element types, their NumPy types, and the rules by which they combine.

A dtype is its name, a plain string such as `"float32"`, everywhere inside Lamina.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from lamina.base.errors import DTypeError
from lamina.base.packages import required

FLOATS = ("float16", "bfloat16", "float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
NAMES = ("bool", *SIGNED, *UNSIGNED, *FLOATS)

_SIZES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
          "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8}  # fmt: skip
_ALIASES = {"float": "float32", "int": "int32", "half": "float16", "double": "float64"}


def canonical(dtype: Any) -> str:
    """Returns the name of `dtype`: a name, a NumPy dtype or scalar type, or Python's float, int or bool.

    Raises:
        DTypeError: if there is no such dtype, or Lamina does not have it.
    """
    if isinstance(dtype, str):
        if dtype in _SIZES:
            return dtype
        if dtype in _ALIASES:
            return _ALIASES[dtype]
    return _canonical_object(dtype)


def _canonical_object(dtype: Any) -> str:
    if dtype is float:
        return "float32"
    if dtype is int:
        return "int32"
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = getattr(dtype, "name", str(dtype))
    if name not in _SIZES:
        advice = " Make numbers of text before: layers.TextVectorization and layers.StringLookup do."
        raise DTypeError(
            f"dtype {dtype!r} is not one that Lamina has. Expected one of: {', '.join(NAMES)}."
            + (advice if name.startswith(("str", "bytes")) else "")
        )
    return name


@functools.cache
def to_numpy(name: str) -> np.dtype:
    """Returns the NumPy dtype of a dtype's name. `bfloat16` comes from the package ml_dtypes."""
    if name == "bfloat16":
        return np.dtype(required("ml_dtypes").bfloat16)
    return np.dtype(name)


def size(name: str) -> int:
    """Bytes of one element."""
    return _SIZES[name]


def is_float(name: str) -> bool:
    return name in FLOATS


def is_integer(name: str) -> bool:
    """True for signed and unsigned integers; bool is not one."""
    return name in SIGNED or name in UNSIGNED


def is_signed(name: str) -> bool:
    return name in SIGNED or name in FLOATS


def compute_dtype(name: str) -> str:
    """The type in which arithmetic on `name` is done: half floats are stored narrow and computed in float32."""
    return "float32" if name in ("float16", "bfloat16") else name


@functools.cache
def promote(*names: str) -> str:
    """The dtype that operands of these dtypes meet in.

    As in Keras and JAX: a float beside any integer keeps its own width; float16 with bfloat16 is float32;
    integers follow NumPy, but int64 is never turned into a float; bool gives way to everything.
    """
    result = names[0]
    for name in names[1:]:
        result = _promote_pair(result, name)
    return result


def _promote_pair(a: str, b: str) -> str:
    if a == b:
        return a
    if a == "bool" or b == "bool":
        return b if a == "bool" else a
    if is_float(a) != is_float(b):
        return a if is_float(a) else b
    if is_float(a):
        return "float32" if {a, b} == {"float16", "bfloat16"} else max(a, b, key=size)
    joined = np.promote_types(a, b).name
    return joined if joined in _SIZES and not is_float(joined) else "int64"


def result_dtype(names: list[str], scalars: list[bool | int | float], floatx: str = "float32") -> str:
    """The dtype of arrays meeting Python scalars.

    A Python scalar takes the arrays' dtype, unless its kind is higher (a float beside integers gives `floatx`).
    With no arrays: bool, int32 (int64 where the number needs it) or `floatx`.
    """
    if any(isinstance(s, float) for s in scalars):
        if not names or not is_float(promote(*names)):
            return floatx
        return promote(*names)
    if any(not isinstance(s, bool) for s in scalars) and (not names or promote(*names) == "bool"):
        return "int32" if all(-(2**31) <= int(s) < 2**31 for s in scalars) else "int64"
    return promote(*names) if names else "bool"
