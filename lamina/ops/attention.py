"""Attention: sums of values, weighted by how well their keys match a query."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamina import primitives as P
from lamina.base import dtypes
from lamina.base.dims import format_shape
from lamina.base.errors import ArgumentError, ShapeError
from lamina.ops.activations import softmax
from lamina.ops.core import Operand, cast, convert, operands, stop_gradient
from lamina.ops.creation import arange
from lamina.ops.elementwise import absolute, divide_no_nan
from lamina.ops.logic import logical_and, where
from lamina.ops.reduction import max as reduce_max
from lamina.ops.reduction import sum
from lamina.ops.shaping import expand_dims, reshape, transpose
from lamina.ops.transcendental import exp
from lamina.tensor.arithmetic import add, divide, greater_equal, less, multiply, subtract
from lamina.tensor.contraction import contract
from lamina.tensor.dispatch import is_symbolic
from lamina.tensor.tensor import Tensor

# Exponentials of such numbers are 0, and sums with them stay finite in every dtype.
_FAR_BELOW = -0.7 * 3.4028234663852886e38
_FAR_BELOW_HALF = -3e4


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """`softmax(query @ key * scale + bias) @ value`, for each head on its own.

    Args:
        query: `(batch, targets, heads, size)`.
        key: `(batch, sources, key_heads, size)`. Where there are fewer key heads than heads, which must be a multiple,
            a group of heads in a row shares one.
        value: `(batch, sources, key_heads, value_size)`.
        bias: added to the scores; broadcasts to `(batch, heads, targets, sources)`.
        mask: bools that broadcast to the same; False keeps a source from a target. A target that is kept from all
            sources gets their mean.
        scale: factor of the scores; `1 / sqrt(size)` when None.
        is_causal: whether a target sees only the sources up to its own position; False.
        flash_attention: accepted as in Keras, without effect here.
        attn_logits_soft_cap: accepted as in Keras; only None is possible.

    Returns:
        `(batch, targets, heads, value_size)`.

    Raises:
        ShapeError: if the shapes do not fit each other.

    Source: Vaswani et al., 2017; groups: Ainslie et al., 2023.
    """
    if attn_logits_soft_cap is not None:
        raise ArgumentError(
            f"dot_product_attention: attn_logits_soft_cap is not supported. Received: {attn_logits_soft_cap!r}."
        )
    return attend(query, key, value, bias=bias, mask=mask, scale=scale, is_causal=is_causal)


def attend(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: float | None = None,
    is_causal: bool = False, drop: Callable[[Any], Any] | None = None, none_is_zero: bool = False,
) -> Tensor:  # fmt: skip
    """As `dot_product_attention`.

    Args:
        drop: what is done to the shares before they are used, such as dropout; scaled alike, all or none.
        none_is_zero: whether a target that is kept from all sources gets 0 instead of their mean.
    """
    name = "dot_product_attention"
    q, k, v = operands(query, key, value)
    groups = _check_heads(name, q, k, v)
    factor = 1.0 / math.sqrt(_known_size(name, q)) if scale is None else float(scale)
    wide = dtypes.compute_dtype(q.dtype)
    scores: Operand = cast(attention_scores(multiply(q, cast(convert(factor), q.dtype)), k, groups), wide)
    if bias is not None:
        scores = add(scores, _with_groups(cast(convert(bias), wide), groups))
    if is_causal:
        causal = causal_mask(q, k)
        mask = causal if mask is None else logical_and(mask, causal)
    keep = None if mask is None else _with_groups(cast(convert(mask), "bool"), groups)
    if keep is not None:
        scores = where(keep, scores, far_below(wide))
    zeroed = keep if none_is_zero else None
    if wide != v.dtype:  # sums of so many values, not yet divided, may not fit into halves
        shares = softmax(scores) if zeroed is None else where(zeroed, softmax(scores), 0.0)
        return heads_joined(attended(cast(shares if drop is None else drop(shares), v.dtype), v, groups))
    return heads_joined(_divided_last(scores, v, groups, drop, zeroed))


def _divided_last(
    scores: Operand, value: Operand, groups: int, drop: Callable[[Any], Any] | None, zeroed: Operand | None
) -> Tensor:
    """`attended(softmax(scores), value)`, with the division by the sums after the product.

    There are fewer results than shares to divide, and shares need not be kept beside the exponentials.

    Args:
        zeroed: bools; False makes a share 0 even if all of its line are False.
    """
    highest = stop_gradient(reduce_max(scores, axis=-1, keepdims=True))
    powers = exp(subtract(scores, highest))
    if zeroed is not None:
        powers = where(zeroed, powers, 0.0)
    totals = sum(powers, axis=-1)
    factors = divide(1.0, totals) if zeroed is None else divide_no_nan(1.0, totals)
    rank = len(factors.dims)
    by_steps = transpose(factors, (0, rank - 1, *range(1, rank - 1)))
    return multiply(attended(powers if drop is None else drop(powers), value, groups), expand_dims(by_steps, -1))


def attention_scores(query: Operand, key: Operand, groups: int) -> Tensor:
    """The products of all queries and keys: `(batch, heads, targets, sources)`, heads in two axes if in groups.

    Args:
        groups: how many heads share a key head; 1 for none.
    """
    if groups == 1:
        return contract(query, key, ("bthd", "bshd", "bhts"))
    return contract(_in_groups(query, groups), key, ("btkgd", "bskd", "bkgts"))


def attended(shares: Operand, value: Operand, groups: int) -> Tensor:
    """The values summed in shares, which are shaped as `attention_scores` gives them: `(batch, targets, heads, size)`,
    heads in two axes if in groups.
    """
    if groups == 1:
        return contract(shares, value, ("bhts", "bshd", "bthd"))
    return contract(shares, value, ("bkgts", "bskd", "btkgd"))


def heads_joined(x: Tensor) -> Tensor:
    """Attended values with one axis of heads."""
    if len(x.dims) == 4:
        return x
    batch, targets, heads, groups, size = x.dims
    return reshape(x, (batch, targets, heads * groups, size))


def causal_mask(query: Operand, key: Operand, axis: int = 1) -> Tensor:
    """Bools `(targets, sources)`: whether the source does not come after the target.

    Args:
        query, key: of which only the number of steps counts.
        axis: of the steps.
    """
    return greater_equal(*_places(query, key, axis))


def band_mask(query: Operand, key: Operand, width: int, axis: int = 1) -> Tensor:
    """Bools `(targets, sources)`: whether the two positions differ by less than `width`."""
    return less(absolute(subtract(*_places(query, key, axis))), width)


def far_below(dtype: str) -> float:
    """What masked scores are set to: so low that they get no share, and finite."""
    return _FAR_BELOW_HALF if dtype == "float16" else _FAR_BELOW


def masked_softmax(scores: Any, mask: Any = None, axis: Any = -1) -> Tensor:
    """The softmax of the scores that a mask lets in; 0 for the others, and where it lets none in.

    Args:
        mask: bools that broadcast to the scores; None for all.
        axis: over which the result sums to 1; one or several.
    """
    if mask is None:
        return softmax(scores, axis)
    x = convert(scores)
    return where(mask, softmax(where(mask, x, far_below(x.dtype)), axis), 0.0)


def _places(query: Operand, key: Operand, axis: int) -> tuple[Tensor, Tensor]:
    """The positions of targets, as a column, and of sources, as a row.

    A program counts them as it goes: a mask of all pairs, known beforehand, would be read from memory.
    """
    targets, sources = query.dims[axis], key.dims[axis]
    if is_symbolic((query, key)):
        column, row = P.iota((targets, 1), "int32", 0), P.iota((1, sources), "int32", 1)
        return Tensor.of_node(column), Tensor.of_node(row)
    return expand_dims(arange(targets, dtype="int32"), 1), expand_dims(arange(sources, dtype="int32"), 0)


def _in_groups(x: Operand, groups: int) -> Tensor:
    batch, steps, heads, size = x.dims
    return reshape(x, (batch, steps, heads // groups, groups, size))


def _with_groups(x: Operand, groups: int) -> Operand:
    """What broadcasts to `(batch, heads, targets, sources)`, with the axis of heads as two."""
    if groups == 1 or len(x.dims) < 3:
        return x
    *front, heads, targets, sources = x.dims
    pair = (1, 1) if heads == 1 else (heads // groups, groups)
    return reshape(x, (*front, *pair, targets, sources))


def _known_size(name: str, query: Operand) -> int:
    size = query.dims[-1]
    if not isinstance(size, int):
        raise ShapeError(f"{name}: give the scale, as the last axis of the query is not known: {query.dims}.")
    return size


def _check_heads(name: str, query: Operand, key: Operand, value: Operand) -> int:
    """How many heads share a key head; ShapeError where the shapes do not fit."""
    q, k, v = query.dims, key.dims, value.dims
    received = f"Received: query {format_shape(q)}, key {format_shape(k)}, value {format_shape(v)}."
    if not len(q) == len(k) == len(v) == 4:
        raise ShapeError(f"{name}: expected query, key and value of rank 4: (batch, steps, heads, size). {received}")
    if k[:3] != v[:3]:
        raise ShapeError(f"{name}: key and value must agree in batch, steps and heads. {received}")
    if q[3] != k[3]:
        raise ShapeError(f"{name}: query and key must have the same last axis. {received}")
    if q[2] != k[2] and (not isinstance(q[2], int) or not isinstance(k[2], int) or not k[2] or q[2] % k[2]):
        raise ShapeError(f"{name}: the heads of the query must be a multiple of those of the key. {received}")
    return 1 if q[2] == k[2] else q[2] // k[2]  # type: ignore[return-value, operator]
