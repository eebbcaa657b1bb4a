"""Blocks of transformers: encoders, and decoders that keep the keys and values of earlier steps."""

from lamina.layers.transformer.cached_multi_head_attention import CachedMultiHeadAttention
from lamina.layers.transformer.decoder import TransformerDecoder
from lamina.layers.transformer.encoder import TransformerEncoder

__all__ = ["CachedMultiHeadAttention", "TransformerDecoder", "TransformerEncoder"]
