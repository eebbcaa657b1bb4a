"""`ops.nn`: activations, cross-entropies, normalisation, one-hot vectors."""

from lamina.ops.activations import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from lamina.ops.attention import dot_product_attention
from lamina.ops.convolution import conv, conv_transpose, depthwise_conv, separable_conv
from lamina.ops.crossentropy import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from lamina.ops.ctc import ctc_decode, ctc_loss
from lamina.ops.indexing import multi_hot, one_hot
from lamina.ops.normalization import batch_normalization, layer_normalization, moments, normalize, rms_normalization
from lamina.ops.pooling import adaptive_average_pool, adaptive_max_pool, average_pool, max_pool
from lamina.ops.sequences import sequence_mask

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization", "binary_crossentropy",
    "categorical_crossentropy", "celu", "conv", "conv_transpose", "ctc_decode", "ctc_loss", "depthwise_conv",
    "dot_product_attention", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "layer_normalization", "leaky_relu", "log_sigmoid", "log_softmax", "max_pool",
    "mish", "moments", "multi_hot", "normalize", "one_hot", "relu", "relu6", "rms_normalization", "selu",
    "separable_conv", "sequence_mask", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_categorical_crossentropy", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish",
    "tanh_shrink", "threshold",
]  # fmt: skip
