"""Lamina: the Keras code you know, the training loop included, as one native program.

`import lamina as keras` is meant to read naturally. Submodules are imported when they are first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from lamina.version import __version__

if TYPE_CHECKING:
    from lamina import (
        activations,
        callbacks,
        constraints,
        data,
        debug,
        dtype_policies,
        generation,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        random,
        regularizers,
        utils,
    )
    from lamina.base import config, errors
    from lamina.base.config import (
        epsilon,
        floatx,
        image_data_format,
        set_epsilon,
        set_floatx,
        set_image_data_format,
    )
    from lamina.dtype_policies import DTypePolicy
    from lamina.initializers import Initializer
    from lamina.layers import Input, KerasTensor, Layer
    from lamina.layers.remat import RematScope
    from lamina.losses import Loss
    from lamina.metrics import Metric
    from lamina.models import Model, Sequential
    from lamina.optimizers import Optimizer
    from lamina.random import SeedGenerator
    from lamina.regularizers import Regularizer
    from lamina.tensor import GradientTape, Tensor, Variable, from_dlpack
    from lamina.tensor.function import function
    from lamina.tensor.remat import remat

_SUBMODULES = (
    "activations", "callbacks", "constraints", "data", "datasets", "debug", "dtype_policies", "generation",
    "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "ops", "optimizers", "random",
    "regularizers", "utils",
)  # fmt: skip

# Where names come from; a module stands for its own attribute of that name.
_NAMES = {
    "Input": "lamina.layers",
    "KerasTensor": "lamina.layers",
    "Layer": "lamina.layers",
    "RematScope": "lamina.layers.remat",
    "Model": "lamina.models",
    "Sequential": "lamina.models",
    "Loss": "lamina.losses",
    "Metric": "lamina.metrics",
    "Optimizer": "lamina.optimizers",
    "Initializer": "lamina.initializers",
    "Regularizer": "lamina.regularizers",
    "DTypePolicy": "lamina.dtype_policies",
    "SeedGenerator": "lamina.random",
    "GradientTape": "lamina.tensor",
    "Tensor": "lamina.tensor",
    "Variable": "lamina.tensor",
    "from_dlpack": "lamina.tensor",
    "function": "lamina.tensor",
    "remat": "lamina.tensor.remat",
    "backend": "lamina.utils",
    "config": "lamina.base",
    "errors": "lamina.base",
    "epsilon": "lamina.base.config",
    "floatx": "lamina.base.config",
    "image_data_format": "lamina.base.config",
    "set_epsilon": "lamina.base.config",
    "set_floatx": "lamina.base.config",
    "set_image_data_format": "lamina.base.config",
}

__all__ = ["__version__", *_SUBMODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"lamina.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    home = importlib.import_module(_NAMES[name])
    value = getattr(home, name, None) or importlib.import_module(f"{_NAMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
