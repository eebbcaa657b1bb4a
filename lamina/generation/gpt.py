"""A transformer that continues texts."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ArgumentError
from lamina.generation.causal_lm import CausalLM, zero_cache
from lamina.initializers import RandomNormal
from lamina.layers import LayerNormalization
from lamina.layers.attention.attention import checked_rate
from lamina.layers.core.position_embedding import TokenAndPositionEmbedding
from lamina.layers.dense import positive_integer
from lamina.layers.regularization.dropout import Dropout
from lamina.layers.transformer import TransformerDecoder


class GPT(CausalLM):
    """A language model of decoder blocks, as GPT-2 is built: `fit` it on tokens and the tokens after them.

    Input: tokens `(batch, steps)`; output: the logits of the token after each, `(batch, steps, vocabulary_size)`.

    Args:
        vocabulary_size: how many different tokens there are.
        num_layers: how many blocks.
        num_heads: heads of the attention in each.
        hidden_dim: features of a token, a multiple of `num_heads`.
        intermediate_dim: units of the inner layer in each block, usually `4 * hidden_dim`.
        dropout: share that training drops; 0.1.
        max_sequence_length: the most steps that there may be; 1024.

    Raises:
        ArgumentError: if an argument is not of these.

    Source: Radford et al., 2019.

    Example:
        model = GPT(vocabulary_size=65, num_layers=4, num_heads=4, hidden_dim=128, intermediate_dim=512,
                    max_sequence_length=128)
        model.compile(optimizer="adam")
        model.fit(tokens[:, :-1], tokens[:, 1:])
        model.generate([[10, 20, 30]], max_length=100, sampler="top_p")
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 1024,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        title = self._title()
        self.vocabulary_size = positive_integer(title, "vocabulary_size", vocabulary_size)
        self.num_layers = positive_integer(title, "num_layers", num_layers)
        self.num_heads = positive_integer(title, "num_heads", num_heads)
        self.hidden_dim = positive_integer(title, "hidden_dim", hidden_dim)
        self.intermediate_dim = positive_integer(title, "intermediate_dim", intermediate_dim)
        self.dropout = checked_rate(title, dropout)
        self.max_sequence_length = positive_integer(title, "max_sequence_length", max_sequence_length)
        if self.hidden_dim % self.num_heads:
            raise ArgumentError(
                f"{title}: hidden_dim must be a multiple of num_heads. Received: {hidden_dim} and {num_heads}."
            )
        self.embeddings = TokenAndPositionEmbedding(
            self.vocabulary_size, self.max_sequence_length, self.hidden_dim, embeddings_initializer=_initializer(),
            dtype=self.dtype_policy, name="embeddings",
        )  # fmt: skip
        self.embeddings_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="embeddings_dropout")
        self.transformer_layers = [
            TransformerDecoder(
                self.intermediate_dim, self.num_heads, dropout=self.dropout, activation="gelu", normalize_first=True,
                kernel_initializer=_initializer(), dtype=self.dtype_policy, name=f"transformer_layer_{number}",
            )
            for number in range(self.num_layers)
        ]  # fmt: skip
        self.layer_norm = LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy, name="layer_norm")
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        self.embeddings.build(input_shape)
        shape = (*input_shape, self.hidden_dim)
        for layer in [*self.transformer_layers, self.layer_norm]:
            layer.build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # type: ignore[override]
        x = self.embeddings_dropout(self.embeddings(inputs), training=training)
        for layer in self.transformer_layers:
            x = layer(x, training=training)
        return self._logits(x)

    def call_with_cache(self, tokens: Any, cache: Any, index: Any) -> tuple[Any, Any]:
        x = self.embeddings(tokens, start_index=index)
        after = []
        for layer, own in zip(self.transformer_layers, cache):
            x, own = layer(x, self_attention_cache=own, self_attention_cache_update_index=index)
            after.append(own)
        return self._logits(x), after

    def make_cache(self, batch: Any, length: Any) -> Any:
        size = self.hidden_dim // self.num_heads
        return [zero_cache(batch, length, self.num_heads, size, self.compute_dtype) for _ in range(self.num_layers)]

    def _logits(self, x: Any) -> Any:
        return self.embeddings.token_embedding(self.layer_norm(x), reverse=True)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.vocabulary_size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "max_sequence_length": self.max_sequence_length,
        }


def _initializer() -> RandomNormal:
    return RandomNormal(stddev=0.02)
