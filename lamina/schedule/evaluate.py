"""The numbers that size expressions have once the symbols are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamina.base.dims import evaluate
from lamina.schedule.expr import Expr, expressions

_OPERATIONS: dict[str, Callable[..., int]] = {
    "max": max,
    "min": min,
    "mul": lambda x, y: x * y,
    "floordiv": lambda x, y: x // y,
    "rem": lambda x, y: x % y,
}


def evaluate_size(root: Expr, symbols: Mapping[str, int]) -> int:
    """The value of an integer expression of constants and dimensions."""
    values: dict[Expr, int] = {}
    for e in expressions([root]):
        if e.op in ("const", "dim"):
            values[e] = evaluate(e.attr, symbols)
        elif e.op == "affine":
            coefficients, constant = e.attr
            terms = (values[a] * evaluate(c, symbols) for a, c in zip(e.args, coefficients))
            values[e] = evaluate(constant, symbols) + sum(terms)
        else:
            values[e] = _OPERATIONS[e.op](*(values[a] for a in e.args))
    return values[root]
