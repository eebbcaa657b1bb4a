"""Attention of several heads, groups of which share keys and values."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.attention.projected import ProjectedAttention
from lamina.layers.dense import positive_integer
from lamina.ops.attention import attended, attention_scores, heads_joined


class GroupedQueryAttention(ProjectedAttention):
    """Attention in which groups of heads share one projection of keys and values; also `GroupQueryAttention`.

    Args:
        head_dim: the size of a head's queries, keys and values.
        num_query_heads: how many heads.
        num_key_value_heads: how many projections of keys and values, of which the heads are a multiple: 1 for one that
            all share, `num_query_heads` for plain multi-head attention.
        dropout: share of the attention that training drops; 0.
        use_bias: whether the projections have biases; True.
        sliding_window: how far apart query and key may be, plus 1, in both directions; any distance when None.
        flash_attention: accepted as in Keras, without effect here.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, use_gate, seed: as of `MultiHeadAttention`.

    Call arguments, returns: as of `MultiHeadAttention`, for inputs `(batch, steps, features)`.

    Raises:
        ArgumentError: if the heads are not a multiple of those of keys and values.

    Source: Ainslie et al., 2023.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        self.head_dim = positive_integer("GroupedQueryAttention", "head_dim", head_dim)
        super().__init__(
            self.head_dim, dropout, use_bias, sliding_window, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint,
            use_gate, seed, **kwargs,
        )  # fmt: skip
        self.num_query_heads = positive_integer(self._title(), "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_integer(self._title(), "num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads:
            raise ArgumentError(
                f"{self._title()}: num_query_heads must be a multiple of num_key_value_heads. Received: "
                f"{num_query_heads} and {num_key_value_heads}."
            )
        self.num_repeats = self.num_query_heads // self.num_key_value_heads
        self.dropout = self._dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.sliding_window = self._sliding_window

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        if len(query_shape) != 3:
            raise ShapeError(
                f"{self._title()} takes inputs of rank 3: (batch, steps, features). Received: query "
                f"{tuple(query_shape)}. For more axes use MultiHeadAttention with attention_axes."
            )
        self.feature_dim = query_shape[-1]
        of_queries = (None, self.num_query_heads, self.head_dim)
        of_keys = (None, self.num_key_value_heads, self.head_dim)
        self._query_dense = self._projection("query", "bqm,muh->bquh", of_queries, "uh")
        self._query_dense.build(query_shape)
        self._key_dense = self._projection("key", "bkm,mvh->bkvh", of_keys, "vh")
        self._key_dense.build(key_shape)
        if self._use_gate:
            self._gate_dense = self._projection("gate", "bqm,muh->bquh", of_queries, "uh", "sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self._projection("value", "bkm,mvh->bkvh", of_keys, "vh")
        self._value_dense.build(value_shape)
        self._dropout_layer = self._make_dropout()
        self._output_dense = self._projection("attention_output", "bquh,uhm->bqm", (None, self.feature_dim), "m")
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def _compute_attention(
        self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        if not return_attention_scores:
            return self._attend(query, key, value, attention_mask, training), None
        query = query * ops.cast(self._factor, query.dtype)
        groups = self.num_repeats
        scores = attention_scores(query, key, groups)
        batch, *_, targets, sources = scores.dims
        heads = (batch, self.num_query_heads, targets, sources)
        shares = self._shares(ops.reshape(scores, heads), attention_mask)
        used = self._dropout_layer(shares, training=training) if self._dropout > 0 else shares
        return heads_joined(attended(ops.reshape(used, scores.dims), value, groups)), shares

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }
