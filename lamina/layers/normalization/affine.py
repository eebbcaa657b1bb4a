"""What layers that normalise share: a learnt scale and shift, and checks of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import constraints, initializers, regularizers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.layer import Layer
from lamina.tensor import Variable


class AffineNormalization(Layer):
    """The base of layers that scale by `gamma` and shift by `beta` after normalising.

    Args:
        axis: the axis or axes, as the subclass understands them.
        epsilon: added to the variance.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer, gamma_initializer: their first values.
        beta_regularizer, gamma_regularizer: penalties on them.
        beta_constraint, gamma_constraint: projections of them after each update.

    Raises:
        ArgumentError: if `axis` is no whole number or list of them, or `epsilon` is negative.
    """

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis: Any = checked_axis(self._title(), axis)
        self.epsilon = checked_epsilon(self._title(), epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.supports_masking = True

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """Makes `gamma` and `beta`, those that the layer has."""
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma", shape=shape, initializer=self.gamma_initializer, autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                name="beta", shape=shape, initializer=self.beta_initializer, autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape.

        Raises:
            ShapeError: if the input does not have the axes.
        """
        normal_axes(self, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def checked_axis(title: str, axis: Any) -> int | list[int]:
    """A whole number, or a list of them, as given.

    Raises:
        ArgumentError: if it is neither.
    """
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if not axes or any(isinstance(a, bool) or not hasattr(a, "__index__") for a in axes):
        raise ArgumentError(
            f"{title}: axis must be a whole number or a list of them, such as -1 or [1, 2]. Received: {axis!r}."
        )
    numbers = [int(a) for a in axes]
    return numbers if isinstance(axis, (list, tuple)) else numbers[0]


def checked_epsilon(title: str, epsilon: Any) -> float:
    """A number of at least 0.

    Raises:
        ArgumentError: if it is none.
    """
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not epsilon >= 0:
        raise ArgumentError(f"{title}: epsilon must be a number of at least 0. Received: {epsilon!r}.")
    return float(epsilon)


def normal_axes(layer: Any, shape: Sequence[Any]) -> tuple[int, ...]:
    """The axes of a layer, counted from the front and in order.

    Raises:
        ShapeError: if a tensor of this shape does not have them, or one is named twice.
    """
    rank = len(shape)
    given = layer.axis if isinstance(layer.axis, list) else [layer.axis]
    axes = sorted(axis % rank if -rank <= axis < rank else rank for axis in given)
    if rank in axes or len(set(axes)) != len(axes):
        raise ShapeError(
            f"{layer._title()}: axis={layer.axis!r} does not name different axes of an input of rank {rank}. Received: "
            f"input shape {tuple(shape)}."
        )
    return tuple(axes)


def known_sizes(layer: Any, shape: Sequence[Any], axes: Sequence[int]) -> tuple[int, ...]:
    """The sizes of axes.

    Raises:
        ShapeError: if one is not known.
    """
    sizes = tuple(shape[axis] for axis in axes)
    if any(size is None for size in sizes):
        raise ShapeError(
            f"{layer._title()}: the size of axis {layer.axis!r} must be known to make the weights. Received: input "
            f"shape {tuple(shape)}. Give that axis a fixed size."
        )
    return sizes
