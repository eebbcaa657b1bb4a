"""The base of metrics: state that batches are added to, and a result computed from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import initializers
from lamina.base import dtypes
from lamina.base.config import floatx
from lamina.base.errors import LaminaError
from lamina.objects import TellsArguments, unique_name
from lamina.tensor import Variable


class Metric(TellsArguments):
    """A number about many batches.

    A subclass makes its state with `add_variable` in `__init__`, changes it in `update_state(...)`, and computes
    `result()` from it.

    Args:
        dtype: of state and result; `floatx()` when None.
        name: the class name in snake case, numbered, when None.
    """

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or unique_name(type(self).__name__)
        self._dtype = floatx() if dtype is None else dtypes.canonical(dtype)
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a part of the state.

        Args:
            shape: a scalar by default.
            initializer: of the first value; zeros.
            dtype: the metric's when None.
            aggregation: accepted as in Keras, without effect here.
        """
        if "_variables" not in self.__dict__:
            raise LaminaError(f"{type(self).__name__}: call `super().__init__()` before `add_variable()`.")
        variable = Variable(
            initializers.get(initializer or "zeros"), shape=tuple(shape), dtype=dtype or self._dtype, trainable=False,
            name=name,
        )  # fmt: skip
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """The same as `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state, with that of metrics that are attributes of this one."""
        inner = [v for m in vars(self).values() if isinstance(m, Metric) for v in m.variables]
        return self._variables + inner

    def reset_state(self) -> None:
        """Sets the state to zeros."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, dtypes.to_numpy(variable.dtype)))

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Adds a batch to the state."""
        raise NotImplementedError(f"{type(self).__name__} has no `update_state`.")

    def result(self) -> Any:
        """The metric of everything added since the last reset, as a tensor (or a dict of tensors)."""
        raise NotImplementedError(f"{type(self).__name__} has no `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds a batch and gives the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
