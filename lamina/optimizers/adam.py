"""Adam and its relatives: steps scaled by running moments of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class _Moments(Optimizer):
    """Base of optimizers with two betas."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, *args, **kwargs)
        for name, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ArgumentError(f"{type(self).__name__}: {name} must be from 0 to below 1. Received: {value!r}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _power(self, beta: float, dtype: str, ahead: int = 1) -> Any:
        """`beta ^ t` for step t, which counts from 1."""
        return ops.power(ops.convert_to_tensor(beta, dtype), ops.cast(self.iterations + ahead, dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adam(_Moments):
    """Steps `alpha * m / (sqrt(v) + epsilon)` with running means `m` of `g` and `v` of `g²`.

    `alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)` makes up for the means having started at 0;
    `epsilon` stays outside of this correction, as in Keras.

    Args:
        learning_rate: 0.001.
        beta_1, beta_2: weights of the old `m` and `v`; 0.9 and 0.999.
        epsilon: 1e-7.
        amsgrad: whether the largest `v` so far is used instead of `v`; False (Reddi et al., 2018).
        **kwargs: as of `Optimizer`.

    Source: Kingma and Ba, 2014.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, *args, **kwargs)
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        m, v = self._momentums[place], self._velocities[place]
        correction = ops.sqrt(1.0 - self._power(self.beta_2, dtype)) / (1.0 - self._power(self.beta_1, dtype))
        alpha = ops.convert_to_tensor(learning_rate, dtype) * correction
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        if self.amsgrad:
            largest = self._velocity_hats[place]
            largest.assign(ops.maximum(largest, v))
            v = largest
        variable.assign_sub(m * alpha / (ops.sqrt(v) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weight decay (0.004) taken off the weights themselves (Loshchilov and Hutter, 2017)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        if weight_decay is None:
            raise ArgumentError("AdamW: weight_decay must be a number. Received: None. Use Adam for none.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(_Moments):
    """Adam with the largest recent `|g|` in place of the root of `v` (Kingma and Ba, 2014, section 7)."""

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._norms = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        m, u = self._momentums[place], self._norms[place]
        rate = ops.convert_to_tensor(learning_rate, dtype) / (1.0 - self._power(self.beta_1, dtype))
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        u.assign(ops.maximum(u * self.beta_2, ops.absolute(gradient)))
        variable.assign_sub(m * rate / (u + self.epsilon))


class Nadam(_Moments):
    """Adam with Nesterov momentum (Dozat, 2015)."""

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        dtype = variables[0].dtype if variables else None
        self._product = self.add_variable((), "ones", dtype, name="u_product")

    def _momentum(self, dtype: str, ahead: int) -> Any:
        """The momentum of a step, which grows towards `beta_1`."""
        return self.beta_1 * (1.0 - 0.5 * self._power(0.96, dtype, ahead))

    def begin_step(self) -> None:
        self._product.assign(self._product * self._momentum(self._product.dtype, 1))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        m, v = self._momentums[place], self._velocities[place]
        now, following = self._momentum(dtype, 1), self._momentum(dtype, 2)
        product = ops.cast(self._product, dtype)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        ahead = m * (following / (1.0 - product * following)) + gradient * ((1.0 - now) / (1.0 - product))
        root = ops.sqrt(v / (1.0 - self._power(self.beta_2, dtype)))
        variable.assign_sub(ahead * ops.convert_to_tensor(learning_rate, dtype) / (root + self.epsilon))


class Lamb(_Moments):
    """Steps of Adam, each variable's scaled by the ratio of its norm to that of the step, for large batches.

    Args:
        learning_rate: 0.001.
        beta_1, beta_2: weights of the old `m` and `v`; 0.9 and 0.999.
        epsilon: 1e-7.
        **kwargs: as of `Optimizer`.

    Source: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2019.
    """

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        m, v = self._momentums[place], self._velocities[place]
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        root = ops.sqrt(v / (1.0 - self._power(self.beta_2, dtype))) + self.epsilon
        update = m / (1.0 - self._power(self.beta_1, dtype)) / root
        weight, size = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update))
        both = ops.logical_and(weight > 0, size > 0)
        ratio = ops.where(both, weight / ops.where(both, size, 1.0), 1.0)
        variable.assign_sub(update * (ratio * ops.convert_to_tensor(learning_rate, dtype)))
