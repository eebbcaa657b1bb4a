"""Batch normalisation."""

from __future__ import annotations

from typing import Any

from lamina import initializers, ops
from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.input_spec import InputSpec
from lamina.layers.normalization.affine import AffineNormalization, known_sizes, normal_axes
from lamina.ops.normalization import folded_normalization, one_pass_normalization


class BatchNormalization(AffineNormalization):
    """Brings every channel to mean 0 and variance 1, then scales it by `gamma` and shifts it by `beta`.

    In training by the mean and variance of the batch, which also move the layer's own
    (`moving = momentum * moving + (1 - momentum) * batch`); otherwise by those moving ones. A layer with
    `trainable=False` uses, and keeps, its moving ones in training too.

    Args:
        axis: of the channels; -1. After a convolution with `data_format="channels_first"` it is 1.
        momentum: of the moving mean and variance, from 0 to 1; 0.99.
        epsilon: added to the variance; 1e-3.
        center: whether there is a `beta`; True.
        scale: whether there is a `gamma`; True.
        beta_initializer, gamma_initializer: `"zeros"`, `"ones"`.
        moving_mean_initializer, moving_variance_initializer: `"zeros"`, `"ones"`.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: none.
        renorm, renorm_clipping, renorm_momentum: accepted as in Keras; only without renormalisation.
        synchronized: accepted; there is one device, whose batch is the whole batch.

    Call arguments:
        inputs: floats of any rank, `(batch, ..., channels)` for axis -1.
        training: whether to use and learn the batch's mean and variance.
        mask: bools of the shape of the inputs without the last axis; False keeps elements out of mean and variance.

    Raises:
        ArgumentError: if an argument is out of its range.
        ShapeError: if the size of the axis is not known, or the mask does not fit.

    Source: Ioffe and Szegedy, 2015.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        if not isinstance(self.axis, int):
            raise ArgumentError(f"{self._title()}: axis must be one whole number. Received: {axis!r}.")
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError(f"{self._title()}: momentum must be a number from 0 to 1. Received: {momentum!r}.")
        if renorm:
            raise ArgumentError(f"{self._title()}: batch renormalisation is not supported. Leave out renorm=True.")
        self.momentum = float(momentum)
        self.synchronized = bool(synchronized)
        self.renorm = False
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        (channels,) = sizes = known_sizes(self, input_shape, normal_axes(self, input_shape))
        self.add_affine(sizes)
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=sizes, initializer=self.moving_mean_initializer, trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=sizes, initializer=self.moving_variance_initializer, trainable=False,
            autocast=False,
        )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        self._check_mask(inputs, mask)
        x = ops.cast(inputs, dtypes.promote(inputs.dtype, "float32"))
        gamma, beta = self._spread(self.gamma, x), self._spread(self.beta, x)
        if not (training and self.trainable):
            mean, variance = self._spread(self.moving_mean, x), self._spread(self.moving_variance, x)
            outputs = folded_normalization(x, mean, variance, gamma, beta, self.epsilon)
            return ops.cast(outputs, self.compute_dtype)
        axes = self._folded(x)
        if any(x.dims[axis] == 0 for axis in axes):
            raise ShapeError(
                f"{self._title()}: in training every axis but {self.axis} needs at least one entry, as nothing has no "
                f"mean. Received: input shape {tuple(inputs.shape)}."
            )
        if mask is None:
            outputs, mean, variance = one_pass_normalization(x, axes, gamma, beta, self.epsilon)
        else:
            mean, variance = _masked_moments(x, mask, axes)
            outputs = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return ops.cast(outputs, self.compute_dtype)

    def _check_mask(self, inputs: Any, mask: Any) -> None:
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ShapeError(
                f"{self._title()}: mask must have one axis less than the inputs. Received: mask shape "
                f"{tuple(mask.shape)}, input shape {tuple(inputs.shape)}."
            )

    def _folded(self, x: Any) -> tuple[int, ...]:
        """The axes over which mean and variance are taken."""
        rank = len(x.dims)
        return tuple(axis for axis in range(rank) if axis != self.axis % rank)

    def _spread(self, weight: Any, x: Any) -> Any:
        """A vector of the channels, that broadcasts to `x` and has its dtype; None stays."""
        if weight is None:
            return None
        folded = self._folded(x)
        return ops.reshape(ops.cast(weight, x.dtype), [1 if i in folded else d for i, d in enumerate(x.dims)])

    def _move(self, moving: Any, batch: Any) -> None:
        batch = ops.reshape(batch, moving.shape)
        moving.assign(ops.cast(moving, batch.dtype) * self.momentum + batch * (1.0 - self.momentum))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "synchronized": self.synchronized,
        }


def _masked_moments(x: Any, mask: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Mean and variance of the elements that the mask lets in; 0 where it lets none in."""
    counted = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), x.dims)
    number = ops.sum(ops.cast(counted, x.dtype), axes, keepdims=True) + config.epsilon
    mean = ops.sum(ops.where(counted, x, 0.0), axes, keepdims=True) / number
    apart = ops.where(counted, x - mean, 0.0)
    return mean, ops.sum(apart * apart, axes, keepdims=True) / number
