"""Small layers: Identity, Rescaling, Lambda."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.layer import Layer


class Identity(Layer):
    """Gives its input."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Rescaling(Layer):
    """`inputs * scale + offset`, in the layer's dtype: `Rescaling(1 / 255)` turns bytes of images into 0 ... 1.

    Args:
        scale: a number, or one for each value of the last axis.
        offset: the same; 0.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.cast(inputs, self.compute_dtype) * self._constant(self.scale) + self._constant(self.offset)

    def _constant(self, value: Any) -> Any:
        return value if isinstance(value, (int, float)) else np.asarray(value, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        plain = {name: _plain(getattr(self, name)) for name in ("scale", "offset")}
        return super().get_config() | plain


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else np.asarray(value).tolist()


class Lambda(Layer):
    """A function of tensors as a layer, for things that need no weights.

    Args:
        function: of the inputs; it is told `training`, and the `mask` of the inputs, if it has parameters of these
            names.
        output_shape: the shape of one sample of the output, or a function of the input shape; found when None.
        mask: the mask of the output, or a function of the inputs and their mask that gives it; none when None.
        arguments: further keyword arguments of the function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(f"{self._title()}: function must be callable. Received: {function!r}.")
        self.function = function
        self.mask = mask
        self.supports_masking = mask is not None
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        parameters = inspect.signature(function).parameters
        self._takes_training = "training" in parameters
        self._takes_mask = "mask" in parameters

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        told = dict(self.arguments)
        if self._takes_mask:
            told["mask"] = mask
        if self._takes_training and training is not None:
            told["training"] = training
        return self.function(inputs, **told)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What the argument `mask` is, or gives."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        return (input_shape[0], *self._output_shape)

    def get_config(self) -> dict[str, Any]:
        raise ArgumentError(
            f"{self._title()} has no config: it holds Python code. To save such a model, write a class that derives "
            "from Layer, with `call` and `get_config`."
        )
