"""Layers: the parts of which models are made.

The families of layers (convolutions, pooling, ...) are imported when one of them is first asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from lamina.layers.dense import Dense
from lamina.layers.input_layer import Input, InputLayer
from lamina.layers.input_spec import InputSpec
from lamina.layers.layer import Layer
from lamina.layers.reshaping import Flatten, Reshape
from lamina.layers.simple import Identity, Lambda, Rescaling
from lamina.layers.symbolic import KerasTensor
from lamina.objects import Registry, snake_case

if TYPE_CHECKING:
    from lamina.layers.attention import *  # noqa: F403
    from lamina.layers.convolutional import *  # noqa: F403
    from lamina.layers.core import *  # noqa: F403
    from lamina.layers.merging import *  # noqa: F403
    from lamina.layers.normalization import *  # noqa: F403
    from lamina.layers.padding import *  # noqa: F403
    from lamina.layers.pooling import *  # noqa: F403
    from lamina.layers.preprocessing import *  # noqa: F403
    from lamina.layers.recurrent import *  # noqa: F403
    from lamina.layers.regularization import *  # noqa: F403
    from lamina.layers.transformer import *  # noqa: F403

# What each family has: layers, their other names, and functions.
_FAMILIES = {
    "attention": "AdditiveAttention Attention GroupQueryAttention GroupedQueryAttention MultiHeadAttention",
    "convolutional": (
        "Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Convolution1D "
        "Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose "
        "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D SeparableConvolution1D "
        "SeparableConvolution2D"
    ),
    "core": (
        "EinsumDense Embedding Masking Permute PositionEmbedding RepeatVector ReversibleEmbedding RotaryEmbedding "
        "SinePositionEncoding TimeDistributed TokenAndPositionEmbedding Wrapper"
    ),
    "merging": (
        "Add Average Concatenate Dot Maximum Minimum Multiply Subtract add average concatenate dot maximum "
        "minimum multiply subtract"
    ),
    "normalization": (
        "BatchNormalization GroupNormalization LayerNormalization RMSNormalization SpectralNormalization "
        "UnitNormalization"
    ),
    "padding": (
        "Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D "
        "ZeroPadding3D"
    ),
    "pooling": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D "
        "AvgPool2D AvgPool3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D "
        "GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D "
        "GlobalMaxPooling2D GlobalMaxPooling3D MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D "
        "MaxPooling3D"
    ),
    "preprocessing": "IntegerLookup Normalization StringLookup TextVectorization",
    "recurrent": (
        "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell "
        "StackedRNNCells"
    ),
    "regularization": (
        "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D "
        "SpatialDropout2D SpatialDropout3D"
    ),
    "transformer": "CachedMultiHeadAttention TransformerDecoder TransformerEncoder",
}  # fmt: skip
_HOMES = {name: family for family, names in _FAMILIES.items() for name in names.split()}

_CLASSES = [
    Activation, Dense, ELU, Flatten, Identity, InputLayer, Lambda, LeakyReLU, PReLU, ReLU, Rescaling, Reshape, Softmax,
]  # fmt: skip


class _Layers(Registry):
    """Knows the layers that are imported, and imports the others when an unknown one is asked for."""

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        if name not in self.table:
            found = {known: __getattr__(known) for known in _HOMES if known[0].isupper()}
            self.table = {**found, **{snake_case(known): layer for known, layer in found.items()}, **self.table}
        return super().find(name, custom_objects)


registry = _Layers("layer", "lamina.layers", _CLASSES, {snake_case(c.__name__): c for c in _CLASSES})

serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "ELU", "Activation", "Dense", "Flatten", "Identity", "Input", "InputLayer", "InputSpec", "KerasTensor", "Lambda",
    "Layer", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Reshape", "Softmax", "deserialize", "registry", "serialize",
    *_HOMES,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lamina.layers' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    value = getattr(importlib.import_module(f"lamina.layers.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
