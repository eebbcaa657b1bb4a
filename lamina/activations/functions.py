"""The activation functions; each takes a tensor or array and gives a tensor of its shape (`glu` halves an axis)."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.activations.logits import remember

Tensor = Any


def linear(x: Tensor) -> Tensor:
    """`x`, unchanged."""
    return x


def relu(x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """`max(x, 0)`, or a variation of it.

    Args:
        negative_slope: factor of `x - threshold` below the threshold; 0.
        max_value: the largest value that is given; None is no limit.
        threshold: below it the slope is `negative_slope`; from it on, `x` is passed; 0.
    """
    x = ops.convert_to_tensor(x)
    if threshold == 0.0 and negative_slope == 0.0 and max_value == 6.0:
        return ops.relu6(x)
    if threshold == 0.0:
        positive = ops.relu(x)
        below = ops.minimum(x, 0.0)
    else:
        positive = ops.where(x > threshold, x, 0.0)
        below = ops.minimum(x - threshold, 0.0)
    if max_value is not None:
        positive = ops.minimum(positive, max_value)
    return positive if negative_slope == 0.0 else positive + negative_slope * below


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """`x` where that is positive, `negative_slope * x` elsewhere."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x: Tensor) -> Tensor:
    """`min(max(x, 0), 6)`."""
    return ops.relu6(x)


def softmax(x: Tensor, axis: int | tuple[int, ...] = -1) -> Tensor:
    """`exp(x) / sum(exp(x))` along an axis: positive numbers that sum to 1."""
    x = ops.convert_to_tensor(x)
    output = ops.softmax(x, axis=axis)
    if axis in (-1, len(x.shape) - 1):
        remember("softmax", output, x)
    return output


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of softmax, without its loss of precision."""
    return ops.log_softmax(x, axis=axis)


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """The nearest point of the probability simplex, which has zeros (Martins and Astudillo, 2016)."""
    return ops.sparsemax(x, axis=axis)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` where that is positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al., 2015)."""
    return ops.elu(x, alpha=alpha)


def selu(x: Tensor) -> Tensor:
    """ELU scaled so that signals keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return ops.selu(x)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)` (Barron, 2017)."""
    return ops.celu(x, alpha=alpha)


def softplus(x: Tensor) -> Tensor:
    """`log(1 + exp(x))`."""
    return ops.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """`x / (1 + |x|)`."""
    return ops.softsign(x)


def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """`(x + sqrt(x² + b)) / 2`: a softplus without exponentials (Barron, 2021)."""
    return ops.squareplus(x, b=b)


def sparse_plus(x: Tensor) -> Tensor:
    """0 up to -1, `(x + 1)² / 4` between, `x` from 1 on."""
    return ops.sparse_plus(x)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """`x` moved towards 0 by `threshold`, and 0 within it."""
    return ops.soft_shrink(x, threshold=threshold)


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """`x` where `|x| > threshold`, 0 elsewhere."""
    return ops.hard_shrink(x, threshold=threshold)


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """`x` where that is above `threshold`, `default_value` elsewhere."""
    return ops.threshold(x, threshold, default_value)


def silu(x: Tensor) -> Tensor:
    """`x * sigmoid(x)`, also called swish (Ramachandran et al., 2017)."""
    return ops.silu(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """`x * P(X <= x)` for a standard normal `X` (Hendrycks and Gimpel, 2016).

    Args:
        approximate: whether to use the formula with tanh instead of erf; False.
    """
    return ops.gelu(x, approximate=approximate)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """`a * sigmoid(b)`, where `a` and `b` are the halves of `x` along an axis (Dauphin et al., 2016)."""
    return ops.glu(x, axis=axis)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(x)


def tanh_shrink(x: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    return ops.tanh_shrink(x)


def hard_tanh(x: Tensor) -> Tensor:
    """`x`, limited to -1 ... 1."""
    return ops.hard_tanh(x)


def sigmoid(x: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    x = ops.convert_to_tensor(x)
    output = ops.sigmoid(x)
    remember("sigmoid", output, x)
    return output


def log_sigmoid(x: Tensor) -> Tensor:
    """The logarithm of sigmoid, without its loss of precision."""
    return ops.log_sigmoid(x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    """0 up to -1, `(x + 1) / 2` between, 1 from 1 on."""
    return ops.sparse_sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """`x / 6 + 1/2`, limited to 0 ... 1."""
    return ops.hard_sigmoid(x)


def hard_silu(x: Tensor) -> Tensor:
    """`x * hard_sigmoid(x)`, also called hard swish (Howard et al., 2019)."""
    return ops.hard_silu(x)


def exponential(x: Tensor) -> Tensor:
    """`exp(x)`."""
    return ops.exp(x)


def mish(x: Tensor) -> Tensor:
    """`x * tanh(softplus(x))` (Misra, 2019)."""
    return ops.mish(x)
