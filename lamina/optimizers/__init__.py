"""Optimizers: how gradients change weights. Found by name with `get`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.base.errors import ArgumentError
from lamina.objects import Registry
from lamina.optimizers import schedules
from lamina.optimizers.adafactor import Adafactor
from lamina.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from lamina.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from lamina.optimizers.ftrl import Ftrl
from lamina.optimizers.lion import Lion
from lamina.optimizers.loss_scale import LossScaleOptimizer
from lamina.optimizers.muon import Muon
from lamina.optimizers.optimizer import Optimizer
from lamina.optimizers.schedules import LearningRateSchedule
from lamina.optimizers.sgd import SGD

_CLASSES = [
    SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adafactor, Adamax, Ftrl, Lamb, Lion, Muon, Nadam, LossScaleOptimizer,
]  # fmt: skip

_registry = Registry("optimizer", "lamina.optimizers", _CLASSES, {c.__name__.lower(): c for c in _CLASSES})

serialize = _registry.serialize


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """What `serialize` wrote, as an optimizer again; names in any case."""
    if isinstance(config, dict) and str(config.get("class_name", "")).lower() in _registry.table:
        config = config | {"class_name": config["class_name"].lower()}
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Optimizer | None:
    """The optimizer that an identifier stands for.

    Args:
        identifier: a name in any case, such as `"adam"`; a config, class or instance; None stays None.

    Raises:
        ArgumentError: if there is none of this name; the message suggests similar ones.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and identifier.lower() in _registry.table:
        identifier = identifier.lower()
    found = _registry.get(identifier)
    if not isinstance(found, Optimizer):
        raise ArgumentError(
            "Expected an optimizer: a name such as 'adam', a config (dict), a class or an instance. Received: "
            f"{identifier!r} of type {type(identifier).__name__}."
        )
    return found


def scaled(optimizer: Optimizer | None) -> Optimizer | None:
    """An optimizer wrapped in one that scales the loss; None, and one that does so already, as it is."""
    if optimizer is None or isinstance(optimizer, LossScaleOptimizer):
        return optimizer
    return LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "LearningRateSchedule",
    "Lion", "LossScaleOptimizer", "Muon", "Nadam", "Optimizer", "RMSprop", "deserialize", "get", "schedules",
    "serialize",
]  # fmt: skip
