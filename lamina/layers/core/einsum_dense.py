"""The dense layer whose sum of products is written as an equation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import activations, constraints, initializers, ops, regularizers
from lamina.base.errors import ArgumentError
from lamina.initializers import VarianceScaling
from lamina.layers.core.einsum_equation import DenseShapes, dense_shapes
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class EinsumDense(Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: letters for the axes of the input, the kernel and the result, such as `"abc,cd->abd"`; `...` at the
            same end of input and result stands for axes that stay as they are.
        output_shape: of one sample, without the axes that `...` stands for; None for sizes that the input has.
        activation: function of the result; none.
        bias_axes: letters of the result that the bias has, such as `"d"`; no bias when None.
        kernel_initializer: `"glorot_uniform"`, which counts the kernel's axes that are summed over as inputs, and the
            others as outputs.
        bias_initializer: `"zeros"`.
        kernel_regularizer, bias_regularizer: penalties added to the loss; none.
        kernel_constraint, bias_constraint: projections after each update; none.
        lora_rank, lora_alpha: accepted as in Keras; only None is possible.

    Raises:
        ArgumentError: if the equation cannot be read.
        ShapeError: if the input does not fit it.
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if lora_rank is not None or lora_alpha is not None:
            raise ArgumentError(f"{self._title()}: low-rank adaptation (lora_rank, lora_alpha) is not supported.")
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _shapes(self, input_shape: Sequence[int | None]) -> DenseShapes:
        return dense_shapes(self._title(), self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shapes = self._shapes(input_shape)
        self.kernel = self.add_weight(
            name="kernel", shape=shapes.kernel, initializer=self._first_kernel(shapes),
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if shapes.bias is not None:
            self.bias = self.add_weight(
                name="bias", shape=shapes.bias, initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape))

    def _first_kernel(self, shapes: DenseShapes) -> Any:
        """The initializer; one whose spread depends on inputs and outputs draws a matrix of them."""
        drawn = self.kernel_initializer
        if not isinstance(drawn, VarianceScaling):
            return drawn
        order = (*shapes.inputs, *shapes.outputs)

        def initial(shape: Sequence[int], dtype: Any = None) -> Any:
            rows, columns = (math.prod(shape[i] for i in axes) for axes in (shapes.inputs, shapes.outputs))
            matrix = drawn((rows, columns), dtype=dtype)
            return ops.transpose(ops.reshape(matrix, tuple(shape[i] for i in order)), tuple(np.argsort(order).tolist()))

        return initial

    def call(self, inputs: Any) -> Any:
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._shapes(input_shape).output

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
