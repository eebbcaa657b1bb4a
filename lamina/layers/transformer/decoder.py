"""The decoder block of a transformer."""

from __future__ import annotations

from typing import Any

from lamina.base.errors import ArgumentError
from lamina.layers.masks import mask_of, without_masks
from lamina.layers.transformer.block import TransformerBlock
from lamina.layers.transformer.masking import merged_mask


class TransformerDecoder(TransformerBlock):
    """Causal attention of a sequence to itself, attention to an encoder's outputs, a dense network; as in KerasHub.

    Called on one sequence it has no attention to an encoder: a block of a language model. Whether it has is decided by
    the first call.

    Args: as of `TransformerEncoder`.

    Call arguments:
        decoder_sequence: `(batch, targets, features)`.
        encoder_sequence: `(batch, sources, encoder_features)`; none.
        decoder_padding_mask, encoder_padding_mask: bools `(batch, steps)`, False for padding; those that the sequences
            carry when None.
        decoder_attention_mask: bools `(batch, targets, targets)`; encoder_attention_mask: `(batch, targets, sources)`.
        self_attention_cache: `(batch, 2, steps, num_heads, features // num_heads)`: keys and values of earlier steps.
            Masks of the decoder then go over the steps of the cache.
        self_attention_cache_update_index: the place of `decoder_sequence` in the cache, a number or a tensor.
        cross_attention_cache: `(batch, 2, sources, num_heads, features // num_heads)`; needed with a cache of the
            attention to itself if there is an encoder.
        cross_attention_cache_update_index: 0 to fill the cache from `encoder_sequence`; None if it is filled.
        use_causal_mask: whether a target sees only the steps up to its own; True.
        training: whether to drop.

    Returns:
        A tensor of the shape of `decoder_sequence`; with caches a tuple of that and the new cache of the attention to
        itself, followed by that of the attention to the encoder, if there is one.

    Raises:
        ArgumentError: if there are more heads than features, or caches, indices and sequences do not go together.
        ShapeError: if a sequence, mask or cache does not have these axes.

    Source: Vaswani et al., 2017; `normalize_first`: Xiong et al., 2020.
    """

    def build(self, decoder_sequence_shape: Any, encoder_sequence_shape: Any = None) -> None:
        hidden = self._hidden_size(decoder_sequence_shape)
        self._self_attention_layer = self._attention("self_attention", hidden)
        self._self_attention_layer.build(decoder_sequence_shape, decoder_sequence_shape)
        self._self_attention_layer_norm = self._norm("self_attention_layer_norm")
        self._self_attention_layer_norm.build(decoder_sequence_shape)
        self._self_attention_dropout = self._drop("self_attention_dropout")
        self._cross_attention_layer = None
        if encoder_sequence_shape is not None:
            self._cross_attention_layer = self._attention("cross_attention", hidden)
            self._cross_attention_layer.build(decoder_sequence_shape, encoder_sequence_shape)
            self._cross_attention_layer_norm = self._norm("cross_attention_layer_norm")
            self._cross_attention_layer_norm.build(decoder_sequence_shape)
            self._cross_attention_dropout = self._drop("cross_attention_dropout")
        self._build_feedforward(decoder_sequence_shape, hidden)

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds for the shapes that `get_build_config()` gave."""
        if config and not self.built:
            shape = config["input_shape"]
            self.build(*shape) if isinstance(shape[0], (list, tuple)) else self.build(shape)

    def call(
        self,
        decoder_sequence: Any,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        self_attention_cache: Any = None,
        self_attention_cache_update_index: Any = None,
        cross_attention_cache: Any = None,
        cross_attention_cache_update_index: Any = None,
        use_causal_mask: bool = True,
        training: bool | None = None,
    ) -> Any:
        self._check_sources(encoder_sequence, self_attention_cache, cross_attention_cache)
        if decoder_padding_mask is None and self_attention_cache is None:
            decoder_padding_mask = mask_of(decoder_sequence)
        if encoder_padding_mask is None and encoder_sequence is not None:
            encoder_padding_mask = mask_of(encoder_sequence)
        own_mask = merged_mask(self._title(), decoder_padding_mask, decoder_attention_mask)
        with without_masks(decoder_sequence, encoder_sequence):
            x, self_cache = self._attended(
                "self", decoder_sequence, None, own_mask, self_attention_cache, self_attention_cache_update_index,
                training, use_causal_mask,
            )  # fmt: skip
            cross_cache = None
            if self._cross_attention_layer is not None:
                mask = merged_mask(self._title(), encoder_padding_mask, encoder_attention_mask)
                x, cross_cache = self._attended(
                    "cross", x, encoder_sequence, mask, cross_attention_cache, cross_attention_cache_update_index,
                    training,
                )  # fmt: skip
            x = self._feedforward(x, training)
        caches = [cache for cache in (self_cache, cross_cache) if cache is not None]
        return (x, *caches) if caches else x

    def _attended(
        self, kind: str, x: Any, source: Any, mask: Any, cache: Any, index: Any, training: bool | None,
        causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """One of the two attentions with its shortcut, and its new cache, if it has one.

        Args:
            kind: "self" or "cross"; source: what is attended to, the normalized `x` when None.
        """
        layer, norm, dropout = (
            getattr(self, f"_{kind}_attention_{name}") for name in ("layer", "layer_norm", "dropout")
        )
        inner = norm(x) if self.normalize_first else x
        source = inner if source is None else source
        found = layer(
            inner, source, attention_mask=mask, cache=cache, cache_update_index=index, training=training,
            use_causal_mask=causal,
        )  # fmt: skip
        inner, cache = found if cache is not None else (found, None)
        return self._joined(x, inner, dropout, norm, training), cache

    def _check_sources(self, encoder_sequence: Any, self_cache: Any, cross_cache: Any) -> None:
        """Raises ArgumentError unless what there is of an encoder is what the layer was built for."""
        given = encoder_sequence is not None or cross_cache is not None
        if self._cross_attention_layer is None:
            if given:
                raise ArgumentError(
                    f"{self._title()} was built without encoder_sequence, and has no attention to an encoder. Give "
                    "encoder_sequence in the first call, or in none."
                )
            return
        if not given:
            raise ArgumentError(
                f"{self._title()} was built with encoder_sequence, and needs it, or a cross_attention_cache. Received: "
                "neither."
            )
        if (self_cache is None) != (cross_cache is None):
            raise ArgumentError(
                f"{self._title()}: self_attention_cache and cross_attention_cache come together. Received: only one."
            )
