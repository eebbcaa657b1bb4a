"""Moments and normalisation."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import ArgumentError
from lamina.ops import core
from lamina.ops.core import Operand, cast, convert, in_float32, to_float, unary
from lamina.ops.elementwise import maximum
from lamina.ops.products import norm
from lamina.ops.reduction import mean, sum
from lamina.tensor.arithmetic import add, divide, multiply, subtract
from lamina.tensor.tensor import Tensor


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes; of half floats computed in float32."""
    if synchronized:
        raise ArgumentError("moments: synchronized=True needs several devices, which are not supported.")
    x = to_float(x)
    wide = cast(x, dtypes.compute_dtype(x.dtype))
    centre = mean(wide, axes, keepdims=True)
    apart = subtract(wide, centre)
    variance = mean(multiply(apart, apart), axes, keepdims)
    if not keepdims:
        centre = core.reshape(centre, tuple(variance.dims))  # type: ignore[assignment]
    return cast(centre, x.dtype), cast(variance, x.dtype)  # type: ignore[return-value]


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """`x` divided by its norm along an axis; a norm below `epsilon` counts as `epsilon`.

    Args:
        order: 2 for the Euclidean norm; any p of at least 1, or inf.
        epsilon: `config.epsilon` by default.
    """
    small = config.epsilon if epsilon is None else epsilon
    x = to_float(x)
    if order == 2:
        squares = sum(multiply(x, x), axis, keepdims=True)
        return multiply(x, unary(P.RSQRT, maximum(squares, small * small)))
    if order < 1:
        raise ArgumentError(f"normalize: order must be at least 1. Received: {order}.")
    return divide(x, maximum(norm(x, order, axis, keepdims=True), small))


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, rms_scaling: bool = False
) -> Tensor:
    """`x` brought to mean 0 and variance 1 over axes, then scaled and moved (Ba et al. 2016).

    Args:
        gamma, beta: scale and shift, of the shape of `axis`; None for none.
        epsilon: added to the variance; `config.epsilon` by default.
        rms_scaling: whether only to divide by the root of the mean square.
    """
    if rms_scaling:
        return rms_normalization(x, gamma, axis, epsilon)
    small = config.epsilon if epsilon is None else epsilon

    def compute(t: Operand) -> Tensor:
        centre, variance = moments(t, axis, keepdims=True)
        result = multiply(subtract(t, centre), unary(P.RSQRT, add(variance, small)))
        result = result if gamma is None else multiply(result, _along(gamma, t, axis))
        return result if beta is None else add(result, _along(beta, t, axis))

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
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, with vectors along an axis (Ioffe and Szegedy 2015)."""

    def compute(t: Operand) -> Tensor:
        centre, spread = _along(mean, t, axis), _along(variance, t, axis)
        factor = unary(P.RSQRT, add(spread, epsilon))
        factor = factor if scale is None else multiply(factor, _along(scale, t, axis))
        result = multiply(subtract(t, centre), factor)
        return result if offset is None else add(result, _along(offset, t, axis))

    return in_float32(to_float(x), compute)


def _along(parameter: Any, x: Operand, axis: Any) -> Operand:
    """A parameter with axes of size 1 wherever `axis` does not name one, in the dtype of `x`."""
    p = cast(convert(parameter), x.dtype)
    axes = core.normal_axes("axis", axis, len(x.dims))
    if len(p.dims) == len(x.dims):
        return p
    sizes = iter(p.dims)
    return core.reshape(p, tuple(next(sizes) if i in axes else 1 for i in range(len(x.dims))))


__all__ = ["batch_normalization", "layer_normalization", "moments", "normalize", "rms_normalization"]
