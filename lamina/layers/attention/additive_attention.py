"""Attention whose scores are sums of hyperbolic tangents, weighted by what is learnt."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.layers.attention.attention import Attention


class AdditiveAttention(Attention):
    """As `Attention`, with the scores `sum(scale * tanh(query + key))`.

    Args:
        use_scale: whether `scale`, a number for each feature, is learnt; True. Otherwise it is 1.
        dropout, seed: as of `Attention`.

    Call arguments: as of `Attention`.

    Source: Bahdanau et al., 2015.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform")

    def _scores(self, query: Any, key: Any) -> Any:
        waves = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(waves if self.scale is None else self.scale * waves, axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
