"""The state that an optimizer keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import initializers
from lamina.base.config import floatx
from lamina.base.errors import ArgumentError, LaminaError
from lamina.objects import TellsArguments, unique_name
from lamina.tensor import Variable


class OptimizerState(TellsArguments):
    """A named list of variables, most of which belong to a variable that is trained."""

    def __init__(self, name: str | None):
        self.name = name or unique_name(type(self).__name__)
        self.built = False
        self._variables: list[Variable] = []

    @property
    def variables(self) -> list[Variable]:
        """The state: iteration, learning rate, and what was made for each trained variable."""
        return list(self._variables)

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Makes a part of the state; zeros of `floatx()` by default."""
        if "_variables" not in self.__dict__:
            raise LaminaError(f"{type(self).__name__}.__init__() did not call `super().__init__()`.")
        variable = Variable(
            initializers.get(initializer), shape=tuple(shape), dtype=dtype or floatx(), trainable=False, name=name
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Makes a part of the state of the shape and dtype of a variable."""
        owner = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape, initializer, reference_variable.dtype, name=f"{owner}_{name or 'var'}"
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Makes one part of the state for each variable; several for each when `name` is a list.

        Returns:
            A list in the order of the variables; a tuple of lists when `name` is a list.
        """
        names = [name] if isinstance(name, str) else list(name)
        first = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for group, group_name, group_first in zip(made, names, first, strict=True):
                group.append(self.add_variable_from_reference(variable, group_name, group_first))
        return made[0] if isinstance(name, str) else made

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the values of `variables`, in their order."""
        if not self.built:
            raise LaminaError(f"{type(self).__name__} has no state yet: call `build(trainable_variables)` first.")
        variables = self.variables
        if len(weights) != len(variables):
            raise ArgumentError(
                f"{type(self).__name__} has {len(variables)} variables. Received: {len(weights)} arrays."
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)
