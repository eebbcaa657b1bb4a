"""Primitives that change nothing but the dtype, by value or by what the bits are taken for, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.base import dtypes
from lamina.base.errors import DTypeError
from lamina.graph import Node, Primitive, Sample, Spec, apply
from lamina.primitives.declare import ANY, NUMBERS, Typed, check_dtype, describe, unary
from lamina.primitives.samples import EDGE_SHAPES, available, specials, strided, values


def _check_target(primitive: str, dtype: object) -> None:
    if dtype not in dtypes.NAMES:
        raise DTypeError(f"{primitive}: dtype must be one of {', '.join(dtypes.NAMES)}. Received: {dtype!r}.")


# --- cast ------------------------------------------------------------------------------------------------------------


def _cast_infer(x: Typed, *, dtype: str) -> Spec:
    _check_target("cast", dtype)
    return Spec(tuple(x.shape), dtype)


def _cast_numpy(x: Any, dtype: str) -> Any:
    source = dtypes.canonical(x.dtype)
    if dtypes.is_float(source) and dtypes.is_integer(dtype):
        return _saturated(np.asarray(x, np.float64), np.iinfo(dtype))
    return x.astype(dtypes.to_numpy(dtype))


def _saturated(x: Any, info: Any) -> Any:
    """Cuts to the range of an integer type; NaN is 0. The ends are filled in, as float64 may not hold them."""
    inside = (x >= info.min) & (x < float(info.max))
    whole = np.where(inside, x, 0).astype(info.dtype)
    whole = np.where(x >= float(info.max), info.dtype.type(info.max), whole)
    return np.where(x < info.min, info.dtype.type(info.min), whole)


def _cast_vjp(node: Node, g: Node) -> tuple[Node | None]:
    return (cast(g, node.inputs[0].dtype) if dtypes.is_float(node.inputs[0].dtype) else None,)


def _cast_samples() -> Iterator[Sample]:
    found = available(dtypes.NAMES)
    for source in found:
        for target in found:
            operand = np.concatenate([values((9,), source, -9, 9), specials(source)])
            yield Sample((operand,), {"dtype": target}, False)
    for shape in EDGE_SHAPES:
        yield Sample((values(shape),), {"dtype": "float64"})
        yield Sample((values(shape, "int32"),), {"dtype": "float32"}, False)
    yield Sample((strided((3, 4)),), {"dtype": "float64"})


CAST = Primitive(
    "cast", "elementwise",
    infer=_cast_infer,
    numpy=_cast_numpy,
    vjp=_cast_vjp,
    lower=lambda b, x, dtype: b.cast(x, dtype),
    samples=_cast_samples,
)  # fmt: skip


def cast(x: Node, dtype: str) -> Node:
    """`x` in another dtype.

    A float is cut towards zero to become an integer; beyond the range of the integer type it becomes the nearest
    end of it, and NaN becomes 0, on every machine. bool is 0 or 1, and anything but 0 is True.
    """
    return x if x.dtype == dtype else apply(CAST, x, dtype=dtype)


# --- bitcast ---------------------------------------------------------------------------------------------------------


def _bitcast_infer(x: Typed, *, dtype: str) -> Spec:
    _check_target("bitcast", dtype)
    check_dtype("bitcast", "x", x, NUMBERS)
    if dtype == "bool" or dtypes.size(dtype) != dtypes.size(x.dtype):
        raise DTypeError(
            f"bitcast: dtype must be a number type of as many bytes as that of x. Received: {describe(x)} and {dtype}."
        )
    return Spec(tuple(x.shape), dtype)


def _bitcast_samples() -> Iterator[Sample]:
    for source, target in [("float32", "uint32"), ("uint32", "float32"), ("float64", "int64"), ("int8", "uint8")]:
        yield Sample((specials(source),), {"dtype": target}, False)
    for shape in EDGE_SHAPES:
        yield Sample((values(shape, "float32"),), {"dtype": "int32"}, False)
    yield Sample((strided((3, 4), "float32"),), {"dtype": "int32"}, False)


BITCAST = Primitive(
    "bitcast", "elementwise",
    infer=_bitcast_infer,
    numpy=lambda x, dtype: np.ascontiguousarray(x).view(dtypes.to_numpy(dtype)).reshape(x.shape),
    lower=lambda b, x, dtype: b.bitcast(x, dtype),
    samples=_bitcast_samples,
)  # fmt: skip


def bitcast(x: Node, dtype: str) -> Node:
    """The same bits taken for another dtype of the same size. Without gradient."""
    return x if x.dtype == dtype else apply(BITCAST, x, dtype=dtype)


# --- copy ------------------------------------------------------------------------------------------------------------


COPY = unary(
    "copy", ANY,
    numpy=lambda x: x.copy(),
    lower=lambda b, x: x,
    vjp=lambda node, g: (g,),
)  # fmt: skip


def copy(x: Node) -> Node:
    """`x` once more: the compiler may keep it in another place."""
    return apply(COPY, x)
