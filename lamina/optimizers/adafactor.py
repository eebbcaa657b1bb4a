"""Adafactor: scaled steps of which the state of a matrix is a row and a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.optimizers.optimizer import Optimizer
from lamina.tensor import Variable


class Adafactor(Optimizer):
    """Steps `alpha * u / max(1, rms(u) / clip_threshold)` of `u = g / sqrt(v)`.

    Of a matrix, `v` is the product of the running means of `g²` over its columns and over its rows; other variables
    have a `v` of their own. `alpha = max(epsilon_2, rms(w)) * min(learning_rate, 1 / sqrt(t))`.

    Args:
        learning_rate: 0.001.
        beta_2_decay: the weight of the old means is `1 - t^beta_2_decay`; -0.8.
        epsilon_1: added to `g²`; 1e-30.
        epsilon_2: the least scale of a variable; 0.001.
        clip_threshold: from where on steps are scaled down; 1.
        relative_step: whether a learning rate that is a number is at most `1 / sqrt(t)`; True.
        **kwargs: as of `Optimizer`.

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, *args, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        # Of a matrix: the means over its last axis, and over the one before; of others: the means themselves.
        self._means: list[tuple[Variable, ...]] = []
        for variable in variables:
            shape, dtype, owner = tuple(variable.shape), variable.dtype, variable.path.replace("/", "_")
            if len(shape) < 2:
                self._means.append((self.add_variable_from_reference(variable, "velocity"),))
                continue
            rows = self.add_variable(shape[:-1], dtype=dtype, name=f"{owner}_rows")
            columns = self.add_variable((*shape[:-2], shape[-1]), dtype=dtype, name=f"{owner}_columns")
            self._means.append((rows, columns))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        # The bound is there twice in Keras, so that `relative_step` changes nothing.
        rate = ops.minimum(ops.convert_to_tensor(learning_rate, dtype), 1.0 / ops.sqrt(step))
        alpha = ops.maximum(_rms(variable), self.epsilon_2) * rate
        fresh = ops.power(step, self.beta_2_decay)
        squares = ops.square(gradient) + self.epsilon_1
        means = self._means[self._get_variable_index(variable)]
        if len(means) == 1:
            means[0].assign(means[0] * (1.0 - fresh) + squares * fresh)
            scale = ops.sqrt(means[0])
        else:
            rows, columns = means
            rows.assign(rows * (1.0 - fresh) + ops.mean(squares, axis=-1) * fresh)
            columns.assign(columns * (1.0 - fresh) + ops.mean(squares, axis=-2) * fresh)
            share = rows / ops.mean(rows, axis=-1, keepdims=True)
            scale = ops.sqrt(ops.expand_dims(share, -1) * ops.expand_dims(columns, -2))
        update = gradient / scale
        variable.assign_sub(update * (alpha / ops.maximum(_rms(update) / self.clip_threshold, 1.0)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_2_decay": self.beta_2_decay, "epsilon_1": self.epsilon_1, "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold, "relative_step": self.relative_step,
        }  # fmt: skip


def _rms(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))
