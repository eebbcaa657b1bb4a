"""What encoders and decoders of transformers have in common."""

from __future__ import annotations

from typing import Any

from lamina import activations, initializers
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.attention.attention import checked_rate
from lamina.layers.core.copies import copied
from lamina.layers.dense import Dense, positive_integer
from lamina.layers.layer import Layer
from lamina.layers.normalization.layer_normalization import LayerNormalization
from lamina.layers.regularization.dropout import Dropout
from lamina.layers.transformer.cached_multi_head_attention import CachedMultiHeadAttention


class TransformerBlock(Layer):
    """Base of the encoder and the decoder: normalization, dropout and a shortcut around each of its parts.

    Args: as of `TransformerEncoder`.
    """

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-05,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        normalize_first: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.intermediate_dim = positive_integer(self._title(), "intermediate_dim", intermediate_dim)
        self.num_heads = positive_integer(self._title(), "num_heads", num_heads)
        self.dropout = checked_rate(self._title(), dropout)
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.normalize_first = bool(normalize_first)
        self.supports_masking = True

    def _attention(self, name: str, hidden: int) -> CachedMultiHeadAttention:
        return CachedMultiHeadAttention(
            num_heads=self.num_heads, key_dim=hidden // self.num_heads, dropout=self.dropout, name=name,
            kernel_initializer=copied(self.kernel_initializer), bias_initializer=copied(self.bias_initializer),
            dtype=self.dtype_policy,
        )  # fmt: skip

    def _dense(self, name: str, units: int, activation: Any = None) -> Dense:
        return Dense(
            units, activation=activation, name=name, dtype=self.dtype_policy,
            kernel_initializer=copied(self.kernel_initializer), bias_initializer=copied(self.bias_initializer),
        )  # fmt: skip

    def _norm(self, name: str) -> LayerNormalization:
        return LayerNormalization(epsilon=self.layer_norm_epsilon, name=name, dtype=self.dtype_policy)

    def _drop(self, name: str) -> Dropout:
        return Dropout(self.dropout, name=name, dtype=self.dtype_policy)

    def _hidden_size(self, shape: Any) -> int:
        """The features of the input, or ShapeError where they are not enough for the heads."""
        hidden = shape[-1]
        if len(shape) != 3 or hidden is None:
            raise ShapeError(
                f"{self._title()} takes inputs of shape (batch, steps, features), the features known. Received: "
                f"{tuple(shape)}."
            )
        if hidden < self.num_heads:
            raise ArgumentError(
                f"{self._title()}: num_heads must be at most the features of the input. Received: "
                f"num_heads={self.num_heads}, features={hidden}."
            )
        return int(hidden)

    def _build_feedforward(self, shape: Any, hidden: int) -> None:
        self._feedforward_layer_norm = self._norm("feedforward_layer_norm")
        self._feedforward_layer_norm.build(shape)
        self._feedforward_intermediate_dense = self._dense(
            "feedforward_intermediate_dense", self.intermediate_dim, self.activation
        )
        self._feedforward_intermediate_dense.build(shape)
        self._feedforward_output_dense = self._dense("feedforward_output_dense", hidden)
        self._feedforward_output_dense.build((*shape[:-1], self.intermediate_dim))
        self._feedforward_dropout = self._drop("feedforward_dropout")

    def _feedforward(self, x: Any, training: bool | None) -> Any:
        inner = self._feedforward_layer_norm(x) if self.normalize_first else x
        inner = self._feedforward_output_dense(self._feedforward_intermediate_dense(inner))
        return self._joined(x, inner, self._feedforward_dropout, self._feedforward_layer_norm, training)

    def _joined(self, x: Any, inner: Any, dropout: Any, norm: Any, training: bool | None) -> Any:
        """What a part of the block makes of its input, added to that input."""
        total = dropout(inner, training=training) + x
        return total if self.normalize_first else norm(total)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "intermediate_dim": self.intermediate_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "normalize_first": self.normalize_first,
        }
