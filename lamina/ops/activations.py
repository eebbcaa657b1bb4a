"""Activation functions, written so that a compiler can fuse them, and stable over the whole range of floats."""

from __future__ import annotations

from typing import Any

from lamina import primitives as P
from lamina.base.errors import ShapeError
from lamina.ops import core
from lamina.ops.core import Operand, in_float32, normal_axis, stop_gradient, to_float, unary
from lamina.ops.elementwise import absolute, clip, maximum, minimum
from lamina.ops.logic import where
from lamina.ops.reduction import reduce, sum
from lamina.ops.shaping import split
from lamina.tensor.arithmetic import add, divide, greater, multiply, negative, subtract
from lamina.tensor.dispatch import apply
from lamina.tensor.tensor import Tensor


def relu(x: Any) -> Tensor:
    """`max(x, 0)`; the gradient at 0 is 0."""
    x = core.convert(x)
    return apply(P.RELU, core.cast(x, "int32") if x.dtype == "bool" else x, ceiling=None)


def relu6(x: Any) -> Tensor:
    """`min(max(x, 0), 6)`"""
    x = core.convert(x)
    return apply(P.RELU, core.cast(x, "int32") if x.dtype == "bool" else x, ceiling=6)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """`x` where positive, `negative_slope * x` elsewhere."""
    x = to_float(x)
    return where(greater(x, 0), x, multiply(x, negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al. 2015)."""
    x = to_float(x)
    return where(greater(x, 0), x, multiply(unary(P.EXPM1, minimum(x, 0.0)), alpha))


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))` (Barron 2017)."""
    x = to_float(x)
    low = multiply(unary(P.EXPM1, divide(minimum(x, 0.0), alpha)), alpha)
    return where(greater(x, 0), x, low)


def selu(x: Any) -> Tensor:
    """The self-normalising `scale * elu(x, alpha)` of Klambauer et al. 2017."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """`x` times the probability that a normal number is below `x` (Hendrycks and Gimpel 2016).

    Args:
        approximate: by tanh, which differs by less than 0.0005; otherwise by erf.
    """
    return unary(P.GELU_TANH if approximate else P.GELU, to_float(x))


def sigmoid(x: Any) -> Tensor:
    """`1 / (1 + exp(-x))`, which never overflows."""
    return unary(P.SIGMOID, to_float(x))


def silu(x: Any) -> Tensor:
    """`x * sigmoid(x)`, also called swish."""
    return unary(P.SILU, to_float(x))


swish = silu


def softplus(x: Any) -> Tensor:
    """`log(1 + exp(x))`, which never overflows."""
    return unary(P.SOFTPLUS, to_float(x))


def log_sigmoid(x: Any) -> Tensor:
    """`log(sigmoid(x))`"""
    return negative(softplus(negative(to_float(x))))


def softsign(x: Any) -> Tensor:
    """`x / (1 + |x|)`"""
    x = to_float(x)
    return divide(x, add(absolute(x), 1.0))


def hard_sigmoid(x: Any) -> Tensor:
    """`x / 6 + 1 / 2`, cut to lie between 0 and 1."""
    return clip(add(divide(to_float(x), 6.0), 0.5), 0.0, 1.0)


def hard_silu(x: Any) -> Tensor:
    """`x * hard_sigmoid(x)`, also called hard swish."""
    x = to_float(x)
    return multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Tensor:
    """`x` cut to lie between -1 and 1."""
    return clip(to_float(x), -1.0, 1.0)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """`x` where its size is above the threshold, 0 elsewhere."""
    x = to_float(x)
    return where(greater(absolute(x), threshold), x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """`x` moved towards 0 by the threshold, and 0 within it."""
    x = to_float(x)
    return where(x > threshold, subtract(x, threshold), where(x < -threshold, add(x, threshold), 0.0))


def tanh_shrink(x: Any) -> Tensor:
    """`x - tanh(x)`"""
    x = to_float(x)
    return subtract(x, unary(P.TANH, x))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """`x` where above the threshold, the default elsewhere."""
    x = to_float(x)
    return where(greater(x, threshold), x, default_value)


def squareplus(x: Any, b: float = 4.0) -> Tensor:
    """`(x + sqrt(x**2 + b)) / 2` (Barron 2021)."""
    x = to_float(x)
    return multiply(add(x, unary(P.SQRT, add(multiply(x, x), b))), 0.5)


def sparse_plus(x: Any) -> Tensor:
    """0 up to -1, `x` from 1, and `(x + 1)**2 / 4` between."""
    x = to_float(x)
    middle = add(x, 1.0)
    return where(x <= -1, 0.0, where(x < 1, multiply(multiply(middle, middle), 0.25), x))


def sparse_sigmoid(x: Any) -> Tensor:
    """`(x + 1) / 2`, cut to lie between 0 and 1."""
    return clip(multiply(add(to_float(x), 1.0), 0.5), 0.0, 1.0)


def mish(x: Any) -> Tensor:
    """`x * tanh(softplus(x))` (Misra 2019)."""
    x = to_float(x)
    return multiply(x, unary(P.TANH, softplus(x)))


def exponential(x: Any) -> Tensor:
    """`exp(x)`"""
    return unary(P.EXP, to_float(x))


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin et al. 2016)."""
    x = to_float(x)
    first, second = split(x, 2, axis)
    return multiply(first, sigmoid(second))


def _axes(x: Operand, axis: Any) -> tuple[int, ...] | None:
    if axis is None:
        return None
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(normal_axis("softmax", a, len(x.dims)) for a in given)


def softmax(x: Any, axis: Any = -1) -> Tensor:
    """`exp(x)`, scaled to sum to 1 over an axis (or axes; None for all elements).

    The largest element is subtracted first; it is a constant to the gradient, since the result does not depend on it.

    Raises:
        ShapeError: of a scalar.
    """
    x = to_float(x)
    axes = _axes(_ranked("softmax", x), axis)

    def compute(t: Operand) -> Tensor:
        powers = unary(P.EXP, subtract(t, stop_gradient(reduce(P.REDUCE_MAX, t, axes, True))))
        # One division a row, not one an element.
        return multiply(powers, divide(1.0, sum(powers, axes, keepdims=True)))

    return in_float32(x, compute)


def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """`log(softmax(x))`, without underflow."""
    x = to_float(x)
    axes = _axes(_ranked("log_softmax", x), axis)

    def compute(t: Operand) -> Tensor:
        apart = subtract(t, stop_gradient(reduce(P.REDUCE_MAX, t, axes, True)))
        return subtract(apart, unary(P.LOG, sum(unary(P.EXP, apart), axes, keepdims=True)))

    return in_float32(x, compute)


def _ranked(name: str, x: Operand) -> Operand:
    if not x.dims:
        raise ShapeError(f"{name}: expected a tensor of rank 1 or more. Received: a scalar.")
    return x


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to `x` (Martins and Astudillo 2016).

    Without sorting: element i is in the support if `1 + n * x[i] > sum of the n elements >= x[i]`.
    """
    from lamina.ops.shaping import expand_dims, moveaxis

    x = moveaxis(to_float(x), axis, -1)
    above = core.cast(expand_dims(x, -2) >= expand_dims(x, -1), x.dtype)  # [..., i, j]: x[j] >= x[i]
    total = sum(multiply(above, expand_dims(x, -2)), -1)
    inside = add(multiply(sum(above, -1), x), 1.0) > total
    count = sum(core.cast(inside, x.dtype), -1, keepdims=True)
    level = divide(subtract(sum(where(inside, x, 0.0), -1, keepdims=True), 1.0), count)
    return moveaxis(maximum(subtract(x, level), 0.0), -1, axis)


__all__ = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "swish", "tanh_shrink", "threshold",
]  # fmt: skip
