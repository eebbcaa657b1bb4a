"""What the attention layers of several heads have in common: projections, masks, dropout, gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import constraints, initializers, ops, regularizers
from lamina.base.errors import ShapeError
from lamina.layers.attention.attention import checked_rate
from lamina.layers.core.copies import copied
from lamina.layers.core.einsum_dense import EinsumDense
from lamina.layers.dense import positive_integer
from lamina.layers.layer import Layer
from lamina.layers.masks import without_masks
from lamina.layers.regularization.dropout import Dropout
from lamina.ops.attention import attend, band_mask, causal_mask, masked_softmax


class ProjectedAttention(Layer):
    """Base of attention between projections of queries, keys and values.

    A subclass makes `_query_dense`, `_key_dense`, `_value_dense`, `_output_dense` (and `_gate_dense`) in `build`, and
    has `_compute_attention`.

    Args:
        size: of a head's queries and keys.
        dropout: share of the attention that training drops.
        sliding_window: how far apart query and key may be, plus 1; None for any distance.
        The others: as of `MultiHeadAttention`.
    """

    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _gate_dense: EinsumDense
    _output_dense: EinsumDense
    _dropout_layer: Dropout

    def __init__(
        self,
        size: int,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self._dropout = checked_rate(self._title(), dropout)
        self._use_bias = use_bias
        self._use_gate = use_gate
        if sliding_window is not None:
            sliding_window = positive_integer(self._title(), "sliding_window", sliding_window)
        self._sliding_window = sliding_window
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self._kernel_regularizer = regularizers.get(kernel_regularizer)
        self._bias_regularizer = regularizers.get(bias_regularizer)
        self._activity_regularizer = regularizers.get(activity_regularizer)
        self._kernel_constraint = constraints.get(kernel_constraint)
        self._bias_constraint = constraints.get(bias_constraint)
        self.seed = seed
        self._factor = 1.0 / math.sqrt(size)

    def _projection(
        self, name: str, equation: str, output_shape: Sequence[int | None], bias_axes: str, activation: Any = None
    ) -> EinsumDense:
        """A dense layer with this layer's initializers (each one a copy, which draws its own numbers), and so on."""
        return EinsumDense(
            equation, output_shape=output_shape, bias_axes=bias_axes if self._use_bias else None,
            activation=activation, name=name, dtype=self.dtype_policy,
            kernel_initializer=copied(self._kernel_initializer), bias_initializer=copied(self._bias_initializer),
            kernel_regularizer=self._kernel_regularizer, bias_regularizer=self._bias_regularizer,
            activity_regularizer=self._activity_regularizer,
            kernel_constraint=self._kernel_constraint, bias_constraint=self._bias_constraint,
        )  # fmt: skip

    def _make_dropout(self) -> Dropout:
        return Dropout(self._dropout, dtype=self.dtype_policy, seed=self.seed)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        mask = self._compute_attention_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        with without_masks(query, key, value):
            gate = self._gate_dense(query) if self._use_gate else None
            query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        outputs, scores = self._compute_attention(
            query, key, value, attention_mask=mask, training=training, return_attention_scores=return_attention_scores
        )
        outputs = self._output_dense(outputs if gate is None else outputs * gate)
        return (outputs, scores) if return_attention_scores else outputs

    def _compute_attention(
        self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """The attended values of all heads, and the shares if they are wanted."""
        raise NotImplementedError(f"{self._title()} has no `_compute_attention(self, query, key, value, ...)`.")

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """All masks as one, that broadcasts to `(batch, targets, sources)`; None without any."""
        parts = []
        if query_mask is not None:
            parts.append(ops.expand_dims(ops.cast(query_mask, "bool"), -1))
        parts += [ops.expand_dims(ops.cast(m, "bool"), -2) for m in (value_mask, key_mask) if m is not None]
        if use_causal_mask:
            parts.append(self._compute_causal_mask(query, value))
        if self._sliding_window is not None:
            parts.append(ops.expand_dims(band_mask(query, value, self._sliding_window), 0))
        if attention_mask is not None:
            parts.append(ops.cast(attention_mask, "bool"))
        if not parts:
            return None
        mask = parts[0]
        for part in parts[1:]:
            mask = ops.logical_and(mask, part)
        return mask

    def _compute_causal_mask(self, query: Any, value: Any = None) -> Any:
        """Bools `(1, targets, sources)`: whether the source does not come after the target."""
        return ops.expand_dims(causal_mask(query, query if value is None else value), 0)

    def _attend(self, query: Any, key: Any, value: Any, mask: Any, training: bool | None) -> Any:
        """The attended values of all heads, for inputs `(batch, steps, heads, size)`; nobody sees the shares."""
        mask = None if mask is None else with_heads(mask, 4)
        if not self._dropout:
            return ops.dot_product_attention(query, key, value, mask=mask, scale=self._factor)
        return attend(
            query, key, value, mask=mask, scale=self._factor, none_is_zero=True,
            drop=lambda shares: self._dropout_layer(shares, training=training),
        )  # fmt: skip

    def _shares(self, scores: Any, mask: Any, axes: Any = -1) -> Any:
        """The softmax of scores `(batch, heads, ..., targets, sources)`; a mask may lack the axis of heads."""
        return masked_softmax(scores, None if mask is None else with_heads(mask, len(scores.shape), axes), axes)

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds for the shapes of query, value and key that `get_build_config()` gave."""
        if config and not self.built:
            self.build(*config["input_shape"])

    def _check_shapes(self, query_shape: Any, value_shape: Any, key_shape: Any) -> None:
        """Raises ShapeError unless value and key have the same steps and all shapes are those of sequences."""
        if min(map(len, (query_shape, value_shape, key_shape))) < 3 or value_shape[1:-1] != key_shape[1:-1]:
            raise ShapeError(
                f"{self._title()}: query, value and key must be (batch, steps, features), the last two with the same "
                f"steps. Received: query {tuple(query_shape)}, value {tuple(value_shape)}, key {tuple(key_shape)}."
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "sliding_window": self._sliding_window,
            "kernel_initializer": initializers.serialize(self._kernel_initializer),
            "bias_initializer": initializers.serialize(self._bias_initializer),
            "kernel_regularizer": regularizers.serialize(self._kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self._bias_regularizer),
            "kernel_constraint": constraints.serialize(self._kernel_constraint),
            "bias_constraint": constraints.serialize(self._bias_constraint),
            "seed": self.seed,
        }
        if self._activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self._activity_regularizer)
        return config


def with_heads(mask: Any, rank: int, axes: Any = -1) -> Any:
    """The mask with axes of size 1 before those of targets and sources, up to a rank."""
    attended = 1 if isinstance(axes, int) else len(axes)
    for _ in range(rank - len(mask.shape)):
        mask = ops.expand_dims(mask, -2 * attended - 1)
    return mask
