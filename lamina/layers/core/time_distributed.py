"""One layer for every step of a sequence."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.layers.arguments import call_parameters
from lamina.layers.core.wrapper import Wrapper
from lamina.layers.input_spec import advice_on_steps
from lamina.layers.layer import Layer


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence on its own, with the same weights.

    The steps of all samples are one large batch to the layer inside. A layer that looks at the whole batch, such as
    `BatchNormalization`, therefore sees all steps together, where Keras shows it one step after the other.

    Input: `(batch, steps, ...)`; output: `(batch, steps, ...)`, where the dots are what the layer makes of a step.

    Args:
        layer: the layer.

    Call arguments:
        inputs: a tensor.
        training: passed on to the layer.
        mask: bools `(batch, steps, ...)`, passed on to the layer if it takes a mask; the output has the same.

    Raises:
        ShapeError: if the input has no axis of features, or the mask does not begin with its batch and steps.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if len(input_shape) < 3 or not all(size is None or isinstance(size, int) for size in input_shape):
            raise ShapeError(
                f"{self._title()} takes one tensor of rank 3 or more: (batch, steps, ...). Received: input shape "
                f"{tuple(input_shape)}. {advice_on_steps(input_shape)}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any = None) -> None:
        super().build(self._step_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        self._step_shape(inputs.shape)
        batch, steps = inputs.dims[:2]
        parameters = call_parameters(type(self.layer).call)
        options: dict[str, Any] = {}
        if "training" in parameters:
            options["training"] = training
        if mask is not None:
            self._check_mask(mask, inputs)
            if "mask" in parameters:
                options["mask"] = ops.reshape(mask, (batch * steps, *mask.dims[2:]))
        outputs = self.layer(ops.reshape(inputs, (batch * steps, *inputs.dims[2:])), **options)
        return ops.reshape(outputs, (batch, steps, *outputs.dims[1:]))

    def _check_mask(self, mask: Any, inputs: Any) -> None:
        if len(mask.shape) < 2 or tuple(mask.dims[:2]) != tuple(inputs.dims[:2]):
            raise ShapeError(
                f"{self._title()}: the mask must begin with the batch and the steps of the input. Received: mask shape "
                f"{tuple(mask.shape)}, input shape {tuple(inputs.shape)}."
            )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, *rest = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (batch, input_shape[1], *rest)
