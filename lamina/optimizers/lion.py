"""Lion: steps of one size, in the direction of the sign of a momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class Lion(Optimizer):
    """Steps `learning_rate * sign(beta_1 * m + (1 - beta_1) * g)` with a running mean `m` of `g` by `beta_2`.

    As every number moves by the same amount, learning rates are 3 to 10 times smaller than those of Adam.

    Args:
        learning_rate: 0.001.
        beta_1: weight of the mean in the direction, above 0 and at most 1; 0.9.
        beta_2: weight of the old mean; 0.99.
        **kwargs: as of `Optimizer`.

    Raises:
        ArgumentError: if `beta_1` is out of range.

    Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, *args: Any, **kwargs: Any
    ):
        super().__init__(learning_rate, *args, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ArgumentError(f"Lion: beta_1 must be above 0 and at most 1. Received: {beta_1!r}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        m = self._momentums[self._get_variable_index(variable)]
        direction = ops.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        variable.assign_sub(direction * ops.convert_to_tensor(learning_rate, variable.dtype))
        m.assign(m * self.beta_2 + gradient * (1.0 - self.beta_2))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
