"""`ops.nn`: activations, cross-entropies, normalisation, one-hot vectors."""

from lamina.ops.activations import *  # noqa: F403
from lamina.ops.activations import __all__ as _activations
from lamina.ops.crossentropy import *  # noqa: F403
from lamina.ops.crossentropy import __all__ as _crossentropy
from lamina.ops.indexing import multi_hot, one_hot
from lamina.ops.normalization import *  # noqa: F403
from lamina.ops.normalization import __all__ as _normalization

__all__ = [*_activations, *_crossentropy, *_normalization, "multi_hot", "one_hot"]
