"""The base of optimizers: what happens around the update of each variable."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lamina import ops
from lamina.base.config import floatx
from lamina.base.errors import ArgumentError, GradientError, LaminaError, ShapeError
from lamina.objects import argument_names, unknown_argument
from lamina.optimizers import schedules
from lamina.optimizers.clipping import Clipping
from lamina.optimizers.schedules import LearningRateSchedule
from lamina.optimizers.state import OptimizerState
from lamina.tensor import Variable


class Optimizer(OptimizerState):
    """Changes variables by their gradients so that a loss becomes smaller.

    A subclass makes its state in `build(variables)` with `add_optimizer_variables`, and assigns to a variable in
    `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: a number, a `LearningRateSchedule` of the iteration, or a function without arguments.
        weight_decay: share of each variable, times the learning rate, that is taken off at each step; none.
        clipnorm: limit of the norm of each gradient; none.
        clipvalue: limit of the magnitude of each number in gradients; none.
        global_clipnorm: limit of the norm of all gradients together; none. Only one of the three can be given.
        use_ema: whether a moving average of the variables is kept; False.
        ema_momentum: weight of the old average; 0.99.
        ema_overwrite_frequency: every so many steps the variables become their average; None: at the end only.
        loss_scale_factor: the loss was multiplied by it, so gradients are divided by it; none.
        gradient_accumulation_steps: gradients of so many steps are averaged before one update; none.
        name: the class name in snake case, numbered, when None.

    Raises:
        ArgumentError: for values outside of what is allowed.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        owner = type(self).__name__
        if kwargs:
            raise unknown_argument(owner, sorted(kwargs)[0], argument_names(type(self)))
        _check_counts(owner, ema_overwrite_frequency=ema_overwrite_frequency)
        _check_counts(owner, gradient_accumulation_steps=gradient_accumulation_steps)
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ArgumentError(f"{owner}: ema_momentum must be from 0 to 1. Received: {ema_momentum!r}.")
        super().__init__(name)
        self.weight_decay = weight_decay
        self._clipping = Clipping(owner, clipnorm, clipvalue, global_clipnorm)
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._trainable_variables: list[Variable] = []
        self._places: dict[int, int] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._no_decay: Callable[[Variable], bool] = _never
        self._iterations = self.add_variable((), dtype="int64", name="iteration")
        self._learning_rate = self._make_learning_rate(learning_rate)

    # ---- learning rate and counters ----

    def _make_learning_rate(self, value: Any) -> Any:
        if isinstance(value, (LearningRateSchedule, Variable)) or callable(value):
            return value
        variable = self.add_variable((), dtype=floatx(), name="learning_rate")
        variable.assign(self._checked_rate(value))
        return variable

    def _checked_rate(self, value: Any) -> Any:
        number = not isinstance(value, bool) and (isinstance(value, (int, float)) or hasattr(value, "__array__"))
        if not number or (isinstance(value, (int, float)) and not value >= 0):
            raise ArgumentError(
                f"{type(self).__name__}: learning_rate must be a number of at least 0, a LearningRateSchedule, or a "
                f"function without arguments. Received: {value!r}."
            )
        return value

    @property
    def iterations(self) -> Any:
        """How many updates there were, an int64 `Variable` (a tensor while gradients are accumulated)."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step: a `Variable`, or what the schedule or function gives.

        A number can be assigned, unless there is a schedule; a schedule can be assigned always.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        return rate if isinstance(rate, Variable) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "__array__")):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(self._checked_rate(value))
        else:
            raise ArgumentError(
                f"{type(self).__name__}: the learning rate follows {type(self._learning_rate).__name__}, so that a "
                "number cannot be assigned. Make the optimizer with a number if callbacks are to change it."
            )

    # ---- state ----

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the state for these variables; they are the ones that can be updated from then on."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._places = {id(v): i for i, v in enumerate(variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self.built = True

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable in the lists that `add_optimizer_variables` made."""
        return self._places[id(variable)]

    # ---- updates ----

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Assigns to one variable (and its state), given its gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no `update_step(gradient, variable, learning_rate)`.")

    def assign(self, variable: Variable, value: Any) -> None:
        """Sets a variable; for `update_step` of subclasses, as in Keras."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable; for `update_step` of subclasses, as in Keras."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable; for `update_step` of subclasses, as in Keras."""
        variable.assign_sub(value)

    def begin_step(self) -> None:
        """Assigns to state that all variables share, before the first of them is updated."""

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Updates variables by gradients, given as pairs (gradient, variable).

        Returns:
            The iteration counter.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by their gradients.

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
        grads, variables = _with_gradients(grads, variables)
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        if self.use_ema:
            self._average()
        self._iterations.assign_add(1)

    def _variables_for(self, grads: list[Any], given: Sequence[Variable] | None) -> list[Variable]:
        if given is None and not self.built:
            raise ArgumentError(
                f"{type(self).__name__}.apply() needs trainable_variables, unless `build()` was called with them."
            )
        variables = self._trainable_variables if given is None else list(given)
        if len(grads) != len(variables):
            raise ArgumentError(
                f"{type(self).__name__}.apply(): as many gradients as variables are needed. Received: {len(grads)} "
                f"gradients, {len(variables)} variables."
            )
        if not self.built:
            self.build(variables)
        for gradient, variable in zip(grads, variables, strict=True):
            self._check(gradient, variable)
        return variables

    def _check(self, gradient: Any, variable: Variable) -> None:
        if id(variable) not in self._places:
            raise ArgumentError(
                f"{type(self).__name__} does not know variable {variable.path!r}: it has state only for the variables "
                "that it was built with. Make a new optimizer for other variables (or call compile() again)."
            )
        if gradient is not None and tuple(gradient.shape) != tuple(variable.shape):
            raise ShapeError(
                f"{type(self).__name__}: the gradient of {variable.path!r} has shape {tuple(gradient.shape)}; expected "
                f"that of the variable, {tuple(variable.shape)}."
            )

    def _update(self, grads: list[Any], variables: list[Variable]) -> None:
        grads = self._clipping(grads)
        rate = ops.convert_to_tensor(self.learning_rate)
        self._decay(variables, rate)
        self.begin_step()
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(ops.cast(gradient, variable.dtype), variable, rate)
            constraint = getattr(variable, "constraint", None)
            if constraint is not None:
                variable.assign(constraint(variable))

    def _decay(self, variables: list[Variable], rate: Any) -> None:
        if self.weight_decay is None:
            return
        for variable in variables:
            if not self._no_decay(variable):
                factor = ops.convert_to_tensor(rate, variable.dtype) * self.weight_decay
                variable.assign(variable - variable * factor)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keeps variables from weight decay.

        Args:
            var_list: these; var_names: those with one of these patterns in their names, such as `["bias"]`.

        Raises:
            LaminaError: if the optimizer is built already.
        """
        if self.built:
            raise LaminaError("exclude_from_weight_decay() must be called before the optimizer is built.")
        excluded = {id(v) for v in var_list or ()}
        pattern = re.compile("|".join(var_names)) if var_names else None
        self._no_decay = lambda v: id(v) in excluded or (pattern is not None and bool(pattern.search(v.name)))

    def _accumulate(self, grads: list[Any], variables: list[Variable]) -> None:
        """Adds gradients up, and updates with their mean at every so many steps."""
        steps = self.gradient_accumulation_steps or 1
        now = ops.equal(ops.mod(self._iterations + 1, steps), 0)
        sums = [self._accumulators[self._get_variable_index(v)] for v in variables]
        totals = [s + ops.cast(g, s.dtype) for s, g in zip(sums, grads, strict=True)]
        kept = {id(self._iterations), id(self._learning_rate)} | {id(s) for s in (*self._accumulators, *self._averages)}
        changing = variables + [v for v in self._variables if id(v) not in kept]
        self._only_if(now, changing, lambda: self._update([t / steps for t in totals], variables))
        for accumulator, total in zip(sums, totals, strict=True):
            accumulator.assign(ops.where(now, 0.0, total))

    def _only_if(self, condition: Any, variables: list[Variable], update: Callable[[], None]) -> None:
        """Runs an update, and takes it back in these variables where the condition is false."""
        before = [v.value for v in variables]
        update()
        for variable, old in zip(variables, before, strict=True):
            new = variable.value
            if not (new.symbolic and new.node is old.node):  # a program need not store what nothing changed
                variable.assign(ops.where(condition, new, old))

    def _average(self) -> None:
        """Moves the averages on; the first one is the variable itself."""
        first = ops.equal(self.iterations, 0)
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = ops.where(first, 0.0, ops.convert_to_tensor(self.ema_momentum, variable.dtype))
            average.assign(momentum * average + (1.0 - momentum) * variable)
        if self.ema_overwrite_frequency:
            now = ops.equal(ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0)
            for variable, average in zip(self._trainable_variables, self._averages, strict=True):
                variable.assign(ops.where(now, average, variable))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """What is done once after training: with `use_ema`, variables become their averages."""
        if self.use_ema:
            for variable in var_list:
                variable.assign(self._averages[self._get_variable_index(variable)])

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`, of which gradients are to be taken."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---- description ----

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, with the learning rate as it is now."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate)
        elif isinstance(rate, LearningRateSchedule):
            rate = schedules.serialize(rate)
        else:
            raise ArgumentError(
                f"{type(self).__name__}.get_config(): a learning rate that is a Python function cannot be written "
                "down. Use a LearningRateSchedule."
            )
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            **self._clipping.get_config(),
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
        """A new optimizer from what `get_config()` gave; its state is made anew."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _never(variable: Variable) -> bool:
    return False


def _check_counts(owner: str, **values: int | None) -> None:
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ArgumentError(f"{owner}: {name} must be a whole number of at least 1, or None. Received: {value!r}.")


def _with_gradients(grads: list[Any], variables: list[Variable]) -> tuple[list[Any], list[Variable]]:
    """The pairs that have a gradient; a warning names the others."""
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if len(missing) == len(variables):
        raise GradientError(
            "There is no gradient for any variable: the loss does not depend on them. Received None for: "
            f"{', '.join(missing)}."
        )
    if missing:
        warnings.warn(
            f"The loss does not depend on these variables, which stay as they are: {', '.join(missing)}.", stacklevel=4
        )
    kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    return [g for g, _ in kept], [v for _, v in kept]
