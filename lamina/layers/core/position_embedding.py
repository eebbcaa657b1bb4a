"""Positions as vectors that are learnt."""

from __future__ import annotations

from typing import Any

from lamina import initializers, ops
from lamina.base.errors import ShapeError
from lamina.layers.core.copies import copied
from lamina.layers.core.embedding import Embedding
from lamina.layers.core.reversible_embedding import ReversibleEmbedding
from lamina.layers.dense import positive_integer
from lamina.layers.layer import Layer


class PositionEmbedding(Layer):
    """What is added to embedded tokens to tell their positions: a vector for each position, learnt.

    Input: `(batch, steps, features)`, of which only the shape counts; output: the same shape.

    Args:
        sequence_length: the most steps that there can be.
        initializer: of the vectors; `"glorot_uniform"`.

    Call arguments:
        inputs: a tensor.
        start_index: the position of the first step, a number or a tensor; 0.
        positions: the position of every step, `(steps,)` or `(batch, steps)`; in a row from `start_index` when None.

    Raises:
        ArgumentError: if `sequence_length` is not a positive whole number.
        ShapeError: if there are more steps.

    Source: Devlin et al., 2019.
    """

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.sequence_length = positive_integer(self._title(), "sequence_length", sequence_length)
        self.initializer = initializers.get(initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] is None:
            raise ShapeError(
                f"{self._title()}: the last axis of the input must be known to make the vectors. Received: input shape "
                f"{tuple(input_shape)}."
            )
        self.position_embeddings = self.add_weight(
            name="embeddings", shape=(self.sequence_length, input_shape[-1]), initializer=self.initializer
        )

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        steps, features = inputs.dims[-2:]
        if isinstance(steps, int) and steps > self.sequence_length:
            raise ShapeError(
                f"{self._title()}: the input has {steps} steps, more than sequence_length={self.sequence_length}. "
                "Make the layer for longer sequences, or cut the input."
            )
        if positions is None:
            vectors = ops.slice(self.position_embeddings, (start_index, 0), (steps, features))
        else:
            vectors = ops.take(self.position_embeddings, positions, axis=0)
        return ops.broadcast_to(vectors, inputs.dims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "sequence_length": self.sequence_length,
            "initializer": initializers.serialize(self.initializer),
        }


class TokenAndPositionEmbedding(Layer):
    """The sum of an embedding of tokens and one of their positions.

    Input: whole numbers `(batch, steps)`; output: `(batch, steps, embedding_dim)`.

    Args:
        vocabulary_size: how many different tokens there are.
        sequence_length: the most steps that there can be.
        embedding_dim: the size of a vector.
        tie_weights: as of `ReversibleEmbedding`; True.
        embeddings_initializer: of both tables; `"uniform"`.
        mask_zero: whether token 0 is padding; False.

    Call arguments:
        inputs: the tokens.
        start_index, positions: as of `PositionEmbedding`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.token_embedding = ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            tie_weights=tie_weights,
            embeddings_initializer=copied(self.embeddings_initializer),
            mask_zero=mask_zero,
            dtype=self.dtype_policy,
            name="token_embedding",
        )
        self.position_embedding = PositionEmbedding(
            sequence_length,
            initializer=copied(self.embeddings_initializer),
            dtype=self.dtype_policy,
            name="position_embedding",
        )
        self.vocabulary_size = self.token_embedding.input_dim
        self.sequence_length = self.position_embedding.sequence_length
        self.embedding_dim = self.token_embedding.output_dim
        self.supports_masking = self.token_embedding.supports_masking
        self.autocast = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.token_embedding.build(input_shape)
        self.position_embedding.build((*input_shape, self.embedding_dim))

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        tokens = self.token_embedding(inputs)
        return tokens + self.position_embedding(tokens, start_index=start_index, positions=positions)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True for all tokens but 0, where 0 is padding; otherwise None."""
        return Embedding.compute_mask(self.token_embedding, inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.embedding_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "sequence_length": self.sequence_length,
            "embedding_dim": self.embedding_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "tie_weights": self.token_embedding.tie_weights,
            "mask_zero": self.token_embedding.mask_zero,
        }
