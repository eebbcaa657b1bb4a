"""Which sources a target of a transformer may see: padding, given masks, and causality as one mask."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.base.errors import ShapeError
from lamina.tensor import Tensor


def causal_mask(targets: Any, sources: Any, start: Any = 0) -> Tensor:
    """Bools `(1, targets, sources)`: whether a source does not come after a target.

    Args:
        targets, sources: how many there are.
        start: the place of the first target among the sources, a number or a tensor; 0.
    """
    rows = ops.expand_dims(ops.arange(targets, dtype="int32"), 1) + ops.cast(start, "int32")
    columns = ops.expand_dims(ops.arange(sources, dtype="int32"), 0)
    return ops.expand_dims(rows >= columns, 0)


def merged_mask(owner: str, padding_mask: Any, attention_mask: Any, causal: Any = None) -> Any:
    """All of these as one mask that broadcasts to `(batch, targets, sources)`; None if all are None.

    Args:
        padding_mask: bools `(batch, sources)`; attention_mask: bools `(batch, targets, sources)`.
    """
    parts = []
    if padding_mask is not None:
        parts.append(ops.expand_dims(_checked(owner, "padding_mask", padding_mask, 2), 1))
    if attention_mask is not None:
        parts.append(_checked(owner, "attention_mask", attention_mask, 3))
    if causal is not None:
        parts.append(causal)
    mask = None
    for part in parts:
        mask = part if mask is None else ops.logical_and(mask, part)
    return mask


def _checked(owner: str, name: str, mask: Any, rank: int) -> Tensor:
    if len(mask.shape) != rank:
        wanted = "(batch, sources)" if rank == 2 else "(batch, targets, sources)"
        raise ShapeError(f"{owner}: {name} must have shape {wanted}. Received: {tuple(mask.shape)}.")
    return ops.cast(mask, "bool")
