"""The record by which an operation is declared, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamina.base.dims import Shape
from lamina.base.errors import ArgumentError

KINDS = {
    "leaf": "an input or a constant; nothing is computed",
    "elementwise": "out[i] depends on the operands at i alone; operands share one shape",
    "movement": "out[i] is one element of an operand, chosen by i (reshape, pad, concatenate, ...)",
    "index": "out[i] reads an operand at a place that another operand gives, or computes from i alone (take, iota)",
    "random": "out[i] depends on a seed and on i",
    "reduce": "folds axes of one operand with an associative function",
    "contract": "sums products of two operands over shared axes",
    "cumulative": "folds along an axis and keeps every partial result",
    "scatter": "writes or adds updates at given places",
    "opaque": "anything else: lowered by a program of its own",
    "control": "runs graphs that it has as attributes, in a loop or by choice; has several results",
    "result": "one of the results of a control operation",
}


# The dtype of a node that has several results: it is no array, and only nodes of kind `result` may read it.
SEVERAL = "several"


class Spec(NamedTuple):
    """Shape and dtype of a value that need not exist yet.

    Attributes:
        results: of an operation with several results, whose own shape is empty and dtype `SEVERAL`: one for each.
    """

    shape: Shape
    dtype: str
    results: tuple[Spec, ...] = ()


class Sample(NamedTuple):
    """Arguments with which a primitive is tested.

    Attributes:
        arrays: NumPy operands.
        attrs: attributes.
        differentiable: whether the numeric gradient is compared here (False at kinks, NaN or infinity).
    """

    arrays: tuple[Any, ...]
    attrs: dict[str, Any] = {}
    differentiable: bool = True


@dataclass(frozen=True, eq=False)
class Primitive:
    """An operation of the graph, declared once; everything else reads this record.

    Attributes:
        name: what the printer shows; unique.
        kind: one of `KINDS`; fusion, scheduling and tests read it.
        infer: `infer(*specs, **attrs) -> Spec`. Each spec has `.shape` and `.dtype` (a Node serves). Raises an
            error that names the argument, what was expected and what came.
        numpy: `numpy(*arrays, **attrs) -> array`. The reference. Symbolic dimensions in attributes arrive as ints,
            graphs as functions from a list of arrays to a list of arrays. With several results, it gives a tuple.
        vjp: `vjp(node, gradient) -> sequence` with a Node or None for each input of `node`; None for the whole
            where the output does not depend smoothly on any input.
        lower: the scalar meaning, against the builder `b` of `lamina.schedule.loops`. By kind:
            elementwise: `lower(b, *scalars, **attrs) -> scalar`;
            movement, index, random: `lower(b, index, *readers, **attrs) -> scalar`, where `index` is a tuple of
            integer scalars and `readers[k](index)` gives the element of operand k;
            reduce, cumulative: `lower(b, accumulator, scalar) -> accumulator` (with `identity`).
        identity: reduce and cumulative: `identity(dtype) -> number` that leaves the fold as it is.
        expand: `expand(node) -> Node` says the same with other primitives; set instead of `lower`.
        expensive: whether computing it again costs more than storing it (exp, division, ...).
        samples: `samples() -> iterable of Sample`, typical and edge cases.
    """

    name: str
    kind: str
    infer: Callable[..., Spec]
    numpy: Callable[..., Any]
    vjp: Callable[..., Any] | None = None
    lower: Any = None
    identity: Any = None
    expand: Callable[..., Any] | None = None
    expensive: bool = False
    samples: Callable[[], Iterable[Sample]] = field(default=tuple)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ArgumentError(f"Primitive {self.name!r}: kind must be one of {sorted(KINDS)}, not {self.kind!r}.")

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"
