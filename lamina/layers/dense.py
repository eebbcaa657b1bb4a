"""The densely connected layer."""

from __future__ import annotations

from typing import Any

from lamina import activations, constraints, initializers, ops, regularizers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`.

    Input: `(batch, ..., features)`; output: `(batch, ..., units)`.

    Args:
        units: size of the output's last axis.
        activation: function of the result; none.
        use_bias: whether a bias is added; True.
        kernel_initializer: `"glorot_uniform"`.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.
        lora_rank, lora_alpha: accepted as in Keras; only None is possible.

    Raises:
        ArgumentError: if `units` is not a positive whole number.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer(self._title(), "units", units)
        if lora_rank is not None or lora_alpha is not None:
            raise ArgumentError(f"{self._title()}: low-rank adaptation (lora_rank, lora_alpha) is not supported.")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.supports_masking = True
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = input_shape[-1]
        if features is None:
            raise ShapeError(
                f"{self._title()}: the last axis of the input must be known to make the kernel. Received: input shape "
                f"{tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.units), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Any) -> Any:
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


def positive_integer(owner: str, name: str, value: Any) -> int:
    """`value` as an int of at least 1, or ArgumentError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise ArgumentError(f"{owner}: {name} must be a whole number of at least 1. Received: {value!r}.")
    return int(value)
