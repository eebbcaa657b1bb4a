"""Muon: steps of matrices with all directions of one size; Adam for the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class Muon(Optimizer):
    """Matrices step along their momentum made orthogonal, by Newton and Schulz's iteration; others step as in AdamW.

    Args:
        learning_rate: 0.001.
        adam_beta_1, adam_beta_2, epsilon: as of `Adam`, for what is no matrix, or is excluded; 0.9, 0.999, 1e-7.
        adam_weight_decay: of those; 0.004.
        weight_decay: of the matrices; 0.004.
        exclude_layers: patterns in the paths of matrices that are to step as in AdamW; none.
        exclude_embeddings: whether those with `embedding` in their path do so; True.
        muon_a, muon_b, muon_c: of the iteration `x = a x + (b x x' + c (x x')²) x`; 3.4445, -4.775, 2.0315.
        adam_lr_ratio: factor of the learning rate where the step is that of AdamW; 1.
        momentum: 0.95.
        ns_steps: of the iteration; 5.
        nesterov: whether the step is along the momentum of the next step; True.
        rms_rate: steps of an `(n, m)` matrix are scaled by `rms_rate * sqrt(max(n, m))`, which gives them the size of
            those of Adam (Liu et al., Muon is Scalable for LLM Training, 2025); None for no scaling; 0.2.
        **kwargs: as of `Optimizer`.

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *args: Any,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, weight_decay, *args, **kwargs)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def _as_adam(self, variable: Variable) -> bool:
        """Whether a variable steps as in AdamW."""
        path = variable.path
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = [], []
        for variable in variables:
            self._momentums.append(self.add_variable_from_reference(variable, "momentum"))
            self._velocities.append(
                self.add_variable_from_reference(variable, "velocity") if self._as_adam(variable) else None
            )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        place = self._get_variable_index(variable)
        rate = ops.convert_to_tensor(learning_rate, variable.dtype)
        m, v = self._momentums[place], self._velocities[place]
        if v is not None:
            self._adam_step(gradient, variable, rate * self.adam_lr_ratio, m, v)
            return
        m.assign(m * self.momentum + gradient)
        update = self._orthogonal(gradient + m * self.momentum if self.nesterov else ops.convert_to_tensor(m))
        scale = 1.0 if self.rms_rate is None else self.rms_rate * max(variable.shape) ** 0.5
        variable.assign_sub(update * (rate * scale))

    def _adam_step(self, gradient: Any, variable: Variable, rate: Any, m: Variable, v: Variable) -> None:
        step = ops.cast(self.iterations + 1, variable.dtype)
        first, second = (1.0 - ops.power(beta, step) for beta in (self.adam_beta_1, self.adam_beta_2))
        m.assign_add((gradient - m) * (1.0 - self.adam_beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.adam_beta_2))
        variable.assign_sub(m * (rate * ops.sqrt(second) / first) / (ops.sqrt(v) + self.epsilon))

    def _orthogonal(self, x: Any) -> Any:
        """A matrix with the singular vectors of another one and singular values near 1."""
        tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            x = x * self.muon_a + ops.matmul(square * self.muon_b + ops.matmul(square, square) * self.muon_c, x)
        return ops.transpose(x) if tall else x

    def _decay(self, variables: list[Variable], rate: Any) -> None:
        for variable in variables:
            share = self.adam_weight_decay if self._as_adam(variable) else self.weight_decay
            if share is not None and not self._no_decay(variable):
                variable.assign(variable - variable * (ops.convert_to_tensor(rate, variable.dtype) * share))

    def get_config(self) -> dict[str, Any]:
        names = (
            "adam_beta_1", "adam_beta_2", "adam_weight_decay", "epsilon", "exclude_layers", "exclude_embeddings",
            "muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum", "ns_steps", "nesterov", "rms_rate",
        )  # fmt: skip
        return super().get_config() | {name: getattr(self, name) for name in names}
