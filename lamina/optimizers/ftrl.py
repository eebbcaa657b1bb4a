"""Follow the regularized leader: for sparse weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import initializers, ops
from lamina.base.errors import ArgumentError
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class Ftrl(Optimizer):
    """Weights are the minimum of all gradients so far, seen as planes, and of penalties on their size.

    With the sum `n` of all `g²`, of a power `p = -learning_rate_power`, a step is: `z += g + 2 * shrinkage * w -
    (n'^p - n^p) / learning_rate * w`, and `w = (clip(z, -l1, l1) - z) / (n'^p / learning_rate + 2 * (l2 + beta / (2 *
    learning_rate)))`.

    Args:
        learning_rate: 0.001.
        learning_rate_power: at most 0: how fast steps get smaller; -0.5.
        initial_accumulator_value: of `n`, at least 0; 0.1.
        l1_regularization_strength, l2_regularization_strength: of the penalties, at least 0; 0.
        l2_shrinkage_regularization_strength: of a penalty that is added to the gradient, at least 0; 0.
        beta: as in the paper; 0.
        **kwargs: as of `Optimizer`.

    Raises:
        ArgumentError: if one of them is out of range.

    Source: McMahan et al., Ad Click Prediction: a View from the Trenches, 2013.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, *args, **kwargs)
        if learning_rate_power > 0:
            raise ArgumentError(f"Ftrl: learning_rate_power must be at most 0. Received: {learning_rate_power!r}.")
        self._own = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for name, value in self._own.items():
            if value < 0:
                raise ArgumentError(f"Ftrl: {name} must be at least 0. Received: {value!r}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        begin = initializers.Constant(self.initial_accumulator_value)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [begin, "zeros"]
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place = self._get_variable_index(variable)
        rate = ops.convert_to_tensor(learning_rate, variable.dtype)
        squares, linear = self._accumulators[place], self._linears[place]
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        grown = squares + ops.square(gradient)
        raised = ops.power(grown, power)
        pull = (raised - ops.power(squares, power)) / rate * variable
        linear.assign_add(gradient + variable * (2 * self.l2_shrinkage_regularization_strength) - pull)
        weight = raised / rate + 2 * (self.l2_regularization_strength + self.beta / (2.0 * rate))
        variable.assign((ops.clip(linear, -l1, l1) - linear) / weight)
        squares.assign(grown)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._own | {"learning_rate_power": self.learning_rate_power, "beta": self.beta}
