"""Layers that many models begin with, or are made of: embeddings, positions, equations, masks, wrappers."""

from lamina.layers.core.einsum_dense import EinsumDense
from lamina.layers.core.embedding import Embedding
from lamina.layers.core.masking import Masking
from lamina.layers.core.permute import Permute
from lamina.layers.core.position_embedding import PositionEmbedding, TokenAndPositionEmbedding
from lamina.layers.core.repeat_vector import RepeatVector
from lamina.layers.core.reversible_embedding import ReversibleEmbedding
from lamina.layers.core.rotary_embedding import RotaryEmbedding
from lamina.layers.core.sine_position_encoding import SinePositionEncoding
from lamina.layers.core.time_distributed import TimeDistributed
from lamina.layers.core.wrapper import Wrapper

__all__ = [
    "EinsumDense", "Embedding", "Masking", "Permute", "PositionEmbedding", "RepeatVector", "ReversibleEmbedding",
    "RotaryEmbedding", "SinePositionEncoding", "TimeDistributed", "TokenAndPositionEmbedding", "Wrapper",
]  # fmt: skip
