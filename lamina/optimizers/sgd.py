"""Gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class SGD(Optimizer):
    """`w -= learning_rate * g`; with momentum, `v = momentum * v - learning_rate * g; w += v`.

    Args:
        learning_rate: 0.01.
        momentum: from 0 (default) to 1.
        nesterov: whether the step looks ahead: `w += momentum * v - learning_rate * g`; False.
        **kwargs: as of `Optimizer`.
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, *args: Any, **kwargs: Any
    ):
        super().__init__(learning_rate, *args, **kwargs)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError(f"SGD: momentum must be a number from 0 to 1. Received: {momentum!r}.")
        self.momentum = float(momentum)
        self.nesterov = nesterov

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum else []

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        step = gradient * ops.convert_to_tensor(learning_rate, variable.dtype)
        if not self.momentum:
            variable.assign_sub(step)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        velocity.assign(velocity * self.momentum - step)
        variable.assign_add(velocity * self.momentum - step if self.nesterov else velocity)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
