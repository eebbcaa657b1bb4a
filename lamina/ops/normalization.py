"""Moments and normalisation."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import Dim, Dimension, format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops import core
from lamina.ops.core import Operand, apply, cast, convert, in_float32, positive, to_float, unary
from lamina.ops.elementwise import clip, maximum
from lamina.ops.products import norm
from lamina.ops.reduction import mean, sum
from lamina.tensor.arithmetic import add, divide, multiply, negative, subtract
from lamina.tensor.tensor import Tensor


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance (of the whole, not of a sample) over axes.

    Args:
        keepdims: whether the axes stay, with size 1.
        synchronized: whether over all devices together; there is one.

    Returns:
        Mean and variance, of the dtype of `x`; half floats are computed in float32 and cut to the range of float16.
    """
    x = to_float(x)
    wide = cast(x, dtypes.compute_dtype(x.dtype))
    centre = mean(wide, axes, keepdims=True)
    apart = subtract(wide, centre)
    variance = mean(multiply(apart, apart), axes, keepdims)
    if not keepdims:
        centre = core.reshape(centre, tuple(variance.dims))  # type: ignore[assignment]
    return _narrow(centre, x.dtype), _narrow(variance, x.dtype)


def _narrow(x: Operand, dtype: str) -> Tensor:
    """A float32 tensor as the half float that it came from, without overflow; others as they are."""
    return positive(x) if x.dtype == dtype else positive(cast(clip(x, -65504.0, 65504.0), dtype))


def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """`x` divided by its norm along an axis; a norm below `epsilon` counts as `epsilon`.

    Args:
        axis: the axis; for the Euclidean norm also several, or None for all.
        order: 2 for the Euclidean norm; any p of at least 1, or inf.
        epsilon: `config.epsilon` by default.
    """
    small = config.epsilon if epsilon is None else epsilon
    x = to_float(x)
    if order == 2:
        return in_float32(x, lambda t: _unit_length(t, axis, small))
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not order >= 1:
        raise ArgumentError(f"normalize: order must be a number of at least 1. Received: {order!r}.")
    return divide(x, maximum(norm(x, order, axis, keepdims=True), small))


def _unit_length(x: Operand, axis: Any, small: float) -> Tensor:
    squares = sum(multiply(x, x), axis, keepdims=True)
    return multiply(x, unary(P.RSQRT, maximum(squares, small * small)))


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, rms_scaling: bool = False
) -> Tensor:
    """`x` brought to mean 0 and variance 1 over axes, then scaled and moved (Ba et al. 2016).

    Args:
        gamma, beta: scale and shift, of the shape of `axis`; None for none.
        epsilon: added to the variance; `config.epsilon` by default.
        rms_scaling: whether to divide by the standard deviation only: the mean stays and `beta` is not used. Kept as
            Keras has it; the root of the mean square is what `rms_normalization` divides by.
    """
    small = config.epsilon if epsilon is None else epsilon

    def compute(t: Operand) -> Tensor:
        if rms_scaling:
            _, variance = moments(t, axis, keepdims=True)
            result = multiply(t, unary(P.RSQRT, add(variance, small)))
        else:
            result = apply(P.STANDARDIZE, t, axes=core.normal_axes("axis", axis, len(t.dims)), epsilon=float(small))
        result = result if gamma is None else multiply(result, _along(gamma, t, axis))
        return result if beta is None or rms_scaling else add(result, _along(beta, t, axis))

    return in_float32(to_float(x), compute)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Tensor:
    """`x` divided by the root of its mean square over axes, then scaled (Zhang and Sennrich 2019)."""
    small = config.epsilon if epsilon is None else epsilon

    def compute(t: Operand) -> Tensor:
        square = mean(multiply(t, t), axis, keepdims=True)
        result = multiply(t, unary(P.RSQRT, add(square, small)))
        return result if scale is None else multiply(result, _along(scale, t, axis))

    return in_float32(to_float(x), compute)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, with vectors along an axis (Ioffe and Szegedy 2015).

    Args:
        mean, variance: of the size of the axis.
        axis: the axis that keeps its own mean and variance.
        offset, scale: of the size of the axis; None for none.
        epsilon: added to the variance.

    Raises:
        ShapeError: if a vector does not have the size of the axis.
    """

    def compute(t: Operand) -> Tensor:
        centre, spread = _along(mean, t, axis), _along(variance, t, axis)
        factor = unary(P.RSQRT, add(spread, epsilon))
        factor = factor if scale is None else multiply(factor, _along(scale, t, axis))
        result = multiply(subtract(t, centre), factor)
        return result if offset is None else add(result, _along(offset, t, axis))

    return in_float32(to_float(x), compute)


def one_pass_normalization(
    x: Operand, axes: tuple[int, ...], gamma: Operand | None, beta: Operand | None, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`x` brought to mean 0 and variance 1 over axes, then scaled and moved, with one pass over `x` for both moments.

    The variance is the mean square less the square of the mean. So that it does not cancel where the mean is large, and
    its gradient neither, everything is computed from the distances to one element, which lies as far from the mean as
    the others do.

    Args:
        x: float32 or float64.
        axes: the axes that share a mean, counted from the front; none of them empty.
        gamma, beta: scale and shift, broadcasting to `x` with the axes folded; None for none.
        epsilon: added to the variance.

    Returns:
        The result, and mean and variance with the axes folded to size 1.
    """
    folded = tuple(1 if i in axes else d for i, d in enumerate(x.dims))
    gamma, beta = (p if p is None else _without(convert(p), axes, folded) for p in (gamma, beta))
    flat = all(p is None or len(p.dims) == len(folded) - len(axes) for p in (gamma, beta))
    shift = core.stop_gradient(_first(x, axes))
    apart = subtract(x, shift)
    share = divide(1.0, core.count_of([x.dims[axis] for axis in axes], x.dtype))
    # What there is one of for each mean is computed without the folded axes: it is then of one shape everywhere.
    centre = multiply(sum(apart, axes, keepdims=not flat), share)
    square = multiply(sum(multiply(apart, apart), axes, keepdims=not flat), share)
    variance = _not_negative(subtract(square, multiply(centre, centre)))
    scale = unary(P.RSQRT, add(variance, epsilon))
    scale = scale if gamma is None else multiply(scale, gamma)
    moved = multiply(centre, scale)
    offset = negative(moved) if beta is None else subtract(beta, moved)
    if flat:
        scale, offset, centre, variance = (_with(t, folded) for t in (scale, offset, centre, variance))
    return add(multiply(apart, scale), offset), add(shift, centre), variance


def _without(parameter: Operand, axes: tuple[int, ...], folded: tuple[Dimension, ...]) -> Operand:
    """A parameter without the folded axes, where it has each of the others."""
    if tuple(parameter.dims) != folded:
        return parameter
    return apply(P.RESHAPE, parameter, shape=tuple(d for i, d in enumerate(folded) if i not in axes))


def _with(x: Tensor, folded: tuple[Dimension, ...]) -> Tensor:
    return apply(P.RESHAPE, x, shape=folded)


def _not_negative(x: Operand) -> Tensor:
    """`x`, or 0 where rounding has made it negative; its gradient is that of `x`."""
    return add(x, core.stop_gradient(maximum(negative(x), 0.0)))


def _first(x: Operand, axes: tuple[int, ...]) -> Operand:
    """The first entry along axes, which stay with size 1."""
    none = (0,) * len(x.dims)
    open_ends = tuple(int(i in axes and isinstance(d, Dim)) for i, d in enumerate(x.dims))
    if any(open_ends):  # an axis that may be empty has a first entry for sure with a 0 behind it
        x = apply(P.PAD, x, low=none, high=open_ends, value=0)
    ends = tuple(1 if i in axes else d for i, d in enumerate(x.dims))
    return apply(P.SLICE, x, start=none, stop=ends, step=(1,) * len(ends))


def folded_normalization(
    x: Operand, centre: Operand, variance: Operand, gamma: Operand | None, beta: Operand | None, epsilon: float
) -> Tensor:
    """`(x - centre) / sqrt(variance + epsilon) * gamma + beta` as one multiplication and one addition an element."""
    scale = unary(P.RSQRT, add(variance, epsilon))
    scale = scale if gamma is None else multiply(scale, gamma)
    moved = multiply(centre, scale)
    return add(multiply(x, scale), negative(moved) if beta is None else subtract(beta, moved))


def _along(parameter: Any, x: Operand, axis: Any) -> Operand:
    """A parameter with axes of size 1 wherever `axis` does not name one, in the dtype of `x`."""
    p = cast(convert(parameter), x.dtype)
    axes = core.normal_axes("axis", axis, len(x.dims))
    if len(p.dims) == len(x.dims):
        return p
    if len(p.dims) != len(axes):
        raise ShapeError(
            f"A scale, shift, mean or variance must have an axis for each of axis={axis!r} of x, whose shape is "
            f"{format_shape(x.dims)}. Received: shape {format_shape(p.dims)}."
        )
    sizes = iter(p.dims)
    return core.reshape(p, tuple(next(sizes) if i in axes else 1 for i in range(len(x.dims))))


__all__ = ["batch_normalization", "layer_normalization", "moments", "normalize", "rms_normalization"]
