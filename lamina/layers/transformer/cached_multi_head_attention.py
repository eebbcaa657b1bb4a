"""Attention that keeps the keys and values of earlier steps, so that a new step need not project them again."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.attention.multi_head_attention import MultiHeadAttention
from lamina.layers.masks import without_masks


class CachedMultiHeadAttention(MultiHeadAttention):
    """`MultiHeadAttention` with a cache of keys and values; as in KerasHub.

    Args: as of `MultiHeadAttention`.

    Call arguments:
        query: `(batch, targets, features)`.
        value: `(batch, sources, features)`.
        key: the same; the value when None.
        attention_mask: bools `(batch, targets, sources)`; with a cache, the sources are the steps of the cache.
        cache: `(batch, 2, steps, num_heads, key_dim)`: keys and values.
        cache_update_index: at which step of the cache the keys and values of this call are put, a number or a tensor;
            None to leave the cache as it is, and `key` and `value` unread.
        training: whether to drop shares.

    Returns:
        `(batch, targets, features of the query)`; with a cache, a pair of that and the new cache.

    Raises:
        ArgumentError: if there is an index without a cache.
        ShapeError: if the cache does not have this shape.
    """

    def call(  # type: ignore[override]
        self,
        query: Any,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        cache: Any = None,
        cache_update_index: Any = None,
        training: bool | None = None,
    ) -> Any:
        key = value if key is None else key
        if cache is None and cache_update_index is not None:
            raise ArgumentError(
                f"{self._title()}: cache_update_index says where the cache is changed, but cache is None. Give both "
                f"or neither. Received: cache_update_index={cache_update_index!r}."
            )
        mask = self._compute_attention_mask(query, value, attention_mask=attention_mask)
        with without_masks(query, key, value):
            queries = self._query_dense(query)
            if cache is None:
                keys, values = self._key_dense(key), self._value_dense(value)
            else:
                self._check_cache(cache)
                if cache_update_index is not None:
                    cache = updated(cache, self.keys_and_values(value, key), cache_update_index)
                keys, values = cache[:, 0], cache[:, 1]
        attend = self._attend_one if cache is not None and _is_one(queries.dims[1]) else self._attend
        outputs = self._output_dense(attend(queries, keys, values, mask, training))
        return outputs if cache is None else (outputs, cache)

    def keys_and_values(self, value: Any, key: Any = None) -> Any:
        """A cache that holds the projections of these sources, which may be all that there ever are.

        Args:
            value: `(batch, sources, features)`; key: the same; the value when None.
        """
        return ops.stack([self._key_dense(value if key is None else key), self._value_dense(value)], axis=1)

    def _attend_one(self, query: Any, key: Any, value: Any, mask: Any, training: bool | None) -> Any:
        """`_attend` for a single target: for each head, sums along its keys and over its values, where they lie."""
        turned = ops.transpose(query * ops.cast(self._factor, query.dtype), (0, 2, 1, 3))
        scores = _summed(turned, ops.transpose(key, (0, 2, 1, 3)), axis=-1)
        shares = self._shares(ops.expand_dims(scores, 2), mask)
        if self._dropout:
            shares = self._dropout_layer(shares, training=training)
        shares = ops.expand_dims(ops.squeeze(shares, axis=2), -1)
        return ops.expand_dims(_summed(shares, ops.transpose(value, (0, 2, 1, 3)), axis=2), 1)

    def _check_cache(self, cache: Any) -> None:
        wanted = (None, 2, None, self._num_heads, self._key_dim)
        if len(cache.shape) != 5 or any(w not in (None, d) for w, d in zip(wanted, cache.shape)):
            raise ShapeError(
                f"{self._title()}: cache must have shape (batch, 2, steps, {self._num_heads}, {self._key_dim}). "
                f"Received: {tuple(cache.shape)}."
            )


def updated(cache: Any, new: Any, index: Any) -> Any:
    """The cache with new keys and values from step `index` on; they are the cache if they fill it."""
    if isinstance(index, int) and index == 0 and new.dims[2] == cache.dims[2]:
        return ops.cast(new, cache.dtype)
    return ops.slice_update(cache, (0, 0, index, 0, 0), new)


def _summed(x: Any, y: Any, axis: int) -> Any:
    """The sum of products, formed and rounded as that of a product of matrices is."""
    wide = "float32" if x.dtype in ("float16", "bfloat16") else x.dtype
    return ops.cast(ops.sum(ops.cast(x, wide) * ops.cast(y, wide), axis=axis), x.dtype)


def _is_one(steps: Any) -> bool:
    return isinstance(steps, int) and steps == 1
