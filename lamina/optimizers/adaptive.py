"""Optimizers that scale each number's step by the sizes of its gradients so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import initializers, ops
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class RMSprop(Optimizer):
    """Steps `learning_rate * g / sqrt(v + epsilon)` with a running mean `v` of `g²`.

    Args:
        learning_rate: 0.001.
        rho: weight of the old mean; 0.9.
        momentum: share of the last step that is made again; 0.
        epsilon: 1e-7.
        centered: whether the square of the running mean of `g` is taken off `v`, which leaves the variance; False.
        **kwargs: as of `Optimizer`.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, *args, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum else []
        self._means = self.add_optimizer_variables(variables, "average_gradient") if self.centered else []

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place = self._get_variable_index(variable)
        velocity = self._velocities[place]
        velocity.assign(velocity * self.rho + ops.square(gradient) * (1.0 - self.rho))
        variance = velocity + self.epsilon
        if self.centered:
            mean = self._means[place]
            mean.assign(mean * self.rho + gradient * (1.0 - self.rho))
            variance = velocity - ops.square(mean) + self.epsilon
        step = gradient * ops.convert_to_tensor(learning_rate, variable.dtype) / ops.sqrt(variance)
        if self.momentum:
            moving = self._momentums[place]
            moving.assign(moving * self.momentum + step)
            step = moving
        variable.assign_sub(step)

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return super().get_config() | own


class Adagrad(Optimizer):
    """Steps `learning_rate * g / sqrt(a + epsilon)` with the sum `a` of all `g²`, which starts at a value.

    Args:
        learning_rate: 0.001.
        initial_accumulator_value: where `a` starts; 0.1.
        epsilon: 1e-7.
        **kwargs: as of `Optimizer`.

    Source: Duchi et al., 2011.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, *args, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self._sums = self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        total = self._sums[self._get_variable_index(variable)]
        total.assign_add(ops.square(gradient))
        variable.assign_sub(
            gradient * ops.convert_to_tensor(learning_rate, variable.dtype) / ops.sqrt(total + self.epsilon)
        )

    def get_config(self) -> dict[str, Any]:
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return super().get_config() | own


class Adadelta(Optimizer):
    """Steps scaled by the ratio of running sizes of past steps and past gradients.

    Args:
        learning_rate: 0.001; the paper has 1.
        rho: weight of the old means; 0.95.
        epsilon: 1e-7.
        **kwargs: as of `Optimizer`.

    Source: Zeiler, 2012.
    """

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, *args: Any, **kwargs: Any):
        super().__init__(learning_rate, *args, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        names = ["accumulated_grad", "accumulated_delta_var"]
        self._gradients, self._steps = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place = self._get_variable_index(variable)
        gradients, steps = self._gradients[place], self._steps[place]
        gradients.assign(gradients * self.rho + ops.square(gradient) * (1.0 - self.rho))
        step = gradient * ops.sqrt(steps + self.epsilon) / ops.sqrt(gradients + self.epsilon)
        steps.assign(steps * self.rho + ops.square(step) * (1.0 - self.rho))
        variable.assign_sub(step * ops.convert_to_tensor(learning_rate, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}
