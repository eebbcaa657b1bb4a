"""Attention of several heads, over one axis or more."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError
from lamina.layers.attention.projected import ProjectedAttention
from lamina.layers.core.einsum_dense import EinsumDense
from lamina.layers.dense import positive_integer

_LETTERS = string.ascii_lowercase


class MultiHeadAttention(ProjectedAttention):
    """Attention of several heads, each between projections of its own.

    Args:
        num_heads: how many heads.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; `key_dim` when None.
        dropout: share of the attention that training drops; 0.
        use_bias: whether the projections have biases; True.
        output_shape: of the result of one step; the features of the query when None.
        attention_axes: over which axes of the inputs to attend; all between batch and features when None.
        sliding_window: how far apart query and key may be, plus 1, in both directions; any distance when None.
        flash_attention: accepted as in Keras, without effect here.
        kernel_initializer, bias_initializer: of the projections; `"glorot_uniform"` and `"zeros"`.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of the projections; none.
        kernel_constraint, bias_constraint: projections of their weights after each update; none.
        use_gate: whether the result is multiplied by a sigmoid of another projection of the query; False.
        seed: of the dropout; drawn when None.

    Call arguments:
        query: `(batch, targets, features)`.
        value: `(batch, sources, features)`.
        key: the same; the value when None.
        query_mask, value_mask, key_mask: bools `(batch, steps)`; those that the tensors carry when None.
        attention_mask: bools `(batch, targets, sources)`, or with an axis of heads after the batch: False keeps a
            source from a target.
        return_attention_scores: whether to give the shares `(batch, heads, targets, sources)` too; False.
        training: whether to drop shares.
        use_causal_mask: whether a target sees only the sources up to its own position; False.

    Returns:
        `(batch, targets, features of the query)`, or as `output_shape` says; and on request the shares.

    Raises:
        ArgumentError: if an argument is not of these.
        ShapeError: if the inputs do not fit each other.

    Source: Vaswani et al., 2017; gates: Qiu et al., 2025.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
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
        self._key_dim = positive_integer("MultiHeadAttention", "key_dim", key_dim)
        super().__init__(
            self._key_dim, dropout, use_bias, sliding_window, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint,
            use_gate, seed, **kwargs,
        )  # fmt: skip
        self._num_heads = positive_integer(self._title(), "num_heads", num_heads)
        self._value_dim = self._key_dim
        if value_dim is not None:
            self._value_dim = positive_integer(self._title(), "value_dim", value_dim)
        self._output_shape = _axes_or_sizes(self._title(), "output_shape", output_shape)
        self._attention_axes = _axes_or_sizes(self._title(), "attention_axes", attention_axes)
        self._inverse_sqrt_key_dim = self._factor

    num_heads = property(lambda self: self._num_heads, doc="How many heads there are.")
    key_dim = property(lambda self: self._key_dim, doc="The size of a head's queries and keys.")
    value_dim = property(lambda self: self._value_dim, doc="The size of a head's values.")
    dropout = property(lambda self: self._dropout, doc="Share of the attention that training drops.")
    use_bias = property(lambda self: self._use_bias, doc="Whether the projections have biases.")
    attention_axes = property(lambda self: self._attention_axes, doc="The axes over which to attend.")
    query_dense = property(lambda self: self._query_dense, doc="The projection of the queries.")
    key_dense = property(lambda self: self._key_dense, doc="The projection of the keys.")
    value_dense = property(lambda self: self._value_dense, doc="The projection of the values.")
    output_dense = property(lambda self: self._output_dense, doc="The projection of the result.")

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        queries, keys = (self._num_heads, self._key_dim), (self._num_heads, self._key_dim)
        values = (self._num_heads, self._value_dim)
        self._query_dense = self._onto_heads("query", query_shape, queries)
        self._key_dense = self._onto_heads("key", key_shape, keys)
        if self._use_gate:
            self._gate_dense = self._onto_heads("gate", query_shape, values, "sigmoid")
        self._value_dense = self._onto_heads("value", value_shape, values)
        self._build_attention(rank + 1)
        self._dropout_layer = self._make_dropout()
        sizes = self._output_shape or (query_shape[-1],)
        letters, made = _LETTERS[: rank + 1], _LETTERS[rank + 1 : rank + 1 + len(sizes)]
        kept = letters[: rank - 1]
        self._output_dense = self._projection(
            "attention_output", f"{letters},{letters[rank - 1:]}{made}->{kept}{made}",
            (*(None for _ in kept[1:]), *sizes), made,
        )  # fmt: skip
        self._output_dense.build((*query_shape[:-1], *values))

    def _onto_heads(self, name: str, shape: Any, sizes: tuple[int, int], activation: Any = None) -> EinsumDense:
        """A projection of the features onto heads, built for an input shape."""
        rank = len(shape)
        letters, made = _LETTERS[:rank], _LETTERS[rank : rank + 2]
        kept = letters[:-1]
        layer = self._projection(
            name, f"{letters},{letters[-1]}{made}->{kept}{made}", (*(None for _ in kept[1:]), *sizes), made, activation
        )
        layer.build(shape)
        return layer

    def _build_attention(self, rank: int) -> None:
        """Works out the equations of scores and of sums.

        Args:
            rank: of projected queries: `(batch, ..., heads, size)`.
        """
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 2))
        self._attention_axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in self._attention_axes)
        axes = self._attention_axes
        target = _LETTERS[:rank]
        fresh = iter(_LETTERS[rank:])
        source = "".join(next(fresh) if i in axes else letter for i, letter in enumerate(target))
        batch = "".join(letter for i, letter in enumerate(target[:-1]) if i not in axes)
        product = batch + "".join(target[i] for i in axes) + "".join(source[i] for i in axes)
        self._dot_product_equation = f"{source},{target}->{product}"
        self._combine_equation = f"{product},{source}->{target}"
        self._softmax_axes = tuple(range(len(product) - len(axes), len(product)))

    def _compute_attention(
        self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        if len(query.shape) == 4 and not return_attention_scores:
            return self._attend(query, key, value, attention_mask, training), None
        query = query * ops.cast(self._inverse_sqrt_key_dim, query.dtype)
        scores = ops.einsum(self._dot_product_equation, key, query)
        shares = self._shares(scores, attention_mask, self._softmax_axes)
        used = self._dropout_layer(shares, training=training) if self._dropout > 0 else shares
        return ops.einsum(self._combine_equation, used, value), shares

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape) if self._output_shape is None else (*query_shape[:-1], *self._output_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
        }


def _axes_or_sizes(owner: str, name: str, value: Any) -> tuple[int, ...] | None:
    """One whole number or several as a tuple; None for none."""
    if value is None:
        return None
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not items or any(isinstance(item, bool) or not hasattr(item, "__index__") for item in items):
        raise ArgumentError(f"{owner}: {name} must be a whole number or a list of them. Received: {value!r}.")
    return tuple(int(item) for item in items)
