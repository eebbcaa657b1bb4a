"""Layers: the parts of which models are made."""

from __future__ import annotations

from lamina.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from lamina.layers.dense import Dense
from lamina.layers.input_layer import Input, InputLayer
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer
from lamina.layers.noise import Dropout, GaussianNoise
from lamina.layers.reshaping import Flatten, Reshape
from lamina.layers.simple import Identity, Lambda, Rescaling
from lamina.objects import Registry, snake_case

_CLASSES = [
    Activation, Dense, Dropout, ELU, Flatten, GaussianNoise, Identity, InputLayer, Lambda, LeakyReLU, PReLU, ReLU,
    Rescaling, Reshape, Softmax,
]  # fmt: skip

registry = Registry("layer", "lamina.layers", _CLASSES, {snake_case(c.__name__): c for c in _CLASSES})

serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "ELU", "Activation", "Dense", "Dropout", "Flatten", "GaussianNoise", "Identity", "Input", "InputLayer",
    "InputSpec", "Lambda", "Layer", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Reshape", "Softmax", "deserialize",
    "registry", "serialize",
]  # fmt: skip
