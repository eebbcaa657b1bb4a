"""A value that waits for others: the same value, but whoever reads it is computed after them.

Without it, what a gradient computes again would be the same node as in the forward pass, or would be computed as early.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import Typed
from lamina.primitives.samples import specials, strided, values


def _infer(x: Typed, *others: Typed) -> Spec:
    return Spec(tuple(x.shape), x.dtype)


def _numpy(x: Any, *others: Any) -> Any:
    return x


def _vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    return (g, *(None for _ in node.inputs[1:]))


def _lower(b: Any, index: Sequence[Any], x: Any, *others: Any) -> Any:
    return x(index)


def _samples() -> Iterator[Sample]:
    for shape in ((), (1,), (0, 3), (2, 1, 5)):
        yield Sample((values(shape), values((4,), seed=1)))
    yield Sample((strided((3, 4)), values(()), values((2, 2), "int32")))
    yield Sample((specials("float32"), values((3,))), {}, False)


AFTER = Primitive("after", "movement", infer=_infer, numpy=_numpy, vjp=_vjp, lower=_lower, samples=_samples)


def after(x: Node, others: Iterable[Node]) -> Node:
    """`x`, which is read only once the others have been computed."""
    return apply(AFTER, x, *others)
