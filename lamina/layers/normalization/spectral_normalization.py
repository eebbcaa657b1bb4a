"""Spectral normalisation."""

from __future__ import annotations

from typing import Any

from lamina import initializers, ops
from lamina.base.errors import ArgumentError
from lamina.layers.dense import positive_integer
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer


class SpectralNormalization(Layer):
    """A layer around another one, that divides its kernel by the largest singular value at every training step.

    The singular value is found by power iteration, which goes on from step to step. The kernel itself is replaced, so
    that the layer keeps it when training is over; a kernel of zeros stays as it is.

    Args:
        layer: a layer with a `kernel` (such as `Dense`, `Conv2D`) or `embeddings`.
        power_iterations: steps of the iteration at each call; 1.

    Raises:
        ArgumentError: if `layer` is no layer or has no such weight, or `power_iterations` is not at least 1.

    Source: Miyato et al., 2018.
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{self._title()}: layer must be a layer, such as Dense(8). Received: {layer!r}.")
        self.layer = layer
        self.power_iterations = positive_integer(self._title(), "power_iterations", power_iterations)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
        kernel = getattr(self.layer, "kernel", None)
        self.kernel: Any = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if self.kernel is None:
            raise ArgumentError(
                f"{self._title()}: the layer inside must have a weight `kernel` or `embeddings`. Received: "
                f"{self.layer!r}."
            )
        self.vector_u = self.add_weight(
            name="vector_u", shape=(1, self.kernel.shape[-1]), dtype=self.kernel.dtype, trainable=False,
            initializer=initializers.TruncatedNormal(stddev=0.02),
        )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training:
            vector, kernel = self.normalized_weights()
            keep = ops.all(ops.equal(self.kernel, 0))
            vector, kernel = ops.where(keep, self.vector_u, vector), ops.where(keep, self.kernel, kernel)
            self.vector_u.assign(vector)
            self.kernel.assign(kernel)
        return ops.cast(self.layer(inputs), inputs.dtype)

    def normalized_weights(self) -> tuple[Any, Any]:
        """The next vector of the power iteration, and the kernel divided by the singular value that it gives.

        Both are constants to gradients: training moves the kernel that it finds, and the next step divides again.
        """
        matrix = ops.stop_gradient(ops.reshape(self.kernel, (-1, self.kernel.shape[-1])))
        right = ops.stop_gradient(self.vector_u)
        for _ in range(self.power_iterations):
            left = ops.normalize(ops.matmul(right, ops.transpose(matrix)), axis=None)
            right = ops.normalize(ops.matmul(left, matrix), axis=None)
        value = ops.matmul(ops.matmul(left, matrix), ops.transpose(right))
        return right, ops.reshape(ops.divide(matrix, value), self.kernel.shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        from lamina import layers  # which imports this module

        return super().get_config() | {
            "layer": layers.serialize(self.layer),
            "power_iterations": self.power_iterations,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SpectralNormalization:
        from lamina import layers

        arguments = dict(config)
        arguments["layer"] = layers.deserialize(arguments["layer"])
        return cls(**arguments)
