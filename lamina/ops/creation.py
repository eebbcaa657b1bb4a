"""New tensors: filled with one value, with a sequence, or with a pattern."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim, Dimension
from lamina.base.errors import ArgumentError
from lamina.ops.core import (
    apply,
    broadcast_to,
    cast,
    convert,
    normal_shape,
    operands,
    positive,
    reshape,
)
from lamina.ops.logic import where
from lamina.tensor.arithmetic import add, divide, multiply, subtract
from lamina.tensor.state import state
from lamina.tensor.tensor import Tensor


def _filled(name: str, shape: Any, value: Any, dtype: Any) -> Tensor:
    dims = normal_shape(name, shape)
    known = dtypes.canonical(dtype or config.floatx)
    known_size = not any(isinstance(d, Dim) for d in dims)
    # A program gets one value to repeat instead of all this memory.
    if known_size and state.trace is None and isinstance(value, (bool, int, float)):
        return Tensor.of_array(np.full(dims, value, dtypes.to_numpy(known)))  # type: ignore[arg-type]
    return broadcast_to(convert(value, known), dims)


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros of a shape; dtype `floatx` by default."""
    return _filled("zeros", shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones of a shape; dtype `floatx` by default."""
    return _filled("ones", shape, 1, dtype)


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros: memory is never handed out uninitialised."""
    return _filled("empty", shape, 0, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One value, which may broadcast, everywhere; dtype `floatx` by default."""
    return _filled("full", shape, fill_value, dtype)


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape of `x`, and its dtype unless given."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape of `x`, and its dtype unless given."""
    return full_like(x, 1, dtype)


def empty_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape of `x`, and its dtype unless given."""
    return full_like(x, 0, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One value everywhere, of the shape of `x`, and its dtype unless given."""
    x = convert(x)
    return _filled("full_like", tuple(x.dims), fill_value, dtype or x.dtype)


def array(x: Any, dtype: Any = None) -> Tensor:
    """A tensor with a copy of the data."""
    x = convert(x)
    if isinstance(x, Tensor) and not x.symbolic:
        x = Tensor.of_array(np.array(x.numpy(), copy=True))
    return positive(x if dtype is None else cast(x, dtype))


copy = array


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from `start` up to, and without, `stop`.

    Args:
        start: the first; or, if it stands alone, `stop`, and the first is 0.
        stop: the end. A `Dim` is fine where `start` is 0 and `step` 1.
        step: the distance, 1 by default.
        dtype: by default that of the arguments.
    """
    first, last = (0, start) if stop is None else (start, stop)
    stride = 1 if step is None else step
    if isinstance(last, Dim) or isinstance(first, Dim):
        return _open_arange(first, last, stride, dtype)
    first, last, stride = (_number("arange", v) for v in (first, last, stride))
    if stride == 0:
        raise ArgumentError("arange: step must not be 0.")
    own = dtypes.result_dtype([], [first, last, stride], config.floatx)
    name = own if dtype is None else dtypes.canonical(dtype)
    return Tensor.of_array(np.arange(first, last, stride).astype(dtypes.to_numpy(name)))


def _open_arange(first: Dimension, last: Dimension, step: Any, dtype: Any) -> Tensor:
    if step != 1:
        raise ArgumentError("arange: a bound that is not known while tracing needs a step of 1.")
    name = dtypes.canonical(dtype or "int32")
    numbers = apply(P.IOTA, shape=(last - first,), dtype=name, axis=0)
    return numbers if isinstance(first, int) and first == 0 else add(numbers, convert(first, name))


def _number(name: str, value: Any) -> bool | int | float:
    if isinstance(value, (bool, int, float)):
        return value.item() if isinstance(value, np.generic) else value
    item = convert(value).numpy()
    if item.ndim:
        raise ArgumentError(f"{name}: expected numbers. Received: an array of shape {item.shape}.")
    return item.item()


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`.

    Args:
        start, stop: numbers or tensors that broadcast.
        endpoint: whether `stop` is the last number.
        retstep: whether to return the distance too.
        axis: where the new axis goes.
    """
    if num < 0:
        raise ArgumentError(f"linspace: num must not be negative. Received: {num}.")
    first, last = operands(start, stop)
    if not dtypes.is_float(first.dtype):
        first, last = cast(first, config.floatx), cast(last, config.floatx)
    gaps = max(num - 1 if endpoint else num, 1)
    apart = subtract(last, first)
    rank = len(apart.dims)
    fractions = np.reshape(np.arange(num) / gaps, (num, *[1] * rank)).astype(dtypes.to_numpy(first.dtype))
    result = add(first, multiply(apart, fractions))
    if endpoint and num > 1:
        is_last = np.reshape(np.arange(num) == num - 1, (num, *[1] * rank))
        result = where(is_last, last, result)
    if axis not in (0, -rank - 1):
        from lamina.ops.shaping import moveaxis

        result = moveaxis(result, 0, axis)
    result = positive(cast(result, dtype)) if dtype is not None else result
    return (result, divide(apart, gaps)) if retstep else result


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10, dtype: Any = None, axis: int = 0
) -> Tensor:
    """`base` to the power of numbers at equal distances from `start` to `stop`."""
    from lamina.ops.transcendental import exp

    result = exp(multiply(linspace(start, stop, num, endpoint, axis=axis), math.log(base)))
    return positive(cast(result, dtype)) if dtype is not None else result


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Tensor:
    """`num` numbers with equal ratios from `start` to `stop`, both positive."""
    from lamina.ops.transcendental import exp, log

    result = exp(linspace(log(start), log(stop), num, endpoint, axis=axis))
    return positive(cast(result, dtype)) if dtype is not None else result


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the k-th diagonal of an N x M matrix (M = N by default), zeros elsewhere."""
    known = dtypes.to_numpy(dtypes.canonical(dtype or config.floatx))
    return Tensor.of_array(np.eye(N, M, k, dtype=known))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on and below the k-th diagonal, zeros above."""
    known = dtypes.to_numpy(dtypes.canonical(dtype or config.floatx))
    return Tensor.of_array(np.tri(N, M, k).astype(known))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: for each vector a tensor of the grid's shape.

    Args:
        indexing: `"xy"`, the first two axes swapped, or `"ij"`.
    """
    from lamina.ops.shaping import swapaxes

    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij'. Received: {indexing!r}.")
    vectors = [convert(v) for v in x]
    vectors = [reshape(v, (1,)) if not v.dims else v for v in vectors]
    grid = tuple(v.dims[0] for v in vectors)
    results = []
    for axis, vector in enumerate(vectors):
        shape = tuple(d if i == axis else 1 for i, d in enumerate(grid))
        results.append(positive(broadcast_to(reshape(vector, shape), grid)))
    return [swapaxes(r, 0, 1) for r in results] if indexing == "xy" and len(results) > 1 else results


def _window(name: str, x: Any) -> Tensor:
    function = getattr(np, name)
    return Tensor.of_array(function(int(_number(name, x))).astype(dtypes.to_numpy(config.floatx)))


def hanning(x: Any) -> Tensor:
    """The Hann window of so many points."""
    return _window("hanning", x)


def hamming(x: Any) -> Tensor:
    """The Hamming window of so many points."""
    return _window("hamming", x)


def blackman(x: Any) -> Tensor:
    """The Blackman window of so many points."""
    return _window("blackman", x)


def bartlett(x: Any) -> Tensor:
    """The triangular window of so many points."""
    return _window("bartlett", x)


__all__ = [
    "arange", "array", "bartlett", "blackman", "copy", "empty", "empty_like", "eye", "geomspace", "full",
    "full_like", "hamming", "hanning", "identity", "linspace", "logspace", "meshgrid", "ones", "ones_like", "tri",
    "zeros", "zeros_like",
]  # fmt: skip
