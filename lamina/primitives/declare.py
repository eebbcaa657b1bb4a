"""How primitives are declared: the checks that `infer` makes, and short forms for operations that are alike.

An error of a primitive names the primitive, the argument, what was expected and what came.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np

from lamina.base import dtypes
from lamina.base.dims import Dim, Dimension, Shape, format_shape
from lamina.base.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph import Primitive, Sample, Spec
from lamina.primitives.samples import elementwise_samples


class Typed(Protocol):
    """Anything that has a shape and a dtype: a `Spec` or a `Node`."""

    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> str: ...


class Accepted(NamedTuple):
    """Dtypes that an argument may have, and what a message calls them."""

    description: str
    names: tuple[str, ...]


FLOATS = Accepted("a float", dtypes.FLOATS)
INTEGERS = Accepted("an integer", dtypes.SIGNED + dtypes.UNSIGNED)
NUMBERS = Accepted("a number (an integer or a float, not bool)", INTEGERS.names + FLOATS.names)
BOOLS = Accepted("bool", ("bool",))
ANY = Accepted("any dtype", dtypes.NAMES)


def describe(operand: Typed) -> str:
    """An operand as messages show it: `float32(batch, 3)`."""
    return f"{operand.dtype}{format_shape(operand.shape)}"


def check_dtype(primitive: str, argument: str, operand: Typed, accepted: Accepted) -> None:
    if operand.dtype not in accepted.names:
        raise DTypeError(
            f"{primitive}: {argument} must be {accepted.description}. Received: {describe(operand)}. Cast it first."
        )


def check_same_dtype(primitive: str, arguments: Sequence[str], operands: Sequence[Typed]) -> None:
    if any(operand.dtype != operands[0].dtype for operand in operands):
        refuse(DTypeError, primitive, arguments, "must have one dtype", operands, "Cast them to one dtype first.")


def check_same_shape(primitive: str, arguments: Sequence[str], operands: Sequence[Typed]) -> None:
    if any(tuple(operand.shape) != tuple(operands[0].shape) for operand in operands):
        refuse(ShapeError, primitive, arguments, "must have one shape", operands, "Broadcast them first.")


def refuse(
    error: type[Exception], primitive: str, arguments: Sequence[str], rule: str, operands: Sequence[Typed], fix: str
) -> NoReturn:
    """Raises `error` about several arguments that do not fit together."""
    received = ", ".join(describe(operand) for operand in operands)
    raise error(f"{primitive}: {' and '.join(arguments)} {rule}. Received: {received}. {fix}")


def check_axis(primitive: str, axis: Any, rank: int) -> None:
    if not isinstance(axis, int) or isinstance(axis, bool) or not 0 <= axis < rank:
        raise ShapeError(
            f"{primitive}: axis must be an int from 0 to rank - 1, and the rank is {rank}. Received: {axis!r}."
        )


def check_axes(primitive: str, axes: Any, rank: int) -> None:
    """Axes are a sorted tuple without repetition."""
    if not isinstance(axes, tuple) or list(axes) != sorted(set(axes)):
        raise ShapeError(f"{primitive}: axes must be a sorted tuple of different ints. Received: {axes!r}.")
    for axis in axes:
        check_axis(primitive, axis, rank)


def check_shape(primitive: str, argument: str, shape: Any) -> Shape:
    """A shape is a tuple of dimensions that are not negative."""
    if not isinstance(shape, tuple) or not all(is_dimension(d) for d in shape):
        raise ShapeError(f"{primitive}: {argument} must be a tuple of non-negative ints. Received: {shape!r}.")
    return shape


def is_dimension(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def surely_not_negative(dimension: Dimension) -> bool:
    """True where a dimension is at least zero whatever its symbols are, which are never negative themselves."""
    if isinstance(dimension, Dim):
        return dimension.constant >= 0 and all(coefficient >= 0 for _, coefficient in dimension.terms)
    return dimension >= 0


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a reference meet half floats as float32, and rounds a float result back to the half type."""

    @functools.wraps(function)
    def run(*arrays: Any, **attrs: Any) -> Any:
        dtype = arrays[-1].dtype
        if dtype.itemsize != 2 or dtypes.canonical(dtype) not in ("float16", "bfloat16"):
            return function(*arrays, **attrs)
        wide = [a.astype(np.float32) if a.dtype == dtype else a for a in arrays]
        result = function(*wide, **attrs)
        return result.astype(dtype) if result.dtype == np.float32 else result

    return run


def elementwise_infer(
    name: str, arguments: tuple[str, ...], accepted: Accepted, result: str | None = None
) -> Callable[..., Spec]:
    """`infer` of an operation whose operands share shape and dtype; the result has them too, or the dtype `result`."""

    def infer(*operands: Typed) -> Spec:
        if len(operands) != len(arguments):
            raise ArgumentError(f"{name}: expected {len(arguments)} operand(s). Received: {len(operands)}.")
        for argument, operand in zip(arguments, operands):
            check_dtype(name, argument, operand, accepted)
        check_same_dtype(name, arguments, operands)
        check_same_shape(name, arguments, operands)
        return Spec(tuple(operands[0].shape), result or operands[0].dtype)

    return infer


def elementwise(
    name: str,
    arguments: tuple[str, ...],
    accepted: Accepted,
    *,
    numpy: Callable[..., Any],
    lower: Callable[..., Any],
    vjp: Callable[..., Any] | None = None,
    result: str | None = None,
    expensive: bool = False,
    samples: Callable[[], Iterable[Sample]] | None = None,
) -> Primitive:
    """Declares an elementwise operation whose operands share shape and dtype.

    Args:
        accepted: dtypes of the operands.
        result: dtype of the result; None for that of the operands.
        samples: None for values between -2 and 2, edge shapes, and special values of every accepted dtype.
    """
    return Primitive(
        name, "elementwise",
        infer=elementwise_infer(name, arguments, accepted, result), numpy=in_float32(numpy), lower=lower, vjp=vjp,
        expensive=expensive, samples=samples or (lambda: elementwise_samples(len(arguments), accepted.names)),
    )  # fmt: skip


def unary(name: str, accepted: Accepted, **fields: Any) -> Primitive:
    """Declares an elementwise operation of one operand; fields as in `elementwise`."""
    return elementwise(name, ("x",), accepted, **fields)


def binary(name: str, accepted: Accepted, **fields: Any) -> Primitive:
    """Declares an elementwise operation of two operands; fields as in `elementwise`."""
    return elementwise(name, ("x", "y"), accepted, **fields)


def dimension_scalar(b: Any, dimension: Dimension) -> Any:
    """A dimension as an int64 scalar of the builder `b`."""
    return b.const(dimension, "int64") if isinstance(dimension, int) else b.dim(dimension)
