"""Loss scaling, which keeps small gradients in half floats from becoming 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import initializers, ops
from lamina.base.errors import ArgumentError
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable

# What other optimizers take and this one leaves to the optimizer in it, with the values that mean "not used".
_INNER_ONLY: dict[str, Any] = {
    "weight_decay": None, "clipnorm": None, "clipvalue": None, "global_clipnorm": None, "use_ema": False,
    "ema_momentum": 0.99, "ema_overwrite_frequency": None, "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}  # fmt: skip


class LossScaleOptimizer(Optimizer):
    """Has another optimizer update, of a loss that was multiplied by a scale as large as it can be.

    A step in which a gradient is infinite or NaN changes nothing but the scale, which it halves. After
    `dynamic_growth_steps` good steps in a row the scale is doubled. `compile` wraps its optimizer in this one when the
    model's dtype policy is `"mixed_float16"`.

    Args:
        inner_optimizer: the optimizer that updates; its `loss_scale_factor` is set to None.
        initial_scale: the first scale; 2**15.
        dynamic_growth_steps: good steps until the scale is doubled; 2000.
        name: `loss_scale_optimizer`, numbered, when None.

    Raises:
        ArgumentError: if there is no optimizer to wrap, or for an argument that belongs to it.

    Source: Micikevicius et al., 2017, "Mixed precision training", section 3.2.
    """

    def __init__(
        self,
        inner_optimizer: Any = None,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        _check(inner_optimizer, initial_scale, dynamic_growth_steps, kwargs)
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer: Optimizer = inner_optimizer
        self.initial_scale = float(initial_scale)
        self.dynamic_growth_steps = dynamic_growth_steps
        # A second scale would be divided out twice.
        self.inner_optimizer.loss_scale_factor = None

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        start = initializers.Constant(self.initial_scale)
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), start, dtype="float32", name="dynamic_scale")
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[Variable]:
        """The state: the scale and the good steps in a row, then that of the inner optimizer."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        """How many updates there were; steps that changed nothing are not counted."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer; can be assigned as there."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale, of which gradients are to be taken."""
        return loss * (ops.cast(self.dynamic_scale, loss.dtype) if self.built else self.initial_scale)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by the gradients of the scaled loss, if all of them are finite.

        Args:
            grads: a gradient, or None, for each variable.
            trainable_variables: those that the optimizer was built with when None; builds it at the first call.

        Raises:
            GradientError: if every gradient is None.
            ArgumentError: if a variable is not one that the optimizer was built with.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        finite = _all_finite(grads)
        inverse = 1.0 / self.dynamic_scale
        unscaled = [None if g is None else g * ops.cast(inverse, g.dtype) for g in grads]
        changing = [*variables, *self.inner_optimizer.variables]
        self._only_if(finite, changing, lambda: self.inner_optimizer.apply(unscaled, variables))
        self._adapt(finite)

    def _adapt(self, finite: Any) -> None:
        """Moves the scale and the counter of good steps on."""
        counter, scale = self.step_counter, self.dynamic_scale
        grown = ops.equal(counter, self.dynamic_growth_steps - 1)
        factor = ops.where(finite, ops.where(grown, 2.0, 1.0), 0.5)
        counted = ops.where(ops.logical_and(finite, ops.logical_not(grown)), counter + 1, 0)
        scale.assign(scale * factor)
        counter.assign(counted)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keeps variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """What the inner optimizer does once after training."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from lamina.optimizers import serialize

        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> LossScaleOptimizer:
        """A new optimizer from what `get_config()` gave; its state is made anew."""
        from lamina.optimizers import deserialize

        inner = deserialize(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})


def _check(inner: Any, initial_scale: Any, growth_steps: Any, others: dict[str, Any]) -> None:
    name = "LossScaleOptimizer"
    if not isinstance(inner, Optimizer) or isinstance(inner, LossScaleOptimizer):
        raise ArgumentError(
            f"{name}: inner_optimizer must be an optimizer that does not scale itself, such as Adam(). Received: "
            f"{inner!r}."
        )
    if not others.pop("dynamic", True):
        raise ArgumentError(f"{name}: dynamic must be True. For a fixed scale give Adam(loss_scale_factor=...).")
    for argument, unused in _INNER_ONLY.items():
        if others.pop(argument, unused) != unused:
            raise ArgumentError(f"{name} does not have the argument {argument!r}: give it to the inner_optimizer.")
    if others:
        raise ArgumentError(f"{name} does not have the argument {sorted(others)[0]!r}.")
    if isinstance(initial_scale, bool) or not isinstance(initial_scale, (int, float)) or not initial_scale > 0:
        raise ArgumentError(f"{name}: initial_scale must be a number above 0. Received: {initial_scale!r}.")
    if isinstance(growth_steps, bool) or not isinstance(growth_steps, int) or growth_steps < 1:
        raise ArgumentError(
            f"{name}: dynamic_growth_steps must be a whole number of at least 1. Received: {growth_steps!r}."
        )


def _all_finite(grads: Sequence[Any]) -> Any:
    """Whether no gradient holds a NaN or an infinity."""
    result: Any = None
    for gradient in grads:
        if gradient is not None:
            finite = ops.all(ops.isfinite(gradient))
            result = finite if result is None else ops.logical_and(result, finite)
    return ops.convert_to_tensor(True) if result is None else result
