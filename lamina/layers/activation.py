"""Activations as layers."""

from __future__ import annotations

from typing import Any

from lamina import activations, constraints, initializers, ops, regularizers
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer


class _Elementwise(Layer):
    """A layer whose output has the shape of its input, and that needs no building."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _at_least_zero(layer: Layer, **values: Any) -> None:
    for name, value in values.items():
        if value is None or value < 0:
            raise ArgumentError(f"{layer._title()}: {name} must be a number of at least 0. Received: {value!r}.")


class Activation(_Elementwise):
    """Applies an activation function, given by name or as a function."""

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}


class ReLU(_Elementwise):
    """`max(x, 0)`, or a variation of it; arguments as of `activations.relu`."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        _at_least_zero(self, negative_slope=negative_slope, threshold=threshold)
        if max_value is not None:
            _at_least_zero(self, max_value=max_value)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        own = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return super().get_config() | own


class LeakyReLU(_Elementwise):
    """`x` where that is positive, `negative_slope * x` elsewhere; `negative_slope` is 0.3."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        if "alpha" in kwargs:  # the name that Keras 2 had
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        _at_least_zero(self, negative_slope=negative_slope)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class ELU(_Elementwise):
    """`x` where that is positive, `alpha * (exp(x) - 1)` elsewhere; `alpha` is 1."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}


class Softmax(_Elementwise):
    """Softmax along an axis.

    Args:
        axis: the axis (-1), or several over which the numbers sum to 1 together.

    Call arguments:
        inputs: a tensor.
        mask: bools of the same shape; False keeps a number out (its share is 0).
    """

    def __init__(self, axis: int | tuple[int, ...] | list[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            inputs = ops.where(ops.cast(mask, "bool"), inputs, -3e4 if inputs.dtype == "float16" else -1e9)
        return activations.softmax(inputs, axis=self.axis if isinstance(self.axis, int) else tuple(self.axis))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class PReLU(Layer):
    """`x` where that is positive, `alpha * x` elsewhere, with `alpha` learnt (He et al., 2015).

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the weight `alpha`; zeros and none.
        shared_axes: axes along which `alpha` is one number, such as `[1, 2]` for one a channel of images; none.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | tuple[int, ...] | list[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            name="alpha", shape=shape, initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint,
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) + self.alpha * ops.minimum(inputs, 0.0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
