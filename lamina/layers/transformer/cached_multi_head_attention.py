"""Attention that keeps the keys and values of earlier steps, so that a new step need not project them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import ops
from lamina.base.errors import ArgumentError, ShapeError
from lamina.layers.attention.multi_head_attention import MultiHeadAttention
from lamina.layers.masks import without_masks
from lamina.layers.transformer.masking import causal_mask, joined, window_mask

# While no more steps than these of a cache are in use, no others are read. Each is a branch of the program.
_USED_STEPS = (64, 128, 256, 512, 1024)


class CachedMultiHeadAttention(MultiHeadAttention):
    """`MultiHeadAttention` with a cache of keys and values; as in KerasHub.

    A cache is one tensor, as there: `(batch, 2, steps, num_heads, key_dim)`, keys and values. Or it is a pair of them,
    each `(batch, num_heads, steps, key_dim)`, which is read several times as fast where it is long.

    Args: as of `MultiHeadAttention`.

    Call arguments:
        query: `(batch, targets, features)`.
        value: `(batch, sources, features)`.
        key: the same; the value when None.
        attention_mask: bools `(batch, targets, sources)`; with a cache, the sources are the steps of the cache.
        cache: keys and values of earlier steps; none.
        cache_update_index: at which step of the cache the keys and values of this call are put, a number or a tensor;
            None to leave the cache as it is, and `key` and `value` unread.
        training: whether to drop shares.
        use_causal_mask: whether a target sees only the sources up to its own position, which with a cache counts from
            `cache_update_index`. A single target then reads about as much of the cache as is in use; False.

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
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        if cache is not None:
            return self._with_cache(
                query, value, key, attention_mask, cache, cache_update_index, training, use_causal_mask
            )
        if cache_update_index is not None:
            raise ArgumentError(
                f"{self._title()}: cache_update_index says where the cache is changed, but cache is None. Give both "
                f"or neither. Received: cache_update_index={cache_update_index!r}."
            )
        mask = self._compute_attention_mask(
            query, value, attention_mask=attention_mask, use_causal_mask=use_causal_mask
        )
        with without_masks(query, key, value):
            query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        return self._output_dense(self._attend(query, key, value, mask, training))

    def keys_and_values(self, value: Any, key: Any = None) -> Any:
        """A cache that holds the projections of these sources, which may be all that there ever are.

        Args:
            value: `(batch, sources, features)`; key: the same; the value when None.

        Returns:
            One tensor `(batch, 2, sources, num_heads, key_dim)`.
        """
        return ops.stack([self._key_dense(value if key is None else key), self._value_dense(value)], axis=1)

    def _with_cache(
        self, query: Any, value: Any, key: Any, mask: Any, cache: Any, index: Any, training: Any, causal: bool
    ) -> tuple[Any, Any]:
        before = self._checked_cache(cache)
        with without_masks(query, key, value):
            queries = self._query_dense(query)
            new = None if index is None else (self._key_dense(key), self._value_dense(value))
        self._check_room(before, new, index)
        cache = before if new is None else _updated(before, new, index)
        steps, start = queries.dims[1], 0 if index is None else index
        one = isinstance(steps, int) and steps == 1

        def attended(seen: Any = None) -> Any:
            """Attention to the first steps of the cache, or to all."""
            if new is not None and isinstance(index, int) and index == 0 and seen == steps:
                keys, values = (ops.cast(x, _parts(before)[0].dtype) for x in new)
            else:
                keys, values = (_first(x, seen, 1) for x in _by_steps(cache))
            places = steps, keys.dims[1], start
            allowed = joined(
                None if mask is None else ops.cast(_first(mask, seen, -1), "bool"),
                causal_mask(*places) if causal else None,
                None if self._sliding_window is None else window_mask(*places, self._sliding_window),
            )
            attend = self._attend_one if one else self._attend
            return attend(queries, keys, values, allowed, training)

        if causal and isinstance(start, int):
            found = attended(start + steps)
        elif causal and one:
            found = _as_far_as_used(attended, start, _length(cache))
        else:
            found = attended()
        return self._output_dense(ops.expand_dims(found, 1) if one else found), cache

    def _attend_one(self, query: Any, key: Any, value: Any, mask: Any, training: bool | None) -> Any:
        """`_attend` for a single target: for each head, sums along its keys and over its values, where they lie.

        Returns:
            `(batch, heads, size)`.
        """
        turned, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
        scores = _summed(turned * ops.cast(self._factor, turned.dtype), key, axis=-1)
        shares = self._shares(ops.expand_dims(scores, 2), mask)
        if self._dropout:
            shares = self._dropout_layer(shares, training=training)
        shares = ops.expand_dims(ops.squeeze(shares, axis=2), -1)
        return _summed(shares, value, axis=2)

    def _checked_cache(self, cache: Any) -> Any:
        """The cache as tensors; ShapeError unless it has one of the two forms."""
        heads, size = self._num_heads, self._key_dim
        if isinstance(cache, (tuple, list)):
            parts = tuple(map(ops.convert_to_tensor, cache))
            wanted: tuple[int | None, ...] = (None, heads, None, size)
            if len(parts) == 2 and all(_fits(x, wanted) for x in parts) and parts[0].dims == parts[1].dims:
                return parts
            raise ShapeError(
                f"{self._title()}: a pair of keys and values as cache must have the shapes (batch, {heads}, steps, "
                f"{size}). Received: {', '.join(str(tuple(x.shape)) for x in parts)}."
            )
        whole = ops.convert_to_tensor(cache)
        if not _fits(whole, (None, 2, None, heads, size)):
            raise ShapeError(
                f"{self._title()}: cache must have shape (batch, 2, steps, {heads}, {size}), or be a pair of tensors "
                f"(batch, {heads}, steps, {size}). Received: {tuple(whole.shape)}."
            )
        return whole

    def _check_room(self, cache: Any, new: Any, index: Any) -> None:
        """Raises ArgumentError if new steps surely do not all lie within the cache."""
        if new is None or not isinstance(index, int):
            return
        steps, length = new[0].dims[1], _length(cache)
        if index < 0 or (isinstance(steps, int) and isinstance(length, int) and index + steps > length):
            raise ArgumentError(
                f"{self._title()}: a cache of {length} steps has no room for {steps} from cache_update_index={index} "
                "on. Make a longer cache."
            )


def _fits(x: Any, wanted: tuple[int | None, ...]) -> bool:
    return len(x.shape) == len(wanted) and all(w in (None, d) for w, d in zip(wanted, x.shape))


def _parts(cache: Any) -> tuple[Any, ...]:
    return cache if isinstance(cache, tuple) else (cache,)


def _length(cache: Any) -> Any:
    """The steps for which there is room."""
    return _parts(cache)[0].dims[2]


def _by_steps(cache: Any) -> Any:
    """Keys and values `(batch, steps, heads, size)`."""
    if isinstance(cache, tuple):
        return tuple(ops.transpose(x, (0, 2, 1, 3)) for x in cache)
    return cache[:, 0], cache[:, 1]


def _updated(cache: Any, new: tuple[Any, Any], index: Any) -> Any:
    """The cache with new keys and values `(batch, steps, heads, size)` from step `index` on."""
    if isinstance(cache, tuple):
        parts = (ops.transpose(x, (0, 2, 1, 3)) for x in new)
        return tuple(_replaced(old, x, index, 2) for old, x in zip(cache, parts))
    return _replaced(cache, ops.stack(new, axis=1), index, 2)


def _replaced(old: Any, new: Any, index: Any, axis: int) -> Any:
    """A tensor with new entries from a place on; they are all of it if they fill it."""
    if isinstance(index, int) and index == 0 and new.dims[axis] == old.dims[axis]:
        return ops.cast(new, old.dtype)
    return ops.slice_update(old, [index if a == axis else 0 for a in range(len(old.dims))], new)


def _as_far_as_used(attended: Callable[..., Any], index: Any, length: Any) -> Any:
    """What a target at a place sees of the steps up to there, from a branch for about as many of them.

    Args:
        attended: takes how many steps to look at, all when nothing; index: the place, a tensor.
        length: of the cache.
    """
    used = [n for n in _USED_STEPS if not isinstance(length, int) or n < length]

    def among(first: int, last: int) -> Any:
        if first == last:
            return attended(used[first]) if first < len(used) else attended()
        middle = (first + last) // 2
        enough: Any = index < used[middle]
        if not isinstance(length, int):
            enough = ops.logical_and(enough, ops.convert_to_tensor(length) >= used[middle])
        return ops.cond(enough, lambda: among(first, middle), lambda: among(middle + 1, last))

    return among(0, len(used))


def _first(x: Any, count: Any, axis: int) -> Any:
    """The first entries along an axis, of which there are so many; all when None, or where one stands for all."""
    axis %= len(x.dims)
    if count is None or x.dims[axis] in (1, count):
        return x
    return ops.slice(x, [0] * len(x.dims), [count if a == axis else d for a, d in enumerate(x.dims)])


def _summed(x: Any, y: Any, axis: int) -> Any:
    """The sum of products, formed and rounded as that of a product of matrices is."""
    wide = "float32" if x.dtype in ("float16", "bfloat16") else x.dtype
    return ops.cast(ops.sum(ops.cast(x, wide) * ops.cast(y, wide), axis=axis), x.dtype)
