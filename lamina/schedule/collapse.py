"""Merging neighbouring loops into one where every index allows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from lamina.base.dims import Dim, Dimension
from lamina.schedule.expr import INDEX, Builder, Expr, expressions


def merge_plan(roots: Iterable[Expr], variables: Sequence[Expr]) -> list[bool]:
    """For every variable but the last: whether its loop can be merged with the next one's.

    Two loops merge where each expression that reads them does so as `c * (i * extent(j) + j)`.
    """
    if len(variables) < 2:
        return []
    mergeable = [_fits_product(a, b) for a, b in itertools.pairwise(variables)]
    wanted = frozenset(variables)
    roots = list(roots)
    forms: list[dict[Expr, Dimension]] = [{e: 1} for e in roots if e in wanted]
    forms += [form for e in expressions(roots) if e.depends & wanted for form in _linear_forms(e, wanted)]
    for form in forms:
        for k in range(len(mergeable)):
            outer, inner = form.get(variables[k], 0), form.get(variables[k + 1], 0)
            if mergeable[k] and outer != _times(inner, variables[k + 1].attr[1]):
                mergeable[k] = False
    return mergeable


def _fits_product(a: Expr, b: Expr) -> bool:
    return not (isinstance(a.attr[1], Dim) and isinstance(b.attr[1], Dim))


def _times(a: Dimension, b: Dimension) -> Dimension | None:
    return None if isinstance(a, Dim) and isinstance(b, Dim) else a * b


def _linear_forms(e: Expr, wanted: frozenset[Expr]) -> list[dict[Expr, Dimension]]:
    if e.op == "affine":
        return [{a: c for a, c in zip(e.args, e.attr[0]) if a in wanted}]
    return [{a: 1} for a in e.args if a in wanted]


def merge(
    builder: Builder, variables: Sequence[Expr], mergeable: Sequence[bool]
) -> tuple[list[Expr], dict[Expr, Expr]]:
    """The loops after merging, and what to put in place of the old variables."""
    merged: list[Expr] = []
    mapping: dict[Expr, Expr] = {}
    run: list[Expr] = []
    for k, variable in enumerate(variables):
        run.append(variable)
        if k < len(mergeable) and mergeable[k]:
            continue
        if len(run) == 1:
            merged.append(variable)
        else:
            extent: Dimension = 1
            for v in run:
                extent = extent * v.attr[1]
            fresh = builder.variable(extent)
            merged.append(fresh)
            mapping.update(dict.fromkeys(run[:-1], builder.const(0, INDEX)))
            mapping[run[-1]] = fresh
        run = []
    return merged, mapping


def unflatten(builder: Builder, position: Expr, variables: Sequence[Expr]) -> dict[Expr, Expr]:
    """Each variable as a function of the row-major position in all of their loops."""
    mapping: dict[Expr, Expr] = {}
    rest = position
    for variable in reversed(variables[1:]):
        extent = builder.dim(variable.attr[1])
        mapping[variable] = builder.rem(rest, extent)
        rest = builder.floordiv(rest, extent)
    mapping[variables[0]] = rest
    return mapping


def total(builder: Builder, variables: Sequence[Expr]) -> Expr:
    """The number of iterations of all of these loops."""
    result = builder.const(1, INDEX)
    for variable in variables:
        result = builder.mul(result, builder.dim(variable.attr[1]))
    return result
