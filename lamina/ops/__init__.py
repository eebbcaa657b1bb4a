"""Operations on tensors, arrays and numbers alike, at once or while tracing: `lamina.ops.*` as `keras.ops.*`."""

from lamina.ops import linalg, nn, numpy
from lamina.ops.conversion import *  # noqa: F403
from lamina.ops.conversion import __all__ as _conversion
from lamina.ops.indexing import scatter, scatter_update, segment_sum, slice, slice_update
from lamina.ops.linalg import norm
from lamina.ops.nn import *  # noqa: F403
from lamina.ops.nn import __all__ as _nn
from lamina.ops.numpy import *  # noqa: F403
from lamina.ops.numpy import __all__ as _numpy
from lamina.ops.ranking import in_top_k, top_k

__all__ = [
    "in_top_k", "linalg", "nn", "norm", "numpy", "scatter", "scatter_update", "segment_sum", "slice",
    "slice_update", "top_k", *_conversion, *_nn, *_numpy,
]  # fmt: skip
