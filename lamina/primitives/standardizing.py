"""Numbers brought to mean 0 and variance 1.

It is a primitive, and not the sums and products that it expands to, because its gradient can be told from its result:
the backward pass then reads what came out, and neither what went in nor its distance from the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.base.dims import Dim
from lamina.base.errors import ShapeError
from lamina.graph import Node, Primitive, Sample, Spec, apply, constant
from lamina.primitives.arithmetic import add, divide, multiply, subtract
from lamina.primitives.conversion import cast
from lamina.primitives.declare import Accepted, Typed, check_axes, check_dtype
from lamina.primitives.indexing import dimension
from lamina.primitives.movement import broadcast, broadcast_in_dim, full_like
from lamina.primitives.reduction import reduce_sum
from lamina.primitives.samples import strided, values
from lamina.primitives.transcendental import rsqrt

_WIDE = Accepted("float32 or float64", ("float32", "float64"))


def _infer(x: Typed, *, axes: Any, epsilon: float) -> Spec:
    check_dtype("standardize", "x", x, _WIDE)
    check_axes("standardize", axes, len(x.shape))
    if not axes:
        raise ShapeError("standardize: axes must name at least one axis. Received: ().")
    return Spec(tuple(x.shape), x.dtype)


def _numpy(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    count = x.dtype.type(np.prod([x.shape[axis] for axis in axes]))
    apart = x - np.sum(x, axes, keepdims=True) / count
    variance = np.sum(apart * apart, axes, keepdims=True) / count
    return apart * (1 / np.sqrt(variance + x.dtype.type(epsilon)))


def _mean(x: Node, axes: Sequence[int]) -> Node:
    """The mean over axes, which go."""
    total = reduce_sum(x, axes)
    count = constant(1.0, x.dtype)
    for axis in axes:
        size = x.shape[axis]
        number = cast(dimension(size), x.dtype) if isinstance(size, Dim) else constant(float(size), x.dtype)
        count = multiply(count, number)
    return divide(total, broadcast(count, total.shape))


def _spread(x: Node, like: Node, axes: Sequence[int]) -> Node:
    """What there is one of for each mean, at each element."""
    return broadcast_in_dim(x, like.shape, [i for i in range(len(like.shape)) if i not in axes])


def _parts(node: Node) -> tuple[Node, Node]:
    """The distances from the mean, and the factor that brings them to variance 1."""
    x, axes = node.inputs[0], node.attrs["axes"]
    apart = subtract(x, _spread(_mean(x, axes), x, axes))
    variance = _mean(multiply(apart, apart), axes)
    return apart, _spread(rsqrt(add(variance, full_like(variance, node.attrs["epsilon"]))), x, axes)


def _vjp(node: Node, g: Node) -> tuple[Node]:
    """The gradient less its mean and less what it has of the result's direction, scaled as the result is."""
    axes = node.attrs["axes"]
    along = _spread(_mean(multiply(g, node), axes), node, axes)
    across = subtract(subtract(g, _spread(_mean(g, axes), node, axes)), multiply(node, along))
    return (multiply(across, _parts(node)[1]),)


def _samples() -> Iterator[Sample]:
    last = {"axes": (1,), "epsilon": 1e-3}
    yield Sample((values((3, 5)),), last)
    yield Sample((values((2, 3, 4)),), {"axes": (0, 2), "epsilon": 1e-2})
    yield Sample((values((4, 3)),), {"axes": (0,), "epsilon": 1e-2})
    yield Sample((values((7,)),), {"axes": (0,), "epsilon": 1e-5})
    yield Sample((strided((3, 4)),), last)
    yield Sample((values((1, 1)),), last, False)
    yield Sample((values((0, 2)),), last, False)
    yield Sample((values((3, 70), "float32", 900, 1100),), last, False)
    yield Sample((np.array([[1.0, np.nan, 2.0], [1.0, np.inf, 2.0], [1e30, 0.0, 1.0], [4.0, 4.0, 4.0]]),), last, False)


STANDARDIZE = Primitive(
    "standardize", "opaque", expensive=True,
    infer=_infer,
    numpy=_numpy,
    vjp=_vjp,
    expand=lambda node: multiply(*_parts(node)),
    samples=_samples,
)  # fmt: skip


def standardize(x: Node, axes: Sequence[int], epsilon: float) -> Node:
    """`(x - mean) / sqrt(variance + epsilon)` with mean and variance over axes; float32 or float64."""
    return apply(STANDARDIZE, x, axes=tuple(sorted(axes)), epsilon=float(epsilon))
