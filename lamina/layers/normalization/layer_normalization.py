"""Layer normalisation."""

from __future__ import annotations

import warnings
from typing import Any

from lamina import ops
from lamina.layers.normalization.affine import AffineNormalization, known_sizes, normal_axes


class LayerNormalization(AffineNormalization):
    """Brings every sample to mean 0 and variance 1 over one or more axes, then scales and shifts it.

    Args:
        axis: the axis (-1), or a list of axes, over which mean and variance are taken; `gamma` and `beta` have their
            sizes, in the order of the axes.
        epsilon: added to the variance; 1e-3.
        center: whether there is a `beta`; True.
        scale: whether there is a `gamma`; True.
        beta_initializer, gamma_initializer: `"zeros"`, `"ones"`.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: none.
        rms_scaling: whether to divide by the standard deviation only, without a mean or a `beta`. Discouraged, as in
            Keras: it is not the root of the mean square. Use `RMSNormalization`.

    Raises:
        ArgumentError: if an argument is out of its range.
        ShapeError: if the size of an axis is not known.

    Source: Ba, Kiros and Hinton, 2016.
    """

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        if rms_scaling:
            warnings.warn(
                f"{self._title()}: rms_scaling=True divides by the standard deviation, not by the root of the mean "
                "square. Use RMSNormalization for that.",
                stacklevel=2,
            )
        self.rms_scaling = bool(rms_scaling)
        self.autocast = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._axes = normal_axes(self, input_shape)
        shape = known_sizes(self, input_shape, self._axes)
        if self.rms_scaling:
            self.scale, self.center = True, False
        self.add_affine(shape)

    def call(self, inputs: Any) -> Any:
        outputs = ops.layer_normalization(
            inputs, self.gamma, self.beta, self._axes, self.epsilon, rms_scaling=self.rms_scaling
        )
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rms_scaling": self.rms_scaling}
