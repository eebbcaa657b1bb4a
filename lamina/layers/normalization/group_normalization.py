"""Group normalisation."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base import dtypes
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.input_spec import InputSpec
from lamina.layers.normalization.affine import AffineNormalization, known_sizes, normal_axes
from lamina.ops.normalization import one_pass_normalization


class GroupNormalization(AffineNormalization):
    """Brings groups of channels of every sample to mean 0 and variance 1, then scales and shifts each channel.

    Args:
        groups: their number, which divides that of the channels; 32. -1 makes every channel a group of its own
            (instance normalisation).
        axis: of the channels; -1.
        epsilon: added to the variance; 1e-3.
        center: whether there is a `beta`; True.
        scale: whether there is a `gamma`; True.
        beta_initializer, gamma_initializer: `"zeros"`, `"ones"`.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: none.

    Raises:
        ArgumentError: if `groups` is neither positive nor -1.
        ShapeError: if the number of channels is not known, or not a multiple of `groups`.

    Source: Wu and He, 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        if not isinstance(self.axis, int):
            raise ArgumentError(f"{self._title()}: axis must be one whole number. Received: {axis!r}.")
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ArgumentError(
                f"{self._title()}: groups must be a whole number of at least 1, or -1 for one a channel. Received: "
                f"{groups!r}."
            )
        self.groups = groups
        self.autocast = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        (axis,) = axes = normal_axes(self, input_shape)
        if axis == 0:
            raise ShapeError(
                f"{self._title()}: axis {self.axis} is the batch, which has no channels. Use another axis."
            )
        (channels,) = known_sizes(self, input_shape, axes)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ShapeError(
                f"{self._title()}: groups={self.groups} must divide the number of channels. Received: {channels} "
                f"channels, input shape {tuple(input_shape)}."
            )
        self.add_affine((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.dims)
        axis = self.axis % rank
        parts = (self.groups, inputs.dims[axis] // self.groups)
        grouped = ops.reshape(inputs, (*inputs.dims[:axis], *parts, *inputs.dims[axis + 1 :]))
        x = ops.cast(grouped, dtypes.promote(inputs.dtype, "float32"))
        spread = [1] * axis + list(parts) + [1] * (rank - axis - 1)
        gamma, beta = (
            None if w is None else ops.reshape(ops.cast(w, x.dtype), spread) for w in (self.gamma, self.beta)
        )
        folded = tuple(i for i in range(1, rank + 1) if i != axis)
        outputs, _, _ = one_pass_normalization(x, folded, gamma, beta, self.epsilon)
        return ops.cast(ops.reshape(outputs, inputs.dims), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups}
