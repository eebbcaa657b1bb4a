"""Learning rates that follow the number of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.config import floatx
from lamina.base.errors import ArgumentError
from lamina.objects import Registry, TellsArguments


class LearningRateSchedule(TellsArguments):
    """A learning rate as a function of the step.

    A subclass has `__call__(step)`, which gives a scalar tensor, and `get_config()`.
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        raise NotImplementedError(f"{type(self).__name__} has no `get_config()`.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)


class _Recorded(LearningRateSchedule):
    """A schedule whose attributes are the arguments of its constructor."""

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


def _float(step: Any) -> Any:
    return ops.convert_to_tensor(step, floatx())


def _positive(owner: Any, name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ArgumentError(f"{type(owner).__name__}: {name} must be a number above 0. Received: {value!r}.")
    return value


class _RateDecay(_Recorded):
    """A schedule that decays by a rate every so many steps.

    Args:
        decay_steps: steps until the rate has done its work once.
        staircase: whether the learning rate changes only at multiples of `decay_steps`; False.
        name: that of the class when None.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name or type(self).__name__

    def _progress(self, step: Any) -> Any:
        """How often `decay_steps` have passed."""
        progress = _float(step) / self.decay_steps
        return ops.floor(progress) if self.staircase else progress


class ExponentialDecay(_RateDecay):
    """`initial_learning_rate * decay_rate ^ (step / decay_steps)`.

    Args:
        staircase: whether the exponent is rounded down to a whole number; False.
    """

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate * ops.power(float(self.decay_rate), self._progress(step))


class PiecewiseConstantDecay(_Recorded):
    """`values[i]` up to and including step `boundaries[i]`, the last value after the last boundary."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                f"PiecewiseConstantDecay: values must have one item more than boundaries. Received: {len(boundaries)} "
                f"boundaries, {len(values)} values."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step: Any) -> Any:
        step = ops.convert_to_tensor(step)
        rate = ops.convert_to_tensor(self.values[-1], floatx())
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            rate = ops.where(step <= boundary, ops.convert_to_tensor(value, floatx()), rate)
        return rate


class PolynomialDecay(_Recorded):
    """From `initial_learning_rate` to `end_learning_rate` along `(1 - step / decay_steps) ^ power`.

    Args:
        decay_steps: steps until the end.
        end_learning_rate: 0.0001; power: 1, a straight line.
        cycle: whether it starts again, over twice, three times, ... as many steps, instead of staying; False.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        step = _float(step)
        length: Any = self.decay_steps
        if self.cycle:
            length = length * ops.maximum(ops.ceil(step / self.decay_steps), 1.0)
        else:
            step = ops.minimum(step, float(length))
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(1.0 - step / length, float(self.power)) + self.end_learning_rate


class InverseTimeDecay(_RateDecay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`; `staircase` as in `ExponentialDecay`."""

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._progress(step))


class CosineDecay(_Recorded):
    """Half a wave of the cosine down to `alpha` times the start, after a straight warm-up if there is one.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps of the way down.
        alpha: the end, as a share of the start; 0.
        warmup_target: the rate at the end of the warm-up, from where it goes down; None for no warm-up.
        warmup_steps: steps of the warm-up; 0.

    Source: Loshchilov and Hutter, 2016.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _down(self, start: float, step: Any) -> Any:
        wave = 0.5 * (1.0 + ops.cos(math.pi * (step / self.decay_steps)))
        return start * ((1.0 - self.alpha) * wave + self.alpha)

    def __call__(self, step: Any) -> Any:
        step = _float(step)
        if self.warmup_target is None:
            return self._down(self.initial_learning_rate, ops.minimum(step, float(self.decay_steps)))
        step = ops.minimum(step, float(self.decay_steps + self.warmup_steps))
        slope = (self.warmup_target - self.initial_learning_rate) / max(self.warmup_steps, 1)
        up = self.initial_learning_rate + slope * step
        return ops.where(step < self.warmup_steps, up, self._down(self.warmup_target, step - self.warmup_steps))


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again and again.

    Args:
        initial_learning_rate: at step 0.
        first_decay_steps: steps until the first restart.
        t_mul: each period is so many times as long as the one before; 2.
        m_mul: each start is so many times as high as the one before; 1.
        alpha: the lowest rate, as a share of the first; 0.

    Source: Loshchilov and Hutter, 2016.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(self, "first_decay_steps", first_decay_steps)
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        progress = _float(step) / self.first_decay_steps
        if self._t_mul == 1.0:
            restarts = ops.floor(progress)
            progress = progress - restarts
        else:
            t = float(self._t_mul)
            # The sum of a geometric series, solved for the number of its terms.
            restarts = ops.floor(ops.log(1.0 - progress * (1.0 - t)) / math.log(t))
            length = ops.power(t, restarts)
            progress = (progress - (1.0 - length) / (1.0 - t)) / length
        wave = 0.5 * ops.power(float(self._m_mul), restarts) * (1.0 + ops.cos(math.pi * progress))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_registry = Registry(
    "learning rate schedule", "lamina.optimizers.schedules",
    [
        ExponentialDecay, PiecewiseConstantDecay, PolynomialDecay, InverseTimeDecay, CosineDecay, CosineDecayRestarts,
    ],
)  # fmt: skip

serialize = _registry.serialize
deserialize = _registry.deserialize
