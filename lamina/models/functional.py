"""The class of models that are made from tensors."""

from __future__ import annotations

from typing import Any

from lamina.models.model import Model


class Functional(Model):
    """What `Model(inputs, outputs)` makes.

    Args:
        inputs, outputs, name, trainable: as of `Model`.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        super().__init__(inputs, outputs, name=name, **kwargs)
