"""Mathematical functions as straight-line code: each written once, against the builder of `Primitive.lower`.

A function takes the builder and its operands (scalars or vectors, float32 or float64) and returns the result. There are
no branches, tables or calls, so the same text serves vectors of any width and an interpreter. Accuracy: within 2 ulp
where b.fma rounds once, within 3 where it is a multiplication and an addition. No function needs FMA to be right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.codegen.vector_math.angle import arctan2
from lamina.codegen.vector_math.error_function import erf
from lamina.codegen.vector_math.exponential import exp, expm1, tanh
from lamina.codegen.vector_math.logarithm import log, log1p
from lamina.codegen.vector_math.power import power
from lamina.codegen.vector_math.trigonometric import cos, sin


def rsqrt(b: Any, x: Any) -> Any:
    """1 / sqrt(x); infinity at 0, NaN below."""
    return b.div(b.const(1.0, x.dtype), b.sqrt(x))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sin": sin,
    "cos": cos,
    "erf": erf,
    "rsqrt": rsqrt,
    "pow": power,
    "arctan2": arctan2,
}
"""By the name of the builder's method: `FUNCTIONS["exp"](b, x)`."""

__all__ = ["FUNCTIONS", "arctan2", "cos", "erf", "exp", "expm1", "log", "log1p", "power", "rsqrt", "sin", "tanh"]
